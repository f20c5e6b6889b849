// SPDX-License-Identifier: BSD-2-Clause
// Files that tell their owners by a signal (O_ASYNC, F_SETSIG), beside the build machine's own.
#include "unix_side.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <csignal>

using sim::check_both;
using sim::Side;
using namespace unix_calls;

namespace {

std::uint64_t set_of(int signo) { return std::uint64_t{1} << (signo - 1); }

void block(Side& s, int signo) {
    const std::uint64_t set = set_of(signo);
    DRUPE_CALL(s, rt_sigprocmask, SIG_BLOCK, &set, nullptr, 8);
}

int first_fd; // the sides number from different ones

/// All that is pending of the signal.
void take(Side& s, int signo, const std::string& when) {
    const std::uint64_t set = set_of(signo);
    for (;;) {
        siginfo_t info{};
        timespec none{};
        const auto got = DRUPE_CALL(s, rt_sigtimedwait, &set, &info, &none, 8);
        s.note(when, got);
        if (got < 0) return;
        s.note("code", info.si_code);
        if (info.si_code == SI_KERNEL || info.si_code == SI_USER) continue;
        s.note("band", info.si_band);
        s.note("fd", info.si_fd - first_fd);
    }
}

constexpr int signo = 40; // every event is queued

void listen_to(Side& s, int fd, int by = signo) {
    DRUPE_NOTE(s, fcntl, fd, F_SETOWN, static_cast<int>(DRUPE_CALL(s, getpid)));
    if (by != 0) DRUPE_NOTE(s, fcntl, fd, F_SETSIG, by);
    DRUPE_NOTE(s, fcntl, fd, F_SETFL, O_RDWR | O_ASYNC | O_NONBLOCK);
    s.note("flags", DRUPE_CALL(s, fcntl, fd, F_GETFL, 0) & (O_ASYNC | O_NONBLOCK));
}

void close_both(Side& s, const int* fds) {
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) DRUPE_CALL(s, close, fds[i]);
}

std::string page(4096, 'x');

} // namespace

TEST_CASE("a pipe tells its owner what became possible") {
    check_both([](Side& s) {
        block(s, signo);
        int fds[2];
        char bytes[4096];
        DRUPE_NOTE(s, pipe2, fds, 0);
        first_fd = fds[0];
        listen_to(s, fds[0]);
        DRUPE_NOTE(s, write, fds[1], bytes, 3);
        take(s, signo, "written");
        DRUPE_NOTE(s, write, fds[1], bytes, 3);
        DRUPE_NOTE(s, write, fds[1], bytes, 0);
        take(s, signo, "written again, and nothing");
        listen_to(s, fds[1]);
        DRUPE_NOTE(s, read, fds[0], bytes, 2);
        take(s, signo, "read");
        DRUPE_NOTE(s, read, fds[0], bytes, 10);
        DRUPE_NOTE(s, read, fds[0], bytes, 10);
        take(s, signo, "read the rest, and nothing");
        for (int i = 0; i < 18; i++) DRUPE_CALL(s, write, fds[1], page.data(), page.size());
        take(s, signo, "filled");
        for (int i = 0; i < 18; i++) DRUPE_CALL(s, read, fds[0], bytes, sizeof bytes);
        take(s, signo, "emptied");
        DRUPE_NOTE(s, fcntl, fds[0], F_SETFL, 0);
        DRUPE_NOTE(s, write, fds[1], bytes, 3);
        take(s, signo, "no longer wanted");
        DRUPE_CALL(s, close, fds[0]);
        take(s, signo, "no reader");
        DRUPE_CALL(s, close, fds[1]);
        take(s, signo, "closed");
    });
}

TEST_CASE("who is told, and by which signal, is the file's to say") {
    check_both([](Side& s) {
        for (int each : {SIGIO, SIGSYS, SIGUSR1, signo}) block(s, each);
        int fds[2];
        char byte = 0;
        DRUPE_NOTE(s, pipe2, fds, 0);
        first_fd = fds[0];
        // Nobody is named.
        DRUPE_NOTE(s, fcntl, fds[0], F_SETFL, O_ASYNC);
        DRUPE_NOTE(s, write, fds[1], &byte, 1);
        take(s, SIGIO, "nobody's");
        listen_to(s, fds[0], 0);
        DRUPE_NOTE(s, write, fds[1], &byte, 1);
        take(s, SIGIO, "plain");
        for (int by : {SIGIO, SIGSYS, SIGUSR1}) {
            DRUPE_NOTE(s, fcntl, fds[0], F_SETSIG, by);
            DRUPE_NOTE(s, write, fds[1], &byte, 1);
            take(s, by, "chosen");
        }
        // One thread.
        struct {
            int type, pid;
        } owner{F_OWNER_TID, static_cast<int>(DRUPE_CALL(s, gettid))};
        DRUPE_NOTE(s, fcntl, fds[0], F_SETOWN_EX, &owner);
        DRUPE_NOTE(s, fcntl, fds[0], F_SETSIG, signo);
        DRUPE_NOTE(s, write, fds[1], &byte, 1);
        take(s, signo, "the thread's");
        // The descriptor is the one by which it was asked for.
        const int copy = static_cast<int>(DRUPE_CALL(s, dup, fds[0]));
        DRUPE_NOTE(s, write, fds[1], &byte, 1);
        take(s, signo, "by its first name");
        int on = 0;
        DRUPE_NOTE(s, ioctl, copy, FIOASYNC, &on);
        on = 1;
        DRUPE_NOTE(s, ioctl, copy, FIOASYNC, &on);
        DRUPE_NOTE(s, ioctl, copy, FIOASYNC, &on);
        DRUPE_NOTE(s, write, fds[1], &byte, 1);
        take(s, signo, "by its second name");
        // As records of a signalfd.
        const std::uint64_t set = set_of(signo);
        const int records = static_cast<int>(DRUPE_CALL(s, signalfd4, -1, &set, 8, SFD_NONBLOCK));
        DRUPE_NOTE(s, write, fds[1], &byte, 1);
        signalfd_siginfo record{};
        DRUPE_NOTE(s, read, records, &record, sizeof record);
        s.note("code", record.ssi_code);
        s.note("band", record.ssi_band);
        s.note("fd", record.ssi_fd - first_fd);
        DRUPE_CALL(s, close, copy);
        close_both(s, fds);
        DRUPE_CALL(s, close, records);
        take(s, signo, "gone");
    });
}

