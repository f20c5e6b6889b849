// SPDX-License-Identifier: BSD-2-Clause
// /proc, /sys and /dev as a program sees them.
#include "files_once.h"
#include "process_programs.h"

#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/file_system.h>

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstring>
#include <set>
#include <string>

using namespace drupe;
namespace sys = drupe::syscall;
using sim::at;
using sim::Word;

namespace {

constexpr int cwd = -100;

std::int64_t value(Result<Word> r) {
    return r.ok() ? static_cast<std::int64_t>(r.value()) : sys::to_return_value(r.error());
}

int open(const char* path, int flags = 0) {
    return static_cast<int>(value(sys::openat(cwd, at(path), flags, 0644)));
}

std::string read_all(const std::string& path) {
    const int fd = open(path.c_str());
    INFO(path);
    REQUIRE(fd >= 0);
    std::string text;
    char piece[97];
    for (;;) {
        const std::int64_t n = value(sys::read(fd, at(piece), sizeof piece));
        REQUIRE(n >= 0);
        if (n == 0) break;
        text.append(piece, static_cast<std::size_t>(n));
    }
    REQUIRE(value(sys::close(fd)) == 0);
    return text;
}

std::string link_of(const std::string& path) {
    char text[256];
    const std::int64_t n = value(sys::readlinkat(cwd, at(path.c_str()), at(text), sizeof text));
    return n < 0 ? "error " + std::to_string(n) : std::string(text, static_cast<std::size_t>(n));
}

std::set<std::string> list(const std::string& path) {
    const int fd = open(path.c_str());
    INFO(path);
    REQUIRE(fd >= 0);
    std::set<std::string> names;
    char buffer[120]; // room for few entries: many calls
    for (;;) {
        const std::int64_t n = value(sys::getdents64(fd, at(buffer), sizeof buffer));
        REQUIRE(n >= 0);
        if (n == 0) break;
        for (std::int64_t i = 0; i < n;) {
            std::uint16_t length;
            std::memcpy(&length, buffer + i + 16, 2);
            CHECK(names.insert(buffer + i + 19).second); // each once
            i += length;
        }
    }
    REQUIRE(value(sys::close(fd)) == 0);
    return names;
}

/// Runs `body` in a program whose root has proc, sys and dev mounted.
void in_a_program(const std::function<void()>& body) {
    sim::Programs programs;
    REQUIRE(sim::init_files());
    programs.start([&](sim::Program&) {
        auto fs = ramfs::create({}).value();
        auto& who = process::current_context();
        who.fs->set_root(fs->root());
        who.fs->set_cwd(fs->root());
        for (auto [path, type] :
             {std::pair{"/proc", "proc"}, {"/sys", "sysfs"}, {"/dev", "devtmpfs"}}) {
            REQUIRE(value(sys::mkdirat(cwd, at(path), 0755)) == 0);
            REQUIRE(value(sys::mount(at(type), at(path), at(type), 0, VirtAddr{0})) == 0);
        }
        body();
        who.files->close_all();
        who.fs->set_cwd(fs->root());
        for (const char* path : {"/proc", "/sys", "/dev"})
            CHECK(value(sys::umount2(at(path), 0)) == 0);
    });
    programs.run();
}

} // namespace

TEST_CASE("a program finds itself in /proc") {
    in_a_program([] {
        const std::string pid = std::to_string(process::current_process().pid);
        CHECK(link_of("/proc/self") == pid);
        CHECK(link_of("/proc/thread-self") == pid + "/task/" + pid);
        CHECK(read_all("/proc/self/stat").starts_with(pid + " ("));
        const std::string status = read_all("/proc/" + pid + "/status");
        CHECK(status.find("\nTgid:\t" + pid + "\n") != std::string::npos);
        CHECK(status.find("\nThreads:\t1\n") != std::string::npos);
        CHECK(read_all("/proc/self/task/" + pid + "/status") == status);
        CHECK(list("/proc/self/task") == std::set<std::string>{".", "..", pid});
        CHECK(read_all("/proc/self/cgroup") == "0::/\n");
        CHECK(read_all("/proc/self/limits").starts_with("Limit                     Soft Limit"));
        CHECK(link_of("/proc/self/cwd") == "/");
        const auto names = list("/proc");
        for (const char* name : {"self", "meminfo", "sys", "mounts"}) CHECK(names.count(name) == 1);
        CHECK(names.count(pid) == 1);
        CHECK(open("/proc/999999") == -ENOENT);
        CHECK(open("/proc/0") == -ENOENT);
        CHECK(open("/proc/self/none") == -ENOENT);
    });
}

