// SPDX-License-Identifier: BSD-2-Clause
// /proc, /sys and /dev as a program sees them.
#include "files_once.h"
#include "process_programs.h"

#include <drupe/base/scope_exit.h>
#include <drupe/mm/last_resort.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/file_system.h>

#include <catch2/catch.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

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

std::int64_t store(const char* path, std::string_view text) {
    const int fd = open(path, 1);
    REQUIRE(fd >= 0);
    const std::int64_t written = value(sys::write(fd, at(text.data()), text.size()));
    REQUIRE(value(sys::close(fd)) == 0);
    return written;
}

/// Runs `body` in a program whose root has proc, sys and dev mounted.
void in_a_program(const std::function<void()>& body) {
    sim::Programs programs;
    REQUIRE(sim::init_files());
    programs.start([&](sim::Program&) {
        auto fs = ramfs::create({}).value();
        ScopeExit gone{[&] { fs->detach(); }};
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
        CHECK(store("/proc/self/oom_score_adj", "-500\n") == 5);
        CHECK(read_all("/proc/" + pid + "/oom_score_adj") == "-500\n");
        for (const char* bad : {"1001", "-1001", "x", "-", "1-"})
            CHECK(store("/proc/self/oom_score_adj", bad) == -EINVAL);
        CHECK(store("/proc/sys/kernel/domainname", "example\n") == 8);
        CHECK(read_all("/proc/sys/kernel/domainname") == "example\n");
        CHECK(open("/proc/999999") == -ENOENT);
        CHECK(open("/proc/0") == -ENOENT);
        CHECK(open("/proc/self/none") == -ENOENT);
    });
}

