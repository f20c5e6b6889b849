// SPDX-License-Identifier: BSD-2-Clause
// Corners of file calls, each done twice: by this kernel and by the build machine's Linux.
#include "files_once.h"
#include "process_programs.h"

#include <drupe/base/scope_exit.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace drupe;
namespace sys = drupe::syscall;
using sim::at;
using sim::Word;

namespace {

constexpr int cwd = -100;
constexpr VirtAddr nowhere{8};

std::int64_t ours(Result<Word> r) {
    return r.ok() ? static_cast<std::int64_t>(r.value()) : sys::to_return_value(r.error());
}
std::int64_t theirs(std::int64_t result) { return result < 0 ? -errno : result; }

/// The same file or pipe in both kernels.
struct Both {
    int our, their;
};

Both open_both(const char* name, int flags) {
    const Both fd{static_cast<int>(ours(sys::openat(cwd, at(name), flags, 0644))),
                  ::open(name, flags, 0644)};
    REQUIRE(fd.our >= 0);
    REQUIRE(fd.their >= 0);
    return fd;
}

struct BothPipes {
    int our[2], their[2];
    BothPipes() {
        REQUIRE(ours(sys::pipe2(at(our), 0)) == 0);
        REQUIRE(::pipe(their) == 0);
    }
    ~BothPipes() {
        for (int fd : their) ::close(fd);
    }
};

/// Runs `body` in a program with an empty root, and here in an empty directory.
void in_both(const std::function<void()>& body) {
    char path[] = "/tmp/drupe-calls-XXXXXX";
    REQUIRE(mkdtemp(path));
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(path);
    sim::Programs programs;
    REQUIRE(sim::init_files());
    programs.start([&](sim::Program&) {
        auto fs = ramfs::create({}).value();
        ScopeExit gone{[&] { fs->detach(); }};
        auto& who = process::current_context();
        who.fs->set_root(fs->root());
        who.fs->set_cwd(fs->root());
        body();
        who.files->close_all();
    });
    programs.run();
    std::filesystem::current_path(before);
    std::filesystem::remove_all(path);
}

} // namespace

TEST_CASE("a path can be kept inside the directory it starts from, the current one too") {
    in_both([] {
        struct {
            std::uint64_t flags = 0, mode = 0, resolve;
        } in_root{.resolve = 16}, unknown{.resolve = ~std::uint64_t{0}};
        REQUIRE(ours(sys::mkdirat(cwd, at("d"), 0755)) == 0);
        REQUIRE(::mkdir("d", 0755) == 0);
        REQUIRE(ours(sys::chdir(at("d"))) == 0);
        REQUIRE(::chdir("d") == 0);
        const Both file = open_both("f", O_CREAT | O_RDWR);
        for (const char* path : {"/f", "/d", "/../f", "f", "/"})
            for (auto* how : {&in_root, &unknown}) {
                INFO(path << " " << how->resolve);
                const std::int64_t our = ours(sys::openat2(cwd, at(path), at(how), sizeof *how));
                const std::int64_t their =
                    theirs(::syscall(SYS_openat2, AT_FDCWD, path, how, sizeof *how));
                CHECK((our >= 0 ? 0 : our) == (their >= 0 ? 0 : their));
                if (their >= 0) ::close(static_cast<int>(their));
            }
        ::close(file.their);
    });
}

TEST_CASE("sendfile stores where it came to, also when nothing moved") {
    in_both([] {
        const Both from = open_both("from", O_CREAT | O_RDWR),
                   to = open_both("to", O_CREAT | O_RDWR);
        const std::uint64_t here = 0;
        CHECK(ours(sys::sendfile(to.our, from.our, nowhere, 1)) ==
              theirs(::syscall(SYS_sendfile, to.their, from.their, raw(nowhere), 1)));
        // Readable, so that only the store at the end can fail.
        CHECK(ours(sys::sendfile(to.our, from.our, at(&here), 1)) ==
              theirs(::sendfile(to.their, from.their, nullptr, 1)));
        ::close(from.their);
        ::close(to.their);
    });
}

TEST_CASE("a copy whose range wraps around is refused, one beyond the end is not") {
    in_both([] {
        const Both from = open_both("from", O_CREAT | O_RDWR),
                   to = open_both("to", O_CREAT | O_RDWR);
        for (const std::uint64_t bytes : {~std::uint64_t{0}, std::uint64_t{INT64_MAX}}) {
            std::int64_t our_at = 10;
            loff_t their_at = 10;
            INFO(bytes);
            CHECK(
                ours(sys::copy_file_range(from.our, at(&our_at), to.our, VirtAddr{0}, bytes, 0)) ==
                theirs(::copy_file_range(from.their, &their_at, to.their, nullptr, bytes, 0)));
        }
        ::close(from.their);
        ::close(to.their);
    });
}

TEST_CASE("a pipe is not spliced into a file that only grows") {
    in_both([] {
        BothPipes pipes;
        const Both file = open_both("grows", O_CREAT | O_RDWR | O_APPEND);
        REQUIRE(ours(sys::write(pipes.our[1], at("abc"), 3)) == 3);
        REQUIRE(::write(pipes.their[1], "abc", 3) == 3);
        CHECK(ours(sys::splice(pipes.our[0], VirtAddr{0}, file.our, VirtAddr{0}, 3, 0)) ==
              theirs(::splice(pipes.their[0], nullptr, file.their, nullptr, 3, 0)));
        ::close(file.their);
    });
}