TEST_CASE("descriptors are links that open the same file again") {
    in_a_program([] {
        const int fd = open("/data", 0102);
        REQUIRE(fd >= 0);
        REQUIRE(value(sys::write(fd, at("hello"), 5)) == 5);
        const std::string name = "/proc/self/fd/" + std::to_string(fd);
        CHECK(link_of(name) == "/data");
        CHECK(read_all(name) == "hello");
        CHECK(link_of("/dev/fd") == "/proc/self/fd");
        CHECK(list("/proc/self/fd").count(std::to_string(fd)) == 1);
        CHECK(read_all("/proc/self/fdinfo/" + std::to_string(fd))
                  .starts_with("pos:\t5\nflags:\t0400002\n"));
        REQUIRE(value(sys::unlinkat(cwd, at("/data"), 0)) == 0);
        CHECK(link_of(name) == "/data (deleted)");
        CHECK(read_all(name) == "hello");
        int ends[2];
        REQUIRE(value(sys::pipe2(at(ends), 0)) == 0);
        CHECK(link_of("/proc/self/fd/" + std::to_string(ends[0])).starts_with("pipe:["));
        CHECK(open("/proc/self/fd/77") == -ENOENT);
    });
}

TEST_CASE("the machine's files have Linux's form") {
    in_a_program([] {
        CHECK(read_all("/proc/meminfo").starts_with("MemTotal:           8192 kB\nMemFree:"));
        CHECK(read_all("/proc/stat").starts_with("cpu  "));
        CHECK(read_all("/proc/sys/kernel/ostype") == "Linux\n");
        CHECK(read_all("/proc/sys/fs/pipe-max-size") == "1048576\n");
        CHECK(read_all("/proc/sys/kernel/random/boot_id").size() == 37);
        CHECK(read_all("/proc/sys/kernel/random/boot_id") ==
              read_all("/proc/sys/kernel/random/boot_id"));
        CHECK(read_all("/proc/sys/kernel/random/uuid") != read_all("/proc/sys/kernel/random/uuid"));
        CHECK(read_all("/sys/devices/system/cpu/online") == "0\n");
        CHECK(list("/sys/devices/system") == std::set<std::string>{".", "..", "cpu", "node"});
        const std::string mounts = read_all("/proc/mounts");
        CHECK(mounts.find("proc /proc proc rw,relatime 0 0\n") != std::string::npos);
        CHECK(value(sys::mkdirat(cwd, at("/proc/x"), 0755)) == -EPERM);
    });
}

TEST_CASE("the devices that are no hardware do what their names say") {
    in_a_program([] {
        char bytes[32];
        std::memset(bytes, 7, sizeof bytes);
        const int zero = open("/dev/zero", 2);
        CHECK(value(sys::read(zero, at(bytes), 32)) == 32);
        CHECK(std::string(bytes, 32) == std::string(32, '\0'));
        const int null = open("/dev/null", 2);
        CHECK(value(sys::read(null, at(bytes), 32)) == 0);
        CHECK(value(sys::write(null, at(bytes), 32)) == 32);
        const int full = open("/dev/full", 2);
        CHECK(value(sys::write(full, at(bytes), 1)) == -ENOSPC);
        const int random = open("/dev/urandom");
        char others[32];
        CHECK(value(sys::read(random, at(bytes), 32)) == 32);
        CHECK(value(sys::read(random, at(others), 32)) == 32);
        CHECK(std::memcmp(bytes, others, 32) != 0);
        REQUIRE(value(sys::dup3(null, 50, 0)) == 50);
        CHECK(open("/dev/fd/50", 2) >= 0);
    });
}

TEST_CASE("a file system can be mounted on a directory of /sys") {
    in_a_program([] {
        REQUIRE(value(sys::mount(at("t"), at("/sys/kernel"), at("tmpfs"), 0, VirtAddr{0})) == 0);
        CHECK(open("/sys/kernel/file", 0101) >= 0);
        process::current_context().files->close_all();
        CHECK(list("/sys/kernel").count("file") == 1);
        CHECK(value(sys::umount2(at("/sys/kernel"), 0)) == 0);
        CHECK(list("/sys/kernel").count("mm") == 1);
    });
}