TEST_CASE("a process sees its own descriptors, whatever it has become") {
    in_a_program([] {
        process::Process& self = process::current_process();
        const process::Credentials before = self.credentials;
        self.credentials.euid = self.credentials.fsuid = self.credentials.suid = 7;
        self.apply_changes();
        CHECK(link_of("/proc/self/cwd") == "/");
        self.credentials = before;
        self.apply_changes();
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

TEST_CASE("caches are told of, and what of them is clean counts as available") {
    const auto kib = [](const std::string& name) {
        const std::string text = read_all("/proc/meminfo");
        return std::stoul(text.substr(text.find("\n" + name + ":") + name.size() + 2));
    };
    mm::set_caches({[] { return false; }, [] { return mm::CacheSizes{{100}, {30}}; }});
    in_a_program([&] {
        CHECK(kib("Buffers") == 400);
        CHECK(kib("Dirty") == 120);
        CHECK(kib("MemAvailable") == kib("MemFree") + 280);
        std::uint64_t info[14]{};
        REQUIRE(value(sys::sysinfo(at(info))) == 0);
        CHECK(info[7] == 400 * 1024);
    });
    mm::set_caches({});
}

TEST_CASE("the machine's files have Linux's form") {
    in_a_program([] {
        CHECK(read_all("/proc/meminfo").starts_with("MemTotal:           8192 kB\nMemFree:"));
        CHECK(read_all("/proc/stat").starts_with("cpu  "));
        const std::string slabs = read_all("/proc/slabinfo");
        CHECK(slabs.starts_with("slabinfo - version: 2.1\n# name "));
        CHECK(std::regex_search(slabs, std::regex("\nsize-64 \\d+ \\d+ 64 64 1 : tunables ")));
        CHECK(read_all("/proc/cpuinfo").starts_with("processor\t: 0\nBogoMIPS\t: "));
        CHECK(read_all("/proc/sys/kernel/ostype") == "Linux\n");
        CHECK(read_all("/proc/sys/fs/pipe-max-size") == "1048576\n");
        CHECK(read_all("/proc/sys/kernel/random/boot_id").size() == 37);
        CHECK(read_all("/proc/sys/kernel/random/boot_id") ==
              read_all("/proc/sys/kernel/random/boot_id"));
        CHECK(read_all("/proc/sys/kernel/random/uuid") != read_all("/proc/sys/kernel/random/uuid"));
        CHECK(read_all("/sys/devices/system/cpu/online") == "0\n");
        CHECK(read_all("/sys/devices/system/cpu/cpu0/online") == "1\n");
        CHECK(read_all("/sys/devices/system/cpu/cpu0/topology/core_cpus") == "1\n");
        CHECK(read_all("/sys/devices/system/cpu/cpu0/topology/package_cpus_list") == "0\n");
        CHECK(list("/sys/devices/system") == std::set<std::string>{".", "..", "cpu", "node"});
        const std::string mounts = read_all("/proc/mounts");
        CHECK(mounts.find("proc /proc proc rw,relatime 0 0\n") != std::string::npos);
        CHECK(value(sys::mkdirat(cwd, at("/proc/x"), 0755)) == -EPERM);
    });
}

TEST_CASE("what a core file holds can be said as on Linux") {
    constexpr const char* path = "/proc/self/coredump_filter";
    const auto read_there = [] {
        std::string line;
        std::getline(std::ifstream(path), line);
        return line + "\n";
    };
    const std::string before = read_there();
    in_a_program([&] {
        CHECK(read_all(path) == "00000033\n");
        for (const char* text : {"0x33\n", "0", "511", "0x7f0", "017", "33", "0xffffffff", "x",
                                 "0x", "-1", "4294967296", "08", "7\n"}) {
            INFO(text);
            std::FILE* const file = std::fopen(path, "r+");
            std::setbuf(file, nullptr);
            const std::size_t bytes = std::strlen(text);
            const bool is_taken = std::fwrite(text, 1, bytes, file) == bytes;
            const std::int64_t expected = is_taken ? static_cast<std::int64_t>(bytes) : -errno;
            (void)std::fclose(file);
            CHECK(store(path, text) == expected);
            CHECK(read_all(path) == read_there());
        }
    });
    std::ofstream(path) << "0x" + before;
}

TEST_CASE("sockets begin with what /proc/sys/net says, and ask for no more") {
    in_a_program([] {
        const auto buffer = [](int fd, int option) {
            std::int32_t bytes = 0;
            std::uint32_t length = sizeof bytes;
            CHECK(sys::getsockopt(fd, 1, option, at(&bytes), at(&length)).ok());
            return bytes;
        };
        const auto ask = [](int fd, int option, std::int32_t bytes) {
            CHECK(sys::setsockopt(fd, 1, option, at(&bytes), sizeof bytes).ok());
        };
        constexpr int sndbuf = 7, rcvbuf = 8;
        CHECK(store("/proc/sys/net/core/wmem_default", "100000\n") == 7);
        CHECK(store("/proc/sys/net/core/rmem_default", "200000") == 6);
        CHECK(store("/proc/sys/net/core/wmem_max", "300000") == 6);
        CHECK(store("/proc/sys/net/core/rmem_max", "400000") == 6);
        CHECK(store("/proc/sys/net/core/rmem_max", "4") == -EINVAL);
        CHECK(store("/proc/sys/net/unix/max_dgram_qlen", "2") == 1);
        const int fd = static_cast<int>(value(sys::socket(1, 1, 0)));
        CHECK(buffer(fd, sndbuf) == 100'000);
        CHECK(buffer(fd, rcvbuf) == 200'000);
        ask(fd, sndbuf, 1'000'000);
        ask(fd, rcvbuf, 1'000'000);
        CHECK(buffer(fd, sndbuf) == 600'000);
        CHECK(buffer(fd, rcvbuf) == 800'000);
        const auto name = [](char letter) { return std::array<char, 4>{1, 0, 0, letter}; };
        const auto to = name('a');
        const int receiver = static_cast<int>(value(sys::socket(1, 2, 0)));
        const int sender = static_cast<int>(value(sys::socket(1, 2 | 04000, 0)));
        CHECK(sys::bind(receiver, at(to.data()), to.size()).ok());
        int sent = 0;
        while (value(sys::sendto(sender, at(to.data()), 1, 0, at(to.data()), to.size())) == 1)
            sent++;
        CHECK(sent == 3);
        CHECK(store("/proc/sys/net/core/somaxconn", "1") == 1);
        const auto where = name('b');
        CHECK(sys::bind(fd, at(where.data()), where.size()).ok());
        CHECK(sys::listen(fd, 100).ok());
        int connected = 0;
        while (value(sys::connect(static_cast<int>(value(sys::socket(1, 1 | 04000, 0))),
                                  at(where.data()), where.size())) == 0)
            connected++;
        CHECK(connected == 2);
        for (const char* each : {"wmem_default", "rmem_default", "wmem_max", "rmem_max"})
            store((std::string("/proc/sys/net/core/") + each).c_str(), "212992");
        store("/proc/sys/net/core/somaxconn", "4096");
        store("/proc/sys/net/unix/max_dgram_qlen", "10");
        process::current_context().files->close_all();
    });
}

TEST_CASE("what may be watched is counted for each user") {
    in_a_program([] {
        CHECK(store("/proc/sys/fs/inotify/max_user_instances", "1") == 1);
        CHECK(store("/proc/sys/fs/inotify/max_user_watches", "1") == 1);
        process::Process& self = process::current_process();
        const process::Credentials before = self.credentials;
        const auto is_user = [&](std::uint32_t uid) {
            self.credentials.uid = uid;
            self.apply_changes();
        };
        const auto watch = [](int fd, const char* path) {
            return value(sys::inotify_add_watch(fd, at(path), 0x100));
        };
        for (std::uint32_t uid : {7u, 8u, 7u}) {
            is_user(uid);
            const int fd = static_cast<int>(value(sys::inotify_init1(0)));
            CHECK(value(sys::inotify_init1(0)) == -EMFILE);
            CHECK(watch(fd, "/proc") == 1);
            CHECK(watch(fd, "/sys") == -ENOSPC);
            is_user(9); // who made the file counts, not who calls
            CHECK(watch(fd, "/sys") == -ENOSPC);
            is_user(uid);
            CHECK(sys::inotify_rm_watch(fd, 1).ok());
            CHECK(watch(fd, "/sys") > 0);
            if (uid == 8) continue; // stays open
            CHECK(value(sys::close(fd)) == 0);
        }
        self.credentials = before;
        self.apply_changes();
        process::current_context().files->close_all();
        CHECK(store("/proc/sys/fs/inotify/max_user_instances", "128") == 3);
        CHECK(store("/proc/sys/fs/inotify/max_user_watches", "65536") == 5);
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

namespace {

/// A mapping as /proc/self/maps shows it. Where the name begins counts: columns are looked at.
struct Shown {
    std::string permissions, offset, name;
    std::uint64_t device, inode;
    std::size_t name_column;
};

/// By begin.
std::map<std::uint64_t, Shown> parse_maps(const std::string& text) {
    static const std::regex form("([0-9a-f]{8,})-([0-9a-f]{8,}) ([r-][w-][x-][ps]) ([0-9a-f]{8,}) "
                                 "([0-9a-f]{2,}):([0-9a-f]{2,}) ([0-9]+) (?: *([^ ].*))?");
    std::map<std::uint64_t, Shown> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        std::smatch m;
        REQUIRE(std::regex_match(line, m, form));
        all[std::stoull(m[1], nullptr, 16)] = {
            .permissions = m[3],
            .offset = m[4],
            .name = m[8],
            .device = makedev(static_cast<unsigned>(std::stoul(m[5], nullptr, 16)),
                              static_cast<unsigned>(std::stoul(m[6], nullptr, 16))),
            .inode = std::stoull(m[7]),
            .name_column = m[8].matched ? static_cast<std::size_t>(m.position(8)) : 0};
    }
    return all;
}

struct Mapping {
    const char* what;
    int protection, flags;
    bool of_file;
    std::uint64_t offset;
};
// Linux's numbers, which are the same on all its machines.
constexpr Mapping mappings[] = {
    {"private copy", PROT_READ | PROT_WRITE, MAP_PRIVATE, true, 0x1000},
    {"program text", PROT_READ | PROT_EXEC, MAP_PRIVATE, true, 0},
    {"shared", PROT_READ | PROT_WRITE, MAP_SHARED, true, 0x3000},
    {"shared for reading", PROT_READ, MAP_SHARED, true, 0x2000},
    {"anonymous", PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, false, 0},
    {"nothing allowed", PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, false, 0},
    {"shared memory", PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, false, 0},
};
constexpr std::size_t mapping_bytes = 0x4000;
constexpr const char* odd_name = "/a file\nin maps";

/// The build machine's Linux: what it shows of `mappings`, with the file under its last name.
std::vector<Shown> shown_by_linux(bool deleted) {
    char folder[] = "/tmp/drupe-maps-XXXXXX";
    REQUIRE(mkdtemp(folder));
    const std::string path = folder + std::string(odd_name);
    std::string made = folder + std::string("/XXXXXX");
    const int fd = ::mkstemp(made.data());
    REQUIRE(fd >= 0);
    REQUIRE(::rename(made.c_str(), path.c_str()) == 0);
    REQUIRE(::ftruncate(fd, 1 << 16) == 0);
    struct stat facts;
    REQUIRE(::fstat(fd, &facts) == 0);
    std::vector<void*> places;
    // A page that is not mapped parts the mappings.
    for (const Mapping& m : mappings) {
        char* room = static_cast<char*>(
            ::mmap(nullptr, mapping_bytes + 0x2000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        REQUIRE(::munmap(room, mapping_bytes + 0x2000) == 0);
        places.push_back(::mmap(room + 0x1000, mapping_bytes, m.protection, m.flags | MAP_FIXED,
                                m.of_file ? fd : -1, static_cast<off_t>(m.offset)));
        REQUIRE(places.back() != MAP_FAILED);
    }
    ::close(fd);
    if (deleted) REQUIRE(::unlink(path.c_str()) == 0);
    std::stringstream text;
    text << std::ifstream("/proc/self/maps").rdbuf();
    const auto all = parse_maps(text.str());
    std::vector<Shown> found;
    for (std::size_t i = 0; i < std::size(mappings); i++) {
        INFO(mappings[i].what);
        REQUIRE(all.count(reinterpret_cast<std::uint64_t>(places[i])) == 1);
        found.push_back(all.at(reinterpret_cast<std::uint64_t>(places[i])));
        Shown& shown = found.back();
        if (shown.name.starts_with(folder)) shown.name.erase(0, std::strlen(folder));
        if (mappings[i].of_file) {
            CHECK(shown.device == facts.st_dev);
            CHECK(shown.inode == facts.st_ino);
        }
        ::munmap(places[i], mapping_bytes);
    }
    ::unlink(path.c_str());
    ::rmdir(folder);
    return found;
}

/// The same by this kernel. The file's descriptor is closed: the mappings alone keep it.
std::vector<Shown> shown_by_drupe(bool deleted) {
    const int fd = open(odd_name, 0102);
    REQUIRE(fd >= 0);
    REQUIRE(value(sys::ftruncate(fd, 1 << 16)) == 0);
    struct {
        std::uint64_t device, inode, rest[14];
    } facts;
    REQUIRE(value(sys::fstat(fd, at(&facts))) == 0);
    std::vector<std::uint64_t> places;
    std::uint64_t place = 0x10'0000'0000;
    for (const Mapping& m : mappings) {
        places.push_back(place);
        REQUIRE(value(sys::mmap(VirtAddr{place}, mapping_bytes, m.protection, m.flags | MAP_FIXED,
                                m.of_file ? fd : -1, static_cast<std::int64_t>(m.offset))) ==
                static_cast<std::int64_t>(place));
        place += mapping_bytes + 0x1000;
    }
    REQUIRE(value(sys::close(fd)) == 0);
    if (deleted) REQUIRE(value(sys::unlinkat(cwd, at(odd_name), 0)) == 0);
    const auto all = parse_maps(read_all("/proc/self/maps"));
    std::vector<Shown> found;
    for (std::size_t i = 0; i < std::size(mappings); i++) {
        INFO(mappings[i].what);
        REQUIRE(all.count(places[i]) == 1);
        found.push_back(all.at(places[i]));
        if (mappings[i].of_file) {
            CHECK(found.back().device == facts.device);
            CHECK(found.back().inode == facts.inode);
        }
        REQUIRE(value(sys::munmap(VirtAddr{places[i]}, mapping_bytes)) == 0);
    }
    return found;
}

} // namespace

TEST_CASE("mappings are shown as Linux shows the same ones") {
    const bool deleted = GENERATE(false, true);
    in_a_program([=] {
        const std::vector<Shown> theirs = shown_by_linux(deleted), ours = shown_by_drupe(deleted);
        for (std::size_t i = 0; i < std::size(mappings); i++) {
            INFO(mappings[i].what);
            CHECK(ours[i].permissions == theirs[i].permissions);
            CHECK(ours[i].offset == theirs[i].offset);
            CHECK(ours[i].name == theirs[i].name);
            CHECK(ours[i].name_column == theirs[i].name_column);
            CHECK((ours[i].device == 0) == (theirs[i].device == 0));
            CHECK((ours[i].inode == 0) == (theirs[i].inode == 0));
        }
    });
}
