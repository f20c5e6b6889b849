// SPDX-License-Identifier: BSD-2-Clause
// The file system of POSIX message queues, beside the build machine's own: there it is mounted in
// namespaces of the script's own.
#include "both_sides.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

using namespace drupe;
using sim::Side;

namespace {

/// The build machine's queues and mounts stay as they are.
class Apart {
public:
    explicit Apart(Side& s) : is_here_(s.is_here()) {
        if (is_here_) return;
        mounts_ = ::open("/proc/thread-self/ns/mnt", O_RDONLY);
        queues_ = ::open("/proc/thread-self/ns/ipc", O_RDONLY);
        REQUIRE(::unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0);
        REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    }
    ~Apart() {
        if (is_here_) return;
        CHECK(::setns(queues_, CLONE_NEWIPC) == 0);
        CHECK(::setns(mounts_, CLONE_NEWNS) == 0);
        ::close(queues_);
        ::close(mounts_);
    }
    Apart(const Apart&) = delete;
    Apart& operator=(const Apart&) = delete;

private:
    bool is_here_;
    int mounts_ = -1, queues_ = -1;
};

/// Runs a script that finds the queues in the folder "a".
void check_queues(const std::function<void(Side&)>& script) {
    if (::geteuid() != 0) {
        WARN("skipped: only user 0 may mount on the build machine");
        return;
    }
    sim::check_both([&](Side& s) {
        const Apart apart(s);
        const auto mask = DRUPE_CALL(s, umask, 022);
        DRUPE_CALL(s, mkdirat, AT_FDCWD, "a", 0755);
        DRUPE_CALL(s, fchmodat, AT_FDCWD, ".", 0755);
        s.note("mount", DRUPE_CALL(s, mount, "none", "a", "mqueue", 0, nullptr));
        script(s);
        DRUPE_CALL(s, umount2, "a", MNT_DETACH);
        DRUPE_CALL(s, umask, mask);
    });
}

// arm64 numbers some flags of open another way than the build machine.
int open(Side& s, const std::string& path, int flags, unsigned mode = 0) {
    int given = flags;
    if (s.is_here() && (flags & O_DIRECTORY)) given = (flags & ~O_DIRECTORY) | 040000;
    const auto fd = DRUPE_CALL(s, openat, AT_FDCWD, path.c_str(), given, mode);
    s.note("open " + path + " " + std::to_string(flags), fd < 0 ? fd : 0);
    return static_cast<int>(fd);
}
void close(Side& s, int fd) { DRUPE_CALL(s, close, fd); }

int open_queue(Side& s, const char* name, int flags, unsigned mode = 0600, long messages = 0,
               long bytes = 0) {
    mq_attr wanted{};
    wanted.mq_maxmsg = messages;
    wanted.mq_msgsize = bytes;
    const auto fd = DRUPE_CALL(s, mq_open, name, flags, mode, messages ? &wanted : nullptr);
    s.note(std::string("mq_open ") + name + " " + std::to_string(flags), fd < 0 ? fd : 0);
    return static_cast<int>(fd);
}
void bounds(Side& s, int fd) {
    mq_attr now{};
    DRUPE_NOTE(s, mq_getsetattr, fd, nullptr, &now);
    s.note("flags", now.mq_flags);
    s.note("messages of", now.mq_maxmsg);
    s.note("bytes", now.mq_msgsize);
}
void send(Side& s, int fd, const std::string& text) {
    s.note("send " + text, DRUPE_CALL(s, mq_timedsend, fd, text.data(), text.size(), 1, nullptr));
}
void receive(Side& s, int fd) {
    char text[16];
    unsigned priority = 0;
    s.note("receive", DRUPE_CALL(s, mq_timedreceive, fd, text, sizeof text, &priority, nullptr));
}
void unlink(Side& s, const std::string& path, int flags = 0) {
    s.note("unlink " + path, DRUPE_CALL(s, unlinkat, AT_FDCWD, path.c_str(), flags));
}

struct statx state(Side& s, const std::string& path) {
    struct statx now {};
    s.note("statx " + path,
           DRUPE_CALL(s, statx, AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &now));
    return now;
}
struct statx look(Side& s, const std::string& path) {
    const struct statx now = state(s, path);
    for (std::uint64_t each :
         {std::uint64_t{now.stx_mode}, std::uint64_t{now.stx_nlink}, std::uint64_t{now.stx_uid},
          std::uint64_t{now.stx_gid}, std::uint64_t{now.stx_size}, std::uint64_t{now.stx_blocks},
          std::uint64_t{now.stx_blksize}})
        s.note("is", static_cast<std::int64_t>(each));
    return now;
}

/// The file's text; its reader's own number is left out.
void text(Side& s, const std::string& path) {
    const auto fd = static_cast<int>(DRUPE_CALL(s, openat, AT_FDCWD, path.c_str(), O_RDONLY, 0));
    char bytes[128] = {};
    s.note("read " + path, DRUPE_CALL(s, read, fd, bytes, sizeof bytes));
    s.note("again", DRUPE_CALL(s, read, fd, bytes + 100, 8));
    std::string line = bytes;
    if (const auto at = line.find("NOTIFY_PID:"); at != std::string::npos) {
        const auto pid = std::stol(line.substr(at + 11));
        s.note("own", pid == DRUPE_CALL(s, getpid));
        line.resize(at);
    }
    s.note("text", line);
    close(s, fd);
}

void names(Side& s, const char* path) {
    const int fd = open(s, path, O_RDONLY | O_DIRECTORY);
    std::vector<std::string> found;
    alignas(8) char bytes[2048];
    for (;;) {
        const auto n = DRUPE_CALL(s, getdents64, fd, bytes, sizeof bytes);
        if (n <= 0) break;
        for (std::int64_t at = 0; at < n;) {
            std::uint16_t length = 0;
            std::memcpy(&length, bytes + at + 16, sizeof length);
            found.push_back(std::string(bytes + at + 19) + " " + std::to_string(bytes[at + 18]));
            at += length;
        }
    }
    std::sort(found.begin(), found.end());
    for (const std::string& name : found) s.note("name", name);
    close(s, fd);
}

void write_file(Side& s, const std::string& path, const std::string& value) {
    const auto fd = static_cast<int>(DRUPE_CALL(s, openat, AT_FDCWD, path.c_str(), O_WRONLY, 0));
    const auto written = fd < 0 ? fd : DRUPE_CALL(s, write, fd, value.data(), value.size());
    s.note(path + " " + value, written);
    close(s, fd);
}
void show_file(Side& s, const std::string& path) {
    const auto fd = static_cast<int>(DRUPE_CALL(s, openat, AT_FDCWD, path.c_str(), O_RDONLY, 0));
    char bytes[32] = {};
    DRUPE_CALL(s, read, fd, bytes, sizeof bytes - 1);
    s.note(path, bytes);
    close(s, fd);
}

/// The simulated machine begins without /proc.
void mount_proc(Side& s) {
    if (!s.is_here()) return;
    REQUIRE(DRUPE_CALL(s, mkdirat, AT_FDCWD, "/proc", 0755) == 0);
    REQUIRE(DRUPE_CALL(s, mount, "proc", "/proc", "proc", 0, nullptr) == 0);
}
void unmount_proc(Side& s) {
    if (s.is_here()) CHECK(DRUPE_CALL(s, umount2, "/proc", 0) == 0);
}

/// Until become(s, 0): neither privileged nor the owner.
void become(Side& s, unsigned user) { REQUIRE(DRUPE_CALL(s, setresuid, user, user, 0) == 0); }

} // namespace