TEST_CASE("vmsplice fills a pipe once and does not wait for the rest") {
    in_both([] {
        BothPipes pipes;
        // Linux's pipes hold pages: only whole ones fill them to the byte.
        alignas(page_size) static char bytes[200'000];
        const iovec vector{bytes, sizeof bytes};
        CHECK(ours(sys::vmsplice(pipes.our[1], at(&vector), 1, 0)) ==
              theirs(::vmsplice(pipes.their[1], &vector, 1, 0)));
    });
}

TEST_CASE("only what has ranges can be synchronized by ranges") {
    in_both([] {
        BothPipes pipes;
        const Both file = open_both("file", O_CREAT | O_RDWR), directory = open_both(".", O_RDONLY);
        for (const Both fd : {Both{pipes.our[0], pipes.their[0]}, file, directory})
            CHECK(ours(sys::sync_file_range(fd.our, 0, 1, 4)) ==
                  theirs(::sync_file_range(fd.their, 0, 1, 4)));
        ::close(file.their);
        ::close(directory.their);
    });
}

TEST_CASE("a deadlock is found also when the one waited for has changed") {
    constexpr std::int64_t ms = 1'000'000;
    sim::Programs programs;
    REQUIRE(sim::init_files());
    std::int64_t refused = 0;
    programs.start([&](sim::Program& first) {
        auto fs = ramfs::create({}).value();
        ScopeExit gone{[&] { fs->detach(); }};
        process::current_context().fs->set_root(fs->root());
        process::current_context().fs->set_cwd(fs->root());
        const int fd = static_cast<int>(ours(sys::openat(cwd, at("f"), O_CREAT | O_RDWR, 0644)));
        const auto lock = [fd](sim::Program& p, int type, long start, long bytes) {
            struct ::flock range {};
            range.l_type = static_cast<short>(type);
            range.l_start = start;
            range.l_len = bytes;
            return p.call([&] { return sys::fcntl(fd, F_SETLKW, raw(at(&range))); });
        };
        const auto sleep = [](sim::Program& p, std::int64_t ns) {
            const timespec span{0, ns};
            return p.call([&] { return sys::nanosleep(at(&span), VirtAddr{0}); });
        };
        CHECK(lock(first, F_WRLCK, 0, 1) == 0);
        sim::clone(first, sim::fork_flags, [&](sim::Program& second) {
            CHECK(lock(second, F_WRLCK, 10, 1) == 0);
            sleep(second, 3 * ms);
            CHECK(lock(second, F_UNLCK, 10, 1) == 0);
            sleep(second, 3 * ms);
        });
        sim::clone(first, sim::fork_flags, [&](sim::Program& third) {
            CHECK(lock(third, F_WRLCK, 11, 1) == 0);
            sleep(third, 5 * ms);
            refused = lock(third, F_WRLCK, 0, 1); // the first waits for the third by now
        });
        sleep(first, ms);
        CHECK(lock(first, F_WRLCK, 10, 2) == 0);
    });
    CHECK(programs.run());
    CHECK(refused == -EDEADLK);
}

TEST_CASE("a thread that unshares has its own descriptors and working directory") {
    sim::Programs programs;
    REQUIRE(sim::init_files());
    programs.start([&](sim::Program& p) {
        auto fs = ramfs::create({}).value();
        ScopeExit gone{[&] { fs->detach(); }};
        auto& who = process::current_context();
        who.fs->set_root(fs->root());
        who.fs->set_cwd(fs->root());
        constexpr Word files = 0x400, directory = 0x200, users = 0x1000'0000;
        REQUIRE(ours(sys::mkdirat(cwd, at("d"), 0755)) == 0);
        const int fd = static_cast<int>(ours(sys::openat(cwd, at("f"), O_CREAT | O_RDWR, 0644)));
        const auto unshare = [](sim::Program& t, Word flags) {
            return t.call([&] { return sys::unshare(flags); });
        };
        bool ended = false;
        sim::clone(p, sim::thread_flags, [&](sim::Program& t) {
            CHECK(unshare(t, users) == -EPERM);
            CHECK(unshare(t, 1) == -EINVAL);
            CHECK(unshare(t, 0x100) == -EINVAL); // CLONE_VM: it is not alone
            CHECK(unshare(t, files | directory) == 0);
            CHECK(t.call([&] { return sys::chdir(at("d")); }) == 0);
            CHECK(t.call([&] { return sys::close(fd); }) == 0);
            CHECK(t.call([&] { return sys::close(fd); }) == -EBADF);
            ended = true;
        });
        while (!ended) p.call([] { return sys::sched_yield(); });
        CHECK(p.call([&] { return sys::lseek(fd, 0, 0); }) == 0);
        CHECK(p.call([&] { return sys::chdir(at("d")); }) == 0); // the root's, not the thread's
    });
    CHECK(programs.run());
}