TEST_CASE("files that tell nothing take O_ASYNC for nothing") {
    check_both([](Side& s) {
        int on = 1;
        const int file =
            static_cast<int>(DRUPE_CALL(s, openat, AT_FDCWD, "file", O_CREAT | O_RDWR, 0600));
        const int event = static_cast<int>(DRUPE_CALL(s, eventfd2, 0, 0));
        const int epoll = static_cast<int>(DRUPE_CALL(s, epoll_create1, 0));
        for (int fd : {file, event, epoll}) {
            DRUPE_NOTE(s, fcntl, fd, F_SETFL, O_ASYNC);
            s.note("flags", DRUPE_CALL(s, fcntl, fd, F_GETFL, 0) & O_ASYNC);
            DRUPE_NOTE(s, ioctl, fd, FIOASYNC, &on);
            DRUPE_CALL(s, close, fd);
        }
    });
}

TEST_CASE("sockets tell their owners what became possible") {
    for (int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
        CAPTURE(type);
        check_both([type](Side& s) {
            block(s, signo);
            block(s, SIGPIPE);
            int fds[2];
            pair(s, type, fds);
            first_fd = fds[0];
            for (int fd : {fds[0], fds[1]}) listen_to(s, fd);
            send(s, fds[1], "abc");
            send(s, fds[1], "de");
            take(s, signo, "sent");
            receive(s, fds[0]);
            receive(s, fds[0]);
            receive(s, fds[0]);
            take(s, signo, "received");
            DRUPE_NOTE(s, shutdown, fds[1], SHUT_WR);
            take(s, signo, "half shut");
            DRUPE_NOTE(s, shutdown, fds[1], SHUT_RD);
            take(s, signo, "the other half");
            DRUPE_NOTE(s, shutdown, fds[0], SHUT_RDWR);
            take(s, signo, "both");
            DRUPE_CALL(s, close, fds[1]);
            take(s, signo, "closed");
            DRUPE_CALL(s, close, fds[0]);
        });
    }
}

TEST_CASE("a sender that found no room is told of it") {
    for (int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
        check_both([type](Side& s) {
            block(s, signo);
            int fds[2];
            pair(s, type, fds);
            first_fd = fds[0];
            listen_to(s, fds[1]);
            std::int64_t sent = 0;
            int count = 0;
            for (; sent >= 0; count++)
                sent = DRUPE_CALL(s, sendto, fds[1], page.data(), page.size(), 0, nullptr, 0);
            s.note("full", sent);
            take(s, signo, "full");
            char bytes[4096];
            for (; count > 1; count--)
                DRUPE_CALL(s, recvfrom, fds[0], bytes, sizeof bytes, 0, nullptr, nullptr);
            take(s, signo, "room");
            send(s, fds[1], "x");
            receive(s, fds[0]);
            take(s, signo, "there was room all the time");
            close_both(s, fds);
            take(s, signo, "closed");
        });
    }
}

TEST_CASE("a listener and a watcher of names tell their owners") {
    check_both([](Side& s) {
        block(s, signo);
        const int listener = make(s, SOCK_STREAM), client = make(s, SOCK_STREAM);
        first_fd = listener;
        bind_to(s, listener, path("socket"));
        DRUPE_NOTE(s, listen, listener, 4);
        listen_to(s, listener);
        connect_to(s, client, path("socket"));
        take(s, signo, "connected");
        close_both(s, std::vector<int>{listener, client}.data());
        take(s, signo, "closed");
        const int watcher = static_cast<int>(DRUPE_CALL(s, inotify_init1, 0));
        first_fd = watcher;
        DRUPE_NOTE(s, inotify_add_watch, watcher, ".", IN_CREATE);
        listen_to(s, watcher);
        DRUPE_CALL(s, close,
                   static_cast<int>(DRUPE_CALL(s, openat, AT_FDCWD, "new", O_CREAT, 0600)));
        take(s, signo, "created");
        DRUPE_CALL(s, close, watcher);
    });
}

TEST_CASE("urgent bytes reach who chose a signal as an event, too") {
    check_both([](Side& s) {
        for (int each : {SIGURG, SIGIO, signo}) block(s, each);
        int fds[2];
        pair(s, SOCK_STREAM, fds);
        first_fd = fds[0];
        listen_to(s, fds[0]);
        send(s, fds[1], "u", MSG_OOB);
        take(s, SIGURG, "urgent");
        take(s, signo, "chosen");
        DRUPE_NOTE(s, fcntl, fds[0], F_SETSIG, 0);
        send(s, fds[1], "u", MSG_OOB);
        take(s, SIGURG, "urgent");
        close_both(s, fds);
        take(s, signo, "closed");
        take(s, SIGIO, "closed");
    });
}
