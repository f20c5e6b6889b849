// SPDX-License-Identifier: BSD-2-Clause
// Calls about System V's shared memory, semaphores and messages for scripts of both_sides.h.
// Numbers of objects differ between the sides and are never noted; times are noted as "set or not".
#pragma once

#include "both_sides.h"

#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

namespace sysv_calls {

using sim::Side;

/// The simulated machine begins in 1970 and without /proc.
inline void prepare(Side& s) {
    if (!s.is_here()) return;
    timespec now{1'700'000'000, 0};
    REQUIRE(DRUPE_CALL(s, clock_settime, CLOCK_REALTIME, &now) == 0);
    REQUIRE(DRUPE_CALL(s, mkdirat, AT_FDCWD, "/proc", 0755) == 0);
    REQUIRE(DRUPE_CALL(s, mount, "proc", "/proc", "proc", 0, nullptr) == 0);
}
inline void clean_up(Side& s) {
    if (s.is_here()) CHECK(DRUPE_CALL(s, umount2, "/proc", 0) == 0);
}
/// Runs a script on both sides with that done.
inline void check(const std::function<void(Side&)>& script) {
    sim::check_both([&](Side& s) {
        prepare(s);
        script(s);
        clean_up(s);
    });
}

inline void note_id(Side& s, const std::string& what, std::int64_t id) {
    s.note(what, id < 0 ? id : 0);
}

/// A key that no other test run uses, and an object of the build machine's hardly either.
inline int key_of(Side& s, int number) {
    return 0x44525000 + number + (s.is_here() ? 0 : (::getpid() & 0xffff) << 8);
}

/// The head of every report.
struct Owner {
    std::int32_t key;
    std::uint32_t uid, gid, cuid, cgid, mode;
    std::uint16_t sequence, rest[3];
    std::uint64_t unused[2];
};
static_assert(sizeof(Owner) == sizeof(ipc_perm));

inline void note_owner(Side& s, const Owner& o, int key) {
    s.note("key", o.key == key ? 1 : o.key);
    s.note("owner", std::to_string(o.uid) + " " + std::to_string(o.gid) + " " +
                        std::to_string(o.cuid) + " " + std::to_string(o.cgid));
    s.note("mode", o.mode);
}

/// The rows of a file in /proc/sysvipc that have this key, with numbers, processes and times taken
/// out; both headers and the widths of columns stay.
inline void note_rows(Side& s, const char* path, int key, const std::vector<std::size_t>& hidden) {
    const auto fd = DRUPE_CALL(s, openat, -100, path, 0, 0);
    std::string text;
    char part[4000];
    for (;;) {
        const auto n = DRUPE_CALL(s, read, static_cast<int>(fd), part, sizeof part);
        if (n <= 0) break;
        text.append(part, static_cast<std::size_t>(n));
    }
    DRUPE_CALL(s, close, static_cast<int>(fd));
    std::size_t at = text.find('\n');
    s.note(path, text.substr(0, at));
    for (at++; at < text.size(); at = text.find('\n', at) + 1) {
        std::string row = text.substr(at, text.find('\n', at) - at);
        std::size_t column = 0;
        std::string shown;
        for (std::size_t i = 0; i < row.size();) {
            std::size_t end = row.find_first_not_of(' ', i);
            if (end == std::string::npos) break;
            end = std::min(row.find(' ', end), row.size());
            const std::string field = row.substr(i, end - i);
            if (column == 0 && std::stoi(field) != key) break;
            const bool hides =
                std::find(hidden.begin(), hidden.end(), column) != hidden.end() || column < 2;
            shown += hides ? std::string(field.size() > 12 ? field.size() : 1, '#') : field;
            i = end;
            column++;
        }
        if (!shown.empty()) s.note("row", shown);
    }
}

/// Another process, with a copy of the memory; waits for its end. What it notes comes to the rest.
inline void in_child(Side& s, const std::function<void(Side&)>& body) {
    if (s.is_here()) {
        auto notes = std::make_shared<std::vector<std::string>>();
        REQUIRE(sim::clone(s.program(), sim::fork_flags, [body, notes](sim::Program& p) {
                    Side child(&p, *notes);
                    body(child);
                }) > 0);
        DRUPE_CALL(s, wait4, -1, nullptr, 0, nullptr);
        s.log.insert(s.log.end(), notes->begin(), notes->end());
        return;
    }
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    if (::fork() == 0) {
        std::vector<std::string> notes;
        Side child(nullptr, notes);
        body(child);
        for (const std::string& line : notes)
            (void)!::write(ends[1], (line + "\n").data(), line.size() + 1);
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string text;
    char part[512];
    for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(n));
    ::close(ends[0]);
    DRUPE_CALL(s, wait4, -1, nullptr, 0, nullptr);
    for (std::size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
        s.log.push_back(text.substr(from, to - from));
}

} // namespace sysv_calls
