// SPDX-License-Identifier: BSD-2-Clause
// POSIX message queues, beside the build machine's own.
#include "both_sides.h"

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

using namespace drupe;
using sim::check_both;
using sim::Side;

namespace {

std::string unique(Side& s) { return "drupe-test-" + std::to_string(s.is_here() ? 0 : ::getpid()); }

int open_queue(Side& s, const std::string& name, int flags, long messages = 0, long bytes = 0) {
    mq_attr attr{};
    attr.mq_maxmsg = messages;
    attr.mq_msgsize = bytes;
    const auto fd = DRUPE_CALL(s, mq_open, name.c_str(), flags, 0600, messages ? &attr : nullptr);
    s.note("open " + std::to_string(flags) + " " + std::to_string(messages) + " " +
               std::to_string(bytes),
           fd < 0 ? fd : 0);
    return static_cast<int>(fd);
}

void send(Side& s, int fd, const std::string& text, unsigned priority, timespec* until = nullptr) {
    s.note("send " + text,
           DRUPE_CALL(s, mq_timedsend, fd, text.data(), text.size(), priority, until));
}

void receive(Side& s, int fd, std::size_t room = 16, timespec* until = nullptr) {
    std::vector<char> text(room + 1);
    unsigned priority = 99;
    const auto n = DRUPE_CALL(s, mq_timedreceive, fd, text.data(), room, &priority, until);
    s.note("receive", n);
    if (n >= 0) s.note(std::string(text.data(), static_cast<std::size_t>(n)), priority);
}

void attributes(Side& s, int fd) {
    mq_attr now{};
    s.note("attributes", DRUPE_CALL(s, mq_getsetattr, fd, nullptr, &now));
    s.note("flags", now.mq_flags);
    s.note("most", now.mq_maxmsg);
    s.note("bytes", now.mq_msgsize);
    s.note("messages", now.mq_curmsgs);
}

void ready(Side& s, int fd) {
    pollfd p{fd, POLLIN | POLLOUT, 0};
    timespec none{};
    DRUPE_CALL(s, ppoll, &p, 1, &none, nullptr, 8);
    s.note("ready", p.revents);
}

} // namespace