TEST_CASE("a queue is a file where queues are mounted as on Linux") {
    check_queues([](Side& s) {
        look(s, "a");
        const int fd = open_queue(s, "q", O_RDWR | O_CREAT | O_NONBLOCK, 07764, 4, 16);
        look(s, "a");
        look(s, "a/q");
        s.note("status flags", DRUPE_CALL(s, fcntl, fd, F_GETFL, 0));
        text(s, "a/q");
        send(s, fd, "first");
        send(s, fd, "second!");
        text(s, "a/q");
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGUSR1;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        text(s, "a/q"); // and its closing takes the request back
        text(s, "a/q");
        event.sigev_notify = SIGEV_NONE;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        text(s, "a/q");
        receive(s, fd);
        text(s, "a/q");

        const int file = open(s, "a/q", O_RDWR | O_NONBLOCK | O_APPEND);
        s.note("status flags",
               DRUPE_CALL(s, fcntl, file, F_GETFL, 0) & (O_ACCMODE | O_NONBLOCK | O_APPEND));
        bounds(s, file);
        char bytes[64] = "bytes";
        DRUPE_NOTE(s, write, file, bytes, 5);
        DRUPE_NOTE(s, pwrite64, file, bytes, 5, 0);
        DRUPE_NOTE(s, pread64, file, bytes, 5, 1);
        s.note("part", std::string(bytes, 5));
        DRUPE_NOTE(s, read, file, bytes, 3);
        DRUPE_NOTE(s, lseek, file, 0, SEEK_CUR);
        DRUPE_NOTE(s, lseek, file, 5, SEEK_END);
        DRUPE_NOTE(s, read, file, bytes, 3);
        DRUPE_NOTE(s, lseek, file, -100, SEEK_CUR);
        DRUPE_NOTE(s, lseek, file, 7, SEEK_DATA);
        DRUPE_NOTE(s, lseek, file, 80, SEEK_DATA);
        DRUPE_NOTE(s, lseek, file, 7, SEEK_HOLE);
        DRUPE_NOTE(s, lseek, file, 7, 9);
        DRUPE_NOTE(s, fsync, file);
        DRUPE_NOTE(s, fallocate, file, 0, 0, 10);
        DRUPE_NOTE(s, ftruncate, file, 33);
        look(s, "a/q");
        send(s, file, "by its path");
        receive(s, fd);
        pollfd both[] = {{fd, POLLIN | POLLOUT, 0}, {file, POLLIN | POLLOUT, 0}};
        timespec none{};
        DRUPE_NOTE(s, ppoll, both, 2, &none, nullptr, 8);
        s.note("ready", both[1].revents);
        receive(s, file);
        DRUPE_CALL(s, ppoll, both, 2, &none, nullptr, 8);
        s.note("ready", both[1].revents);
        const int reader = open(s, "a/q", O_RDONLY);
        send(s, reader, "no");
        close(s, open(s, "a/q", O_WRONLY | O_TRUNC));
        look(s, "a/q");
        for (int one : {reader, file, fd}) close(s, one);
        DRUPE_NOTE(s, mq_unlink, "q");
    });
}

