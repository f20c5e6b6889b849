// SPDX-License-Identifier: BSD-2-Clause
// One loop over an epoll that waits for timers, signals, events and a pipe, as servers do. Says in
// which order they come.
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum source { once, every, wall, from_signal, from_event, from_pipe };
static const char* const names[] = {"once", "every", "wall", "signal", "event", "pipe"};

static int timer(int epoll, clockid_t clock, int flags, struct itimerspec setting,
                 enum source source) {
    const int fd = timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC);
    CHECK(timerfd_settime(fd, flags, &setting, NULL) == 0);
    struct epoll_event want = {EPOLLIN, {.u32 = source}};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want) == 0);
    return fd;
}

static void* writer(void* argument) {
    const int* fds = argument;
    usleep(1000 * 1000);
    CHECK(eventfd_write(fds[0], 3) == 0);
    usleep(500 * 1000);
    CHECK(write(fds[1], "hello", 5) == 5);
    usleep(500 * 1000);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    return NULL;
}

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    // Half a second and more between any two events.
    const struct itimerspec at_wall = {{0, 0}, {now.tv_sec + 3, now.tv_nsec}};
    int fds[6], ends[2];
    fds[once] = timer(epoll, CLOCK_MONOTONIC, 0, (struct itimerspec){{0, 0}, {0, 500000000}}, once);
    fds[every] =
        timer(epoll, CLOCK_BOOTTIME, 0, (struct itimerspec){{1, 100000000}, {2, 500000000}}, every);
    fds[wall] = timer(epoll, CLOCK_REALTIME, TFD_TIMER_ABSTIME, at_wall, wall);
    fds[from_signal] = signalfd(-1, &set, SFD_NONBLOCK);
    fds[from_event] = eventfd(0, EFD_NONBLOCK);
    CHECK(pipe(ends) == 0);
    fds[from_pipe] = ends[0];
    for (int source = from_signal; source <= from_pipe; source++) {
        struct epoll_event want = {EPOLLIN | (source == from_pipe ? EPOLLET : 0), {.u32 = source}};
        CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[source], &want) == 0);
    }
    int targets[2] = {fds[from_event], ends[1]};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, writer, targets) == 0);
    int periods = 0;
    for (int told = 0; periods < 2; told++) {
        struct epoll_event got;
        if (epoll_wait(epoll, &got, 1, -1) != 1) continue;
        uint64_t count = 0;
        struct signalfd_siginfo info;
        const int fd = fds[got.data.u32];
        if (got.data.u32 == from_signal) {
            CHECK(read(fd, &info, sizeof info) == sizeof info);
            printf("signal %u, code %d, own %d\n", info.ssi_signo, info.ssi_code,
                   info.ssi_pid == (uint32_t)getpid());
        } else if (got.data.u32 == from_pipe) {
            char text[8] = "";
            CHECK(read(fd, text, 5) == 5);
            printf("pipe %s\n", text);
        } else {
            CHECK(read(fd, &count, 8) == 8);
            printf("%s %d\n", names[got.data.u32], (int)count);
        }
        if (got.data.u32 == every) periods++;
        CHECK(told < 20);
    }
    pthread_join(thread, NULL);
    struct itimerspec left;
    CHECK(timerfd_gettime(fds[once], &left) == 0);
    printf("once has %ld left\n", left.it_value.tv_sec + left.it_value.tv_nsec);
    CHECK(timerfd_gettime(fds[every], &left) == 0);
    printf("every has %d, each %ld\n", left.it_value.tv_nsec != 0, left.it_interval.tv_nsec);
    // Real-time signals come in order and with their values.
    for (int i = 0; i < 3; i++)
        CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
    struct signalfd_siginfo infos[4];
    const ssize_t bytes = read(fds[from_signal], infos, sizeof infos);
    for (size_t i = 0; i < bytes / sizeof infos[0]; i++)
        printf("value %d, code %d\n", infos[i].ssi_int, infos[i].ssi_code);
    CHECK(read(fds[from_signal], infos, sizeof infos) == -1 && errno == EAGAIN);
    return verdict("all that was waited for came");
}
