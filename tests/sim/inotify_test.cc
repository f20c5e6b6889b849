// SPDX-License-Identifier: BSD-2-Clause
// inotify, beside the build machine's own: which events come, in which order, with which names.
#include "both_sides.h"

#include <cstring>
#include <elf.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

using namespace drupe;
using sim::check_both;
using sim::Side;

namespace {

// arm64 numbers some flags of open another way than the build machine.
int flags_of(Side& s, int flags) {
    if (!s.is_here()) return flags;
    const int same = flags & ~(O_DIRECTORY | O_NOFOLLOW | O_PATH);
    return same | (flags & O_DIRECTORY ? 040000 : 0) | (flags & O_NOFOLLOW ? 0100000 : 0) |
           (flags & O_PATH ? 010000000 : 0);
}
int open(Side& s, const char* path, int flags = O_RDONLY) {
    const auto fd = DRUPE_CALL(s, openat, AT_FDCWD, path, flags_of(s, flags), 0644);
    if (fd < 0) s.note(std::string("open ") + path, fd);
    return static_cast<int>(fd);
}
void close(Side& s, int fd) { DRUPE_CALL(s, close, fd); }
void touch(Side& s, const char* path) { close(s, open(s, path, O_CREAT | O_WRONLY)); }
void folder(Side& s, const char* path) {
    s.note("mkdir", DRUPE_CALL(s, mkdirat, AT_FDCWD, path, 0755));
}
void unlink(Side& s, const char* path, int flags = 0) {
    s.note("unlink", DRUPE_CALL(s, unlinkat, AT_FDCWD, path, flags));
}
void rename(Side& s, const char* from, const char* to, unsigned flags = 0) {
    s.note("rename", DRUPE_CALL(s, renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}
int init(Side& s) { return static_cast<int>(DRUPE_CALL(s, inotify_init1, O_NONBLOCK)); }
int watch(Side& s, int fd, const char* path, std::uint32_t mask) {
    const auto number = DRUPE_CALL(s, inotify_add_watch, fd, path, mask);
    s.note(std::string("watch ") + path, number);
    return static_cast<int>(number);
}

/// Everything that waits. Cookies count from the first seen.
void events(Side& s, int fd, std::size_t room = 4096) {
    std::vector<std::uint32_t> cookies;
    alignas(inotify_event) char bytes[4096];
    for (;;) {
        const auto n = DRUPE_CALL(s, read, fd, bytes, room);
        if (n != -EAGAIN) s.note("read", n);
        if (n <= 0) return;
        for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
            const auto* e = reinterpret_cast<const inotify_event*>(bytes + at);
            std::size_t cookie = 0;
            if (e->cookie != 0) {
                auto known = std::find(cookies.begin(), cookies.end(), e->cookie);
                cookie = static_cast<std::size_t>(known - cookies.begin()) + 1;
                if (known == cookies.end()) cookies.push_back(e->cookie);
            }
            char text[64];
            std::snprintf(text, sizeof text, "%d %x %zu %u ", e->wd, e->mask, cookie, e->len);
            s.log.push_back(text + std::string(e->len ? e->name : ""));
            at += sizeof *e + e->len;
        }
    }
}

} // namespace

TEST_CASE("a watched file tells what is done to it as on Linux") {
    check_both([](Side& s) {
        touch(s, "file");
        const int in = init(s);
        watch(s, in, "file", IN_ALL_EVENTS);
        const int fd = open(s, "file", O_RDWR);
        char text[8] = "bytes";
        DRUPE_NOTE(s, write, fd, text, 5);
        events(s, in);
        DRUPE_NOTE(s, pread64, fd, text, 5, 0);
        DRUPE_NOTE(s, pread64, fd, text, 5, 100); // nothing is read
        DRUPE_NOTE(s, read, fd, text, 0);
        events(s, in);
        DRUPE_NOTE(s, ftruncate, fd, 3);
        DRUPE_NOTE(s, fchmod, fd, 0600);
        DRUPE_NOTE(s, fchown, fd, -1, -1);
        DRUPE_NOTE(s, fchown, fd, 0, 0);
        events(s, in);
        timespec times[2] = {{5, 0}, {6, 0}};
        DRUPE_NOTE(s, utimensat, fd, nullptr, times, 0);
        times[0].tv_nsec = UTIME_OMIT;
        DRUPE_NOTE(s, utimensat, fd, nullptr, times, 0);
        times[0].tv_nsec = UTIME_NOW;
        times[1].tv_nsec = UTIME_OMIT;
        DRUPE_NOTE(s, utimensat, fd, nullptr, times, 0);
        events(s, in);
        DRUPE_NOTE(s, fallocate, fd, 0, 0, 100);
        const int other = static_cast<int>(DRUPE_CALL(s, dup, fd));
        close(s, fd);
        events(s, in);
        close(s, other);
        close(s, open(s, "file"));
        close(s, open(s, "file", O_PATH));
        close(s, open(s, "file", O_WRONLY | O_TRUNC));
        events(s, in);
        DRUPE_NOTE(s, linkat, AT_FDCWD, "file", AT_FDCWD, "twin", 0);
        rename(s, "file", "moved");
        unlink(s, "twin");
        events(s, in);
        const int last = open(s, "moved");
        unlink(s, "moved");
        events(s, in);
        close(s, last);
        events(s, in);
        s.note("forget", DRUPE_CALL(s, inotify_rm_watch, in, 1));
        close(s, in);
    });
}

TEST_CASE("a watched directory tells what happens in it as on Linux") {
    check_both([](Side& s) {
        folder(s, "d");
        folder(s, "e");
        touch(s, "d/old");
        const int in = init(s);
        watch(s, in, "d", IN_ALL_EVENTS);
        touch(s, "d/new");
        touch(s, "d/old");
        events(s, in);
        folder(s, "d/sub");
        DRUPE_NOTE(s, symlinkat, "target", AT_FDCWD, "d/link");
        DRUPE_NOTE(s, mknodat, AT_FDCWD, "d/fifo", S_IFIFO | 0600, 0);
        DRUPE_NOTE(s, linkat, AT_FDCWD, "d/old", AT_FDCWD, "d/a-name-of-sixteen-bytes-or-more", 0);
        touch(s, "d/sub/below"); // not its own
        events(s, in);
        DRUPE_NOTE(s, fchmodat, AT_FDCWD, "d/sub", 0700);
        const int list = open(s, "d", O_RDONLY | O_DIRECTORY);
        char room[512];
        DRUPE_CALL(s, getdents64, list, room, sizeof room);
        close(s, list);
        close(s, open(s, "d/sub", O_RDONLY | O_DIRECTORY));
        events(s, in);
        rename(s, "d/new", "d/newer");
        rename(s, "d/newer", "e/away");
        rename(s, "e/away", "d/back");
        rename(s, "d/back", "d/old"); // replaces
        rename(s, "d/sub", "d/sub2");
        rename(s, "d/old", "d/sub2", 2);
        events(s, in);
        const int open_one = open(s, "d/sub2", O_WRONLY);
        unlink(s, "d/sub2");
        char byte = 0;
        DRUPE_NOTE(s, write, open_one, &byte, 1);
        close(s, open_one);
        unlink(s, "d/fifo");
        unlink(s, "d/old/below");
        unlink(s, "d/old", AT_REMOVEDIR);
        events(s, in);
        unlink(s, "d/link");
        unlink(s, "d/a-name-of-sixteen-bytes-or-more");
        watch(s, in, "d", IN_ALL_EVENTS | IN_EXCL_UNLINK);
        const int gone = open(s, "d/gone", O_CREAT | O_WRONLY);
        unlink(s, "d/gone");
        DRUPE_NOTE(s, write, gone, &byte, 1);
        close(s, gone);
        events(s, in);
        rename(s, "d", "dd");
        unlink(s, "dd", AT_REMOVEDIR);
        events(s, in);
        close(s, in);
    });
}

TEST_CASE("a file is watched by itself and through its directory as on Linux") {
    check_both([](Side& s) {
        folder(s, "d");
        folder(s, "e");
        touch(s, "d/f");
        const int in = init(s);
        const int second = init(s);
        watch(s, in, "d/f", IN_ALL_EVENTS);
        watch(s, in, "d", IN_ALL_EVENTS);
        watch(s, in, "e", IN_MOVE | IN_CREATE);
        watch(s, second, "d", IN_CLOSE | IN_DELETE);
        touch(s, "d/f");
        rename(s, "d/f", "e/f");
        touch(s, "e/f");
        rename(s, "e/f", "d/f");
        unlink(s, "d/f");
        events(s, in);
        events(s, second);
        close(s, in);
        touch(s, "d/g");
        events(s, second);
        close(s, second);
    });
}

TEST_CASE("watches are asked for and taken back as on Linux") {
    check_both([](Side& s) {
        folder(s, "d");
        touch(s, "f");
        DRUPE_NOTE(s, symlinkat, "f", AT_FDCWD, "link");
        s.note("init", DRUPE_CALL(s, inotify_init1, 1));
        const int in = init(s);
        watch(s, in, "none", IN_ALL_EVENTS);
        watch(s, in, "f", 0);
        watch(s, in, "f", 0x1000);
        watch(s, in, "f", IN_ONLYDIR | IN_OPEN);
        watch(s, in, "f", IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN);
        watch(s, 999, "f", IN_OPEN);
        const int event = static_cast<int>(DRUPE_CALL(s, eventfd2, 0, 0));
        watch(s, event, "f", IN_OPEN);
        watch(s, in, "f", IN_OPEN);
        watch(s, in, "f", IN_MASK_ADD | IN_CLOSE);
        watch(s, in, "f", IN_MASK_CREATE | IN_CLOSE);
        touch(s, "f");
        events(s, in);
        watch(s, in, "f", IN_CLOSE);
        touch(s, "f");
        touch(s, "f"); // the same again
        events(s, in);
        watch(s, in, "link", IN_ALL_EVENTS | IN_DONT_FOLLOW);
        watch(s, in, "link", IN_CLOSE_WRITE);
        unlink(s, "link");
        events(s, in);
        watch(s, in, "d", IN_CREATE | IN_ONESHOT);
        touch(s, "d/one");
        touch(s, "d/two");
        events(s, in);
        s.note("forget", DRUPE_CALL(s, inotify_rm_watch, in, 1));
        s.note("forget", DRUPE_CALL(s, inotify_rm_watch, in, 1));
        s.note("forget", DRUPE_CALL(s, inotify_rm_watch, event, 1));
        s.note("forget", DRUPE_CALL(s, inotify_rm_watch, 999, 1));
        touch(s, "f");
        events(s, in);
        // What waits, and in how much room.
        watch(s, in, "d", IN_CREATE);
        pollfd p{in, POLLIN | POLLOUT, 0};
        timespec none{};
        DRUPE_NOTE(s, ppoll, &p, 1, &none, nullptr, 8);
        touch(s, "d/three");
        touch(s, "d/a-name-of-sixteen-bytes-or-more");
        DRUPE_NOTE(s, ppoll, &p, 1, &none, nullptr, 8);
        s.note("ready", p.revents);
        int waiting = 0;
        DRUPE_NOTE(s, ioctl, in, FIONREAD, &waiting);
        s.note("waiting", waiting);
        events(s, in, 16);
        events(s, in, 47);
        events(s, in);
        char byte = 0;
        s.note("write", DRUPE_CALL(s, write, in, &byte, 1));
        s.note("seek", DRUPE_CALL(s, lseek, in, 0, SEEK_SET));
        close(s, in);
        close(s, event);
    });
}

TEST_CASE("what does not fit into the queue is said to be lost as on Linux") {
    check_both([](Side& s) {
        touch(s, "a");
        touch(s, "b");
        const int in = init(s);
        watch(s, in, "a", IN_OPEN);
        watch(s, in, "b", IN_OPEN);
        for (int i = 0; i < 8200; i++) {
            close(s, open(s, "a"));
            close(s, open(s, "b"));
        }
        int waiting = 0;
        DRUPE_NOTE(s, ioctl, in, FIONREAD, &waiting);
        s.note("waiting", waiting);
        alignas(inotify_event) char bytes[4096];
        inotify_event last{};
        std::int64_t n = 0;
        while ((n = DRUPE_CALL(s, read, in, bytes, sizeof bytes)) > 0)
            std::memcpy(&last, bytes + n - static_cast<std::int64_t>(sizeof last), sizeof last);
        s.note("last", std::to_string(last.wd) + " " + std::to_string(last.mask));
        close(s, open(s, "a"));
        events(s, in);
        close(s, in);
    });
}

TEST_CASE("a reader waits for events as on Linux") {
    check_both([](Side& s) {
        folder(s, "d");
        const int in = static_cast<int>(DRUPE_CALL(s, inotify_init1, 0));
        watch(s, in, "d", IN_CREATE);
        s.start([](Side& other) {
            other.sleep(20);
            touch(other, "d/late");
        });
        alignas(inotify_event) char bytes[512];
        s.note("read", DRUPE_CALL(s, read, in, bytes, sizeof bytes));
        s.note("name", reinterpret_cast<inotify_event*>(bytes)->name);
        s.join();
        close(s, in);
    });
}

namespace {

void write_program(Side& s, const char* path, const std::string& bytes) {
    const int fd = open(s, path, O_CREAT | O_WRONLY | O_TRUNC);
    s.note("write", DRUPE_CALL(s, write, fd, bytes.data(), bytes.size()));
    DRUPE_CALL(s, fchmod, fd, 0755);
    close(s, fd);
}

/// A program of the side's machine that wants to be loaded by "loader".
std::string program_of(Side& s) {
    Elf64_Ehdr head{};
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_ident[EI_VERSION] = EV_CURRENT;
    head.e_type = ET_DYN;
    head.e_machine = s.is_here() ? EM_AARCH64 : EM_X86_64;
    head.e_version = EV_CURRENT;
    head.e_phoff = sizeof head;
    head.e_ehsize = sizeof head;
    head.e_phentsize = sizeof(Elf64_Phdr);
    head.e_phnum = 2;
    constexpr std::string_view loader{"loader\0", 7};
    Elf64_Phdr parts[2]{};
    parts[0].p_type = PT_INTERP;
    parts[0].p_flags = PF_R;
    parts[0].p_offset = sizeof head + sizeof parts;
    parts[0].p_filesz = parts[0].p_memsz = loader.size();
    parts[1].p_type = PT_LOAD;
    parts[1].p_flags = PF_R | PF_X;
    parts[1].p_filesz = parts[1].p_memsz = 4096;
    parts[1].p_align = 0x10000;
    std::string bytes(4096, '\0');
    std::memcpy(bytes.data(), &head, sizeof head);
    std::memcpy(bytes.data() + sizeof head, parts, sizeof parts);
    loader.copy(bytes.data() + sizeof head + sizeof parts, loader.size());
    return bytes;
}

} // namespace

TEST_CASE("what exec reads tells of it as on Linux") {
    check_both([](Side& s) {
        const int in = init(s);
        write_program(s, "empty", "");
        write_program(s, "text", "no program");
        write_program(s, "script", "#!interpreter with words\n");
        write_program(s, "interpreter", "no program either");
        write_program(s, "program", program_of(s));
        write_program(s, "loader", std::string(4096, 'x'));
        watch(s, in, ".", IN_ALL_EVENTS);
        char name[] = "name";
        char* arguments[] = {name, nullptr};
        char* none[] = {nullptr};
        for (const char* path : {"empty", "text", "script", "program", "none"}) {
            s.note(path, DRUPE_CALL(s, execve, path, arguments, none));
            events(s, in);
        }
        unlink(s, "loader");
        s.note("no loader", DRUPE_CALL(s, execve, "program", arguments, none));
        DRUPE_CALL(s, fchmodat, AT_FDCWD, "text", 0644);
        s.note("not executable", DRUPE_CALL(s, execve, "text", arguments, none));
        events(s, in);
        close(s, in);
    });
}