TEST_CASE("the names of queues are made and removed as files are on Linux") {
    check_queues([](Side& s) {
        const int fd = open_queue(s, "q", O_RDWR | O_CREAT | O_NONBLOCK, 0600, 4, 16);
        const int made = open(s, "a/made", O_RDWR | O_CREAT | O_EXCL, 0666);
        bounds(s, made);
        look(s, "a/made");
        open(s, "a/made", O_RDWR | O_CREAT | O_EXCL, 0666);
        open_queue(s, "made", O_RDWR | O_CREAT | O_EXCL);
        close(s, open_queue(s, "made", O_RDONLY));
        DRUPE_NOTE(s, mkdirat, AT_FDCWD, "a/d", 0755);
        DRUPE_NOTE(s, symlinkat, "q", AT_FDCWD, "a/s");
        DRUPE_NOTE(s, linkat, AT_FDCWD, "a/q", AT_FDCWD, "a/l", 0);
        DRUPE_NOTE(s, linkat, AT_FDCWD, "a/q", AT_FDCWD, "l", 0);
        DRUPE_NOTE(s, renameat2, AT_FDCWD, "a/q", AT_FDCWD, "a/r", 0);
        DRUPE_NOTE(s, renameat2, AT_FDCWD, "a/q", AT_FDCWD, "a/made", RENAME_EXCHANGE);
        DRUPE_NOTE(s, renameat2, AT_FDCWD, "a/none", AT_FDCWD, "a/r", 0);
        DRUPE_NOTE(s, renameat2, AT_FDCWD, "a/q", AT_FDCWD, "r", 0);
        DRUPE_NOTE(s, mknodat, AT_FDCWD, "a/fifo", S_IFIFO | 0600, 0);
        DRUPE_NOTE(s, mknodat, AT_FDCWD, "a/node", S_IFREG | 0640, 0);
        open(s, "a/q/x", O_RDONLY);
        open(s, "a/none", O_RDONLY);
        open(s, "a/" + std::string(256, 'n'), O_RDWR | O_CREAT, 0600);
        names(s, "a");
        const int node = open_queue(s, "node", O_RDWR);
        bounds(s, node);
        close(s, node);
        unlink(s, "a/q", AT_REMOVEDIR);
        unlink(s, "a/q");
        unlink(s, "a/q");
        open_queue(s, "q", O_RDWR);
        send(s, fd, "still here");
        receive(s, fd);
        DRUPE_NOTE(s, mq_unlink, "made");
        DRUPE_NOTE(s, mq_unlink, "made");
        unlink(s, "a/made");
        names(s, "a");
        look(s, "a");
        unlink(s, "a/node");
        for (int one : {fd, made}) close(s, one);
        names(s, "a");
    });
}

