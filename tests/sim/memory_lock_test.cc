// SPDX-License-Identifier: BSD-2-Clause
// Locked memory: what is refused, what counts and what it keeps from being done, beside the build
// machine's own. Addresses are only named, never used.
#include "both_sides.h"

#include <drupe/mm/address_space.h>
#include <drupe/process/process.h>

#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace drupe;
using sim::check_both;
using sim::Side;

namespace {

constexpr long page = 4096;

/// Locked pages by now.
std::int64_t locked(Side& s) {
    if (s.is_here())
        return static_cast<std::int64_t>(
            process::current_process().image->space().stats().locked.n);
    // Without memory of its own, which may be locked, too.
    static char text[8192];
    const int file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t bytes = ::read(file, text, sizeof text - 1);
    ::close(file);
    text[bytes < 0 ? 0 : bytes] = '\0';
    const char* line = std::strstr(text, "VmLck:");
    return line ? std::strtol(line + 6, nullptr, 10) * 1024 / page : -1;
}
long map(Side& s, long pages, int flags = 0, int protection = PROT_READ | PROT_WRITE) {
    const auto at = DRUPE_CALL(s, mmap, nullptr, pages * page, protection,
                               MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    s.note("map " + std::to_string(pages), at < 0 ? at : 0);
    return at;
}
void limit(Side& s, long soft_pages) {
    rlimit now{};
    DRUPE_CALL(s, prlimit64, 0, RLIMIT_MEMLOCK, nullptr, &now);
    now.rlim_cur = static_cast<rlim_t>(soft_pages * page);
    s.note("limit", DRUPE_CALL(s, prlimit64, 0, RLIMIT_MEMLOCK, &now, nullptr));
}

} // namespace

TEST_CASE("memory is locked, counted and let go as on Linux") {
    check_both([](Side& s) {
        const std::int64_t before = locked(s);
        const auto count = [&] { s.note("locked", locked(s) - before); };
        const long at = map(s, 8);
        DRUPE_CALL(s, munmap, at + 6 * page, page);
        s.note("lock", DRUPE_CALL(s, mlock, at + page + 5, page)); // touches two pages
        count();
        s.note("again", DRUPE_CALL(s, mlock2, at, 4 * page, MLOCK_ONFAULT));
        count();
        s.note("hole", DRUPE_CALL(s, mlock, at + 5 * page, 3 * page));
        count(); // what lies before the hole is locked
        s.note("unlock", DRUPE_CALL(s, munlock, at + 5 * page, page));
        s.note("hole", DRUPE_CALL(s, munlock, at + 6 * page, page));
        s.note("none", DRUPE_CALL(s, mlock, at + 6 * page, 0));
        s.note("flags", DRUPE_CALL(s, mlock2, at, page, 2));
        s.note("wraps", DRUPE_CALL(s, mlock, at, -page));
        count();
        s.note("sync", DRUPE_CALL(s, msync, at, 2 * page, MS_ASYNC));
        s.note("invalidate", DRUPE_CALL(s, msync, at, 2 * page, MS_SYNC | MS_INVALIDATE));
        s.note("unlocked", DRUPE_CALL(s, msync, at + 5 * page, page, MS_INVALIDATE));
        for (int advice : {MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED, 24})
            s.note("advice " + std::to_string(advice), DRUPE_CALL(s, madvise, at, page, advice));
        s.note("unmap", DRUPE_CALL(s, munmap, at, 2 * page));
        count();
        const long more = DRUPE_CALL(s, mremap, at + 2 * page, 2 * page, 9 * page, 1, 0);
        s.note("moved", more > 0);
        count();
        s.note("protect", DRUPE_CALL(s, mprotect, more, page, PROT_NONE));
        s.note("lock", DRUPE_CALL(s, mlock, more, page));
        count();
        const long direct = map(s, 3, MAP_LOCKED);
        count();
        map(s, 2, 0, PROT_NONE);
        for (int flags : {0, 4, 8, 16}) s.note("all", DRUPE_CALL(s, mlockall, flags));
        s.note("future", DRUPE_CALL(s, mlockall, MCL_FUTURE | MCL_ONFAULT));
        const std::int64_t without = locked(s);
        DRUPE_CALL(s, mmap, nullptr, 3 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        const std::int64_t with = locked(s);
        s.note("locked", with - without);
        s.note("current", DRUPE_CALL(s, mlockall, MCL_CURRENT | MCL_ONFAULT));
        s.note("more", locked(s) - before >= 3 + 3 + 9);
        map(s, 1);
        s.note("none", DRUPE_CALL(s, munlockall));
        s.note("locked", locked(s));
        s.note("unmap", DRUPE_CALL(s, munmap, direct, 3 * page));
    });
}

TEST_CASE("how much may be locked is limited as on Linux") {
    check_both([](Side& s) {
        DRUPE_CALL(s, munlockall);
        rlimit before{};
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_MEMLOCK, nullptr, &before);
        limit(s, 4);
        const long root = map(s, 10, MAP_LOCKED); // root may
        DRUPE_CALL(s, munmap, root, 10 * page);
        static std::vector<std::string> seen;
        seen.clear();
        // On Linux the thread alone becomes somebody else, here all do.
        s.start([](Side& other) {
            DRUPE_NOTE(other, setresuid, 4712, 4712, 4712);
            const long at = map(other, 8);
            other.note("five", DRUPE_CALL(other, mlock, at, 5 * page));
            other.note("three", DRUPE_CALL(other, mlock, at, 3 * page));
            other.note("two", DRUPE_CALL(other, mlock, at + 4 * page, 2 * page));
            other.note("two known", DRUPE_CALL(other, mlock, at + 2 * page, 2 * page));
            other.note("locked", locked(other));
            map(other, 1, MAP_LOCKED);
            other.note("grow", DRUPE_CALL(other, mremap, at, 4 * page, 5 * page, 1, 0));
            other.note("all", DRUPE_CALL(other, mlockall, MCL_CURRENT));
            other.note("future", DRUPE_CALL(other, mlockall, MCL_FUTURE));
            map(other, 1);
            other.note("let go", DRUPE_CALL(other, munlock, at, page));
            const long small = map(other, 1);
            other.note("locked", locked(other));
            DRUPE_CALL(other, munlockall);
            DRUPE_CALL(other, munmap, small, page);
            limit(other, 0);
            other.note("lock", DRUPE_CALL(other, mlock, at, page));
            other.note("empty", DRUPE_CALL(other, mlock, at, 0));
            other.note("all", DRUPE_CALL(other, mlockall, MCL_FUTURE));
            other.note("unlock", DRUPE_CALL(other, munlock, at, page));
            map(other, 1, MAP_LOCKED);
            seen = other.log;
        });
        s.join();
        for (const std::string& each : seen) s.log.push_back(each);
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_MEMLOCK, &before, nullptr);
    });
}