TEST_CASE("message queues are opened, filled and emptied as on Linux") {
    check_both([](Side& s) {
        const std::string name = unique(s);
        DRUPE_CALL(s, mq_unlink, name.c_str());
        open_queue(s, name, O_RDWR);
        open_queue(s, name, O_RDWR | O_CREAT, -1, 5);
        open_queue(s, name, O_RDWR | O_CREAT, 5, 0);
        open_queue(s, name, O_RDWR | O_CREAT, 70'000, 5);
        open_queue(s, "", O_RDWR | O_CREAT, 5, 5);
        open_queue(s, "a/b", O_RDWR | O_CREAT, 5, 5);
        open_queue(s, std::string(256, 'n'), O_RDWR | O_CREAT, 5, 5);
        const int fd = open_queue(s, name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 4, 16);
        open_queue(s, name, O_RDWR | O_CREAT | O_EXCL, 4, 16);
        open_queue(s, name, O_RDWR | O_CREAT, -1, 0);
        s.note("cloexec", DRUPE_CALL(s, fcntl, fd, F_GETFD, 0));
        const int reader = open_queue(s, name, O_RDONLY | O_NONBLOCK);
        const int writer = open_queue(s, name, O_WRONLY | O_NONBLOCK);
        attributes(s, fd);
        ready(s, fd);
        receive(s, fd);
        send(s, reader, "no", 0);
        receive(s, writer);
        send(s, writer, "low", 1);
        send(s, writer, "high", 7);
        send(s, writer, "low again", 1);
        send(s, writer, "", 32'767);
        ready(s, fd);
        send(s, writer, "full", 1);
        send(s, writer, "priority", 32'768);
        send(s, writer, "seventeen letters", 1);
        attributes(s, fd);
        receive(s, reader, 15);
        for (int i = 0; i < 5; i++) receive(s, reader);
        mq_attr wanted{};
        mq_attr before{};
        DRUPE_NOTE(s, mq_getsetattr, fd, &wanted, &before);
        s.note("flags before", before.mq_flags);
        attributes(s, fd);
        wanted.mq_flags = O_APPEND;
        DRUPE_NOTE(s, mq_getsetattr, fd, &wanted, nullptr);
        timespec until{};
        receive(s, fd, 16, &until);
        until.tv_nsec = 1'000'000'000;
        receive(s, fd, 16, &until);
        DRUPE_CALL(s, clock_gettime, CLOCK_REALTIME, &until);
        until.tv_sec++;
        s.start([fd](Side& other) {
            other.sleep(20);
            DRUPE_CALL(other, mq_timedsend, fd, "late", 4, 3, nullptr);
        });
        receive(s, fd, 16, &until);
        s.join();
        const int event = static_cast<int>(DRUPE_CALL(s, eventfd2, 0, 0));
        receive(s, event);
        send(s, 999, "none", 0);
        DRUPE_NOTE(s, mq_unlink, name.c_str());
        DRUPE_NOTE(s, mq_unlink, name.c_str());
        send(s, fd, "still", 0); // open files keep it
        receive(s, fd);
        for (int one : {fd, reader, writer}) DRUPE_CALL(s, close, one);
    });
}

TEST_CASE("who waits for a message or for room is served first, as on Linux") {
    check_both([](Side& s) {
        const std::string name = unique(s);
        DRUPE_CALL(s, mq_unlink, name.c_str());
        const int fd = open_queue(s, name, O_RDWR | O_CREAT, 2, 16);
        s.start([fd](Side& other) {
            other.sleep(20);
            for (const unsigned priority : {0u, 1u, 2u})
                DRUPE_CALL(other, mq_timedsend, fd, "from another", 12, priority, nullptr);
        });
        receive(s, fd); // the first, though higher ones came before this thread ran
        s.join();
        attributes(s, fd);
        s.start([fd](Side& other) { DRUPE_CALL(other, mq_timedsend, fd, "waits", 5, 0, nullptr); });
        s.sleep(20);
        receive(s, fd);
        attributes(s, fd); // as full as before
        timespec until{};
        send(s, fd, "too late", 3, &until);
        s.join();
        for (int i = 0; i < 2; i++) receive(s, fd);
        receive(s, fd, 16, &until);
        DRUPE_CALL(s, close, fd);
        DRUPE_CALL(s, mq_unlink, name.c_str());
    });
}

TEST_CASE("all queues of a user together count against the limit as on Linux") {
    check_both([](Side& s) {
        rlimit limit{20'000, 20'000};
        rlimit before{};
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_MSGQUEUE, nullptr, &before);
        limit.rlim_max = before.rlim_max;
        const std::string name = unique(s);
        s.note("limit", DRUPE_CALL(s, prlimit64, 0, RLIMIT_MSGQUEUE, &limit, nullptr));
        open_queue(s, name + "1", O_RDWR | O_CREAT, 10, 2000);
        const int first = open_queue(s, name + "1", O_RDWR | O_CREAT, 10, 1000);
        open_queue(s, name + "2", O_RDWR | O_CREAT, 10, 1000);
        // It counts until the last file on it is closed.
        DRUPE_CALL(s, mq_unlink, (name + "1").c_str());
        open_queue(s, name + "2", O_RDWR | O_CREAT, 10, 1000);
        DRUPE_CALL(s, close, first);
        const int second = open_queue(s, name + "2", O_RDWR | O_CREAT, 10, 1000);
        DRUPE_CALL(s, mq_unlink, (name + "2").c_str());
        DRUPE_CALL(s, close, second);
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_MSGQUEUE, &before, nullptr);
    });
}

TEST_CASE("one process hears of the first message as on Linux") {
    check_both([](Side& s) {
        const std::string name = unique(s);
        std::uint64_t set = std::uint64_t{1} << (SIGUSR1 - 1);
        DRUPE_CALL(s, rt_sigprocmask, SIG_BLOCK, &set, nullptr, 8);
        DRUPE_CALL(s, mq_unlink, name.c_str());
        const int fd = open_queue(s, name, O_RDWR | O_CREAT | O_NONBLOCK, 4, 16);
        const auto heard = [&] {
            siginfo_t info{};
            timespec none{};
            const auto signo = DRUPE_CALL(s, rt_sigtimedwait, &set, &info, &none, 8);
            s.note("signal", signo);
            if (signo < 0) return;
            s.note("code", info.si_code);
            s.note("value", info.si_value.sival_int);
            s.note("own", info.si_pid == DRUPE_CALL(s, getpid));
        };
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGUSR1;
        event.sigev_value.sival_int = 5;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        DRUPE_NOTE(s, mq_notify, fd, &event);
        send(s, fd, "first", 0);
        heard();
        DRUPE_NOTE(s, mq_notify, fd, &event);
        send(s, fd, "second", 0); // not into an empty queue
        heard();
        receive(s, fd);
        receive(s, fd);
        send(s, fd, "third", 0);
        heard();
        receive(s, fd);
        DRUPE_NOTE(s, mq_notify, fd, nullptr);
        DRUPE_NOTE(s, mq_notify, fd, &event);
        DRUPE_NOTE(s, mq_notify, fd, nullptr);
        send(s, fd, "fourth", 0);
        heard();
        receive(s, fd);
        event.sigev_notify = SIGEV_NONE;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        DRUPE_NOTE(s, mq_notify, fd, &event);
        // Closing any file on it takes the request back.
        const int other = open_queue(s, name, O_RDWR);
        DRUPE_CALL(s, close, other);
        event.sigev_notify = 77;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        event.sigev_notify = SIGEV_SIGNAL;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        event.sigev_signo = 65;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        DRUPE_NOTE(s, mq_notify, 999, nullptr);
        DRUPE_CALL(s, close, fd);
        DRUPE_CALL(s, mq_unlink, name.c_str());
    });
}

TEST_CASE("a thread is told of a message through its socket and cookie") {
    check_both([](Side& s) {
        const std::string name = unique(s);
        const int fd = open_queue(s, name, O_RDWR | O_CREAT | O_NONBLOCK, 4, 16);
        const int socket = static_cast<int>(
            DRUPE_CALL(s, socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        s.note("socket", socket >= 0);
        const auto heard = [&] {
            char cookie[33] = {};
            pollfd p{socket, POLLIN, 0};
            timespec none{};
            s.note("ready", DRUPE_CALL(s, ppoll, &p, 1, &none, nullptr, 8));
            s.note("told", DRUPE_CALL(s, recvfrom, socket, cookie, sizeof cookie,
                                      MSG_NOSIGNAL | MSG_WAITALL, nullptr, nullptr));
            s.note("why", cookie[31]);
            cookie[31] = 0;
            s.note("cookie", cookie);
        };
        char cookie[32] = "a cookie of thirty-two bytes...";
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD;
        event.sigev_signo = socket;
        event.sigev_value.sival_ptr = cookie;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        DRUPE_NOTE(s, mq_notify, fd, &event);
        heard();
        send(s, fd, "first", 0);
        heard();
        send(s, fd, "second", 0);
        heard();
        receive(s, fd);
        receive(s, fd);
        DRUPE_NOTE(s, mq_notify, fd, &event);
        DRUPE_NOTE(s, mq_notify, fd, nullptr);
        heard();
        DRUPE_NOTE(s, mq_notify, fd, &event);
        DRUPE_CALL(s, close, open_queue(s, name, O_RDWR));
        heard();
        event.sigev_signo = 999;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        event.sigev_signo = fd;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        const int other = static_cast<int>(DRUPE_CALL(s, socket, AF_UNIX, SOCK_STREAM, 0));
        event.sigev_signo = other;
        DRUPE_NOTE(s, mq_notify, fd, &event);
        for (int each : {other, socket, fd}) DRUPE_CALL(s, close, each);
        DRUPE_CALL(s, mq_unlink, name.c_str());
    });
}