TEST_CASE("queues mounted twice are the same and outlive the mounts as on Linux") {
    check_queues([](Side& s) {
        DRUPE_CALL(s, mkdirat, AT_FDCWD, "b", 0755);
        DRUPE_NOTE(s, mount, "other", "b", "mqueue", 0, nullptr);
        close(s, open(s, "a/q", O_RDWR | O_CREAT, 0600));
        const struct statx first = look(s, "a/q");
        const struct statx second = look(s, "b/q");
        s.note("one file",
               first.stx_ino == second.stx_ino && first.stx_dev_minor == second.stx_dev_minor);
        struct statfs whole {};
        DRUPE_NOTE(s, statfs, "b", &whole);
        s.note("type", whole.f_type);
        s.note("block", whole.f_bsize);
        s.note("longest name", whole.f_namelen);
        s.note("blocks", static_cast<std::int64_t>(whole.f_blocks));
        const int fd = open(s, "b/q", O_RDONLY);
        DRUPE_NOTE(s, umount2, "b", 0);
        close(s, fd);
        const int queue = open_queue(s, "q", O_RDONLY); // keeps no mount
        DRUPE_NOTE(s, umount2, "b", 0);
        names(s, "b");
        names(s, "a");
        DRUPE_NOTE(s, umount2, "a", 0);
        names(s, "a");
        close(s, queue);
        DRUPE_NOTE(s, mount, "none", "b", "mqueue", MS_RDONLY, nullptr);
        names(s, "b");
        open(s, "b/new", O_RDWR | O_CREAT, 0600);
        unlink(s, "b/q");
        text(s, "b/q");
        DRUPE_NOTE(s, mq_unlink, "q");
        names(s, "b");
        DRUPE_NOTE(s, umount2, "b", 0);
    });
}

TEST_CASE("who may open and unlink a queue is decided as on Linux") {
    check_queues([](Side& s) {
        close(s, open_queue(s, "root", O_RDWR | O_CREAT, 0644));
        become(s, 4714);
        close(s, open_queue(s, "root", O_RDONLY));
        open_queue(s, "root", O_RDWR);
        open(s, "a/root", O_WRONLY);
        DRUPE_NOTE(s, mq_unlink, "root"); // the directory is sticky
        unlink(s, "a/root");
        close(s, open_queue(s, "own", O_RDWR | O_CREAT, 0400));
        open_queue(s, "own", O_RDWR);
        look(s, "a/own");
        DRUPE_NOTE(s, fchmodat, AT_FDCWD, "a/root", 0666);
        DRUPE_NOTE(s, fchmodat, AT_FDCWD, "a/own", 0666);
        close(s, open_queue(s, "own", O_RDWR));
        DRUPE_NOTE(s, mq_unlink, "own");
        become(s, 0);
        DRUPE_NOTE(s, fchownat, AT_FDCWD, "a/root", 4714, 4714, 0);
        DRUPE_NOTE(s, fchmodat, AT_FDCWD, "a", 0755);
        look(s, "a");
        become(s, 4714);
        close(s, open_queue(s, "root", O_RDWR));
        open_queue(s, "another", O_RDWR | O_CREAT);
        DRUPE_NOTE(s, mq_unlink, "root");
        become(s, 0);
        DRUPE_NOTE(s, fchmodat, AT_FDCWD, "a", 01777);
        become(s, 4714);
        DRUPE_NOTE(s, mq_unlink, "root");
        become(s, 0);
    });
}

TEST_CASE("the name that a queue was opened by is shown as on Linux") {
    check_queues([](Side& s) {
        mount_proc(s);
        const int fd = open_queue(s, "q", O_RDWR | O_CREAT);
        const auto shown = [&] {
            char path[32], text[64] = {};
            std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            DRUPE_NOTE(s, readlinkat, AT_FDCWD, path, text, sizeof text);
            s.note("link", text);
        };
        shown();
        DRUPE_NOTE(s, mq_unlink, "q");
        shown();
        close(s, fd);
        unmount_proc(s);
    });
}

TEST_CASE("the limits of queues can be read and set as on Linux") {
    check_queues([](Side& s) {
        mount_proc(s);
        const std::string limits = "/proc/sys/fs/mqueue/";
        const std::pair<std::string, std::vector<std::string>> given[] = {
            {"msg_max", {"0", "65537", "65536", "1", "x", "10"}},
            {"msgsize_max", {"127", "16777217", "16777216", "128", "8192"}},
            {"msg_default", {"0", "65537", "3"}},
            {"msgsize_default", {"127", "16777217", "200"}},
            {"queues_max", {"0", "2"}}};
        for (const auto& [name, values] : given) {
            show_file(s, limits + name);
            for (const std::string& value : values) {
                write_file(s, limits + name, value);
                show_file(s, limits + name);
            }
        }
        const int few = open_queue(s, "few", O_RDWR | O_CREAT);
        bounds(s, few);
        write_file(s, limits + "msg_max", "2"); // less than what is usual
        write_file(s, limits + "msgsize_max", "150");
        const int fewer = open_queue(s, "fewer", O_RDWR | O_CREAT, 0600);
        bounds(s, fewer);
        become(s, 4714);
        write_file(s, limits + "queues_max", "9");
        open_queue(s, "third", O_RDWR | O_CREAT);
        become(s, 0);
        DRUPE_NOTE(s, mq_unlink, "few");
        become(s, 4714);
        open_queue(s, "third", O_RDWR | O_CREAT); // the file that is open keeps its place
        close(s, few);
        const int third = open_queue(s, "third", O_RDWR | O_CREAT);
        bounds(s, third);
        close(s, third);
        DRUPE_NOTE(s, mq_unlink, "third");
        open_queue(s, "third", O_RDWR | O_CREAT, 0600, 3, 16);
        open_queue(s, "third", O_RDWR | O_CREAT, 0600, 2, 151);
        become(s, 0);
        DRUPE_NOTE(s, mq_unlink, "fewer");
        close(s, fewer);
        const std::pair<std::string, std::string> usual[] = {{"msg_max", "10"},
                                                             {"msgsize_max", "8192"},
                                                             {"msg_default", "10"},
                                                             {"msgsize_default", "8192"},
                                                             {"queues_max", "256"}};
        for (const auto& [name, value] : usual) write_file(s, limits + name, value);
        unmount_proc(s);
    });
}

TEST_CASE("a queue takes as many bytes of its user's limit as on Linux") {
    check_queues([](Side& s) {
        rlimit before{};
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_MSGQUEUE, nullptr, &before);
        become(s, 4715);
        for (const auto& [messages, bytes] : {std::pair{10l, 100l}, {1l, 1l}, {7l, 8192l}})
            for (const long less : {0l, 1l}) {
                rlimit limit = before;
                limit.rlim_cur = static_cast<rlim_t>(messages * (bytes + 48 + 48) - less);
                DRUPE_CALL(s, prlimit64, 0, RLIMIT_MSGQUEUE, &limit, nullptr);
                close(s, open_queue(s, "q", O_RDWR | O_CREAT, 0600, messages, bytes));
                DRUPE_NOTE(s, mq_unlink, "q");
            }
        become(s, 0);
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_MSGQUEUE, &before, nullptr);
    });
}

TEST_CASE("what happens to queues is heard of as on Linux") {
    check_queues([](Side& s) {
        const int in = static_cast<int>(DRUPE_CALL(s, inotify_init1, O_NONBLOCK));
        const int fd = open_queue(s, "older", O_RDWR | O_CREAT | O_NONBLOCK, 0600, 4, 16);
        // Not how calls of queues open and close, which Linux told first in 6.9.
        const auto watch =
            DRUPE_CALL(s, inotify_add_watch, in, "a", IN_ALL_EVENTS & ~(IN_OPEN | IN_CLOSE));
        s.note("watch", watch);
        s.note("itself", DRUPE_CALL(s, inotify_add_watch, in, "a/older", IN_DELETE_SELF));
        const int younger = open_queue(s, "younger", O_RDWR | O_CREAT);
        send(s, fd, "quietly");
        receive(s, fd);
        DRUPE_NOTE(s, fchmodat, AT_FDCWD, "a/older", 0640);
        DRUPE_NOTE(s, mq_unlink, "younger");
        close(s, younger);
        DRUPE_NOTE(s, inotify_add_watch, in, "a", IN_ALL_EVENTS);
        text(s, "a/older");
        close(s, open(s, "a/made", O_WRONLY | O_CREAT, 0600));
        unlink(s, "a/made");
        DRUPE_NOTE(s, inotify_rm_watch, in, static_cast<int>(watch));
        unlink(s, "a/older");
        close(s, fd);
        alignas(inotify_event) char bytes[4096];
        const auto n = DRUPE_CALL(s, read, in, bytes, sizeof bytes);
        for (std::int64_t at = 0; at < n;) {
            const auto* e = reinterpret_cast<const inotify_event*>(bytes + at);
            s.note(e->len ? e->name : "(no name)", e->mask);
            at += static_cast<std::int64_t>(sizeof *e + e->len);
        }
        close(s, in);
    });
}

TEST_CASE("the times of a queue and of their directory change as on Linux") {
    check_queues([](Side& s) {
        if (s.is_here()) {
            timespec now{1'700'000'000, 0};
            REQUIRE(DRUPE_CALL(s, clock_settime, CLOCK_REALTIME, &now) == 0);
        }
        const int fd = open_queue(s, "q", O_RDWR | O_CREAT | O_NONBLOCK, 0600, 4, 16);
        // Linux keeps whole seconds here: what is not old any more has changed.
        const timespec old[] = {{1'000'000, 0}, {1'000'000, 0}};
        const auto changed = [&](const std::string& path, const std::function<void()>& act) {
            DRUPE_NOTE(s, utimensat, AT_FDCWD, path.c_str(), old, 0);
            act();
            const struct statx after = state(s, path);
            s.note("access", after.stx_atime.tv_sec != old[0].tv_sec);
            s.note("change", after.stx_mtime.tv_sec != old[0].tv_sec);
        };
        changed("a/q", [&] { send(s, fd, "text"); });
        changed("a/q", [&] { receive(s, fd); });
        changed("a/q", [&] { receive(s, fd); });
        changed("a/q", [&] { text(s, "a/q"); });
        changed("a/q", [&] { DRUPE_NOTE(s, fchmodat, AT_FDCWD, "a/q", 0644); });
        changed("a/q", [&] { close(s, open_queue(s, "q", O_RDWR)); });
        changed("a", [&] { close(s, open_queue(s, "another", O_RDWR | O_CREAT)); });
        changed("a", [&] { DRUPE_NOTE(s, mq_unlink, "another"); });
        changed("a", [&] { close(s, open_queue(s, "q", O_RDWR)); });
        DRUPE_NOTE(s, mq_unlink, "q");
        close(s, fd);
    });
}
