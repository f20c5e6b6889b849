// SPDX-License-Identifier: BSD-2-Clause
// What is waited for through descriptors: timers (timerfd) and signals (signalfd).
#define _GNU_SOURCE
#include "trace.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { second = 1000000000 };

static int polled(int fd, int timeout) {
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    const int count = poll(&p, 1, timeout);
    return count * 1000 + p.revents;
}

static struct itimerspec in(long first, long interval) {
    return (struct itimerspec){{interval / second, interval % second},
                               {first / second, first % second}};
}

static struct timespec later(clockid_t clock, long ns) {
    struct timespec now;
    clock_gettime(clock, &now);
    now.tv_nsec += ns % second;
    now.tv_sec += ns / second + now.tv_nsec / second;
    now.tv_nsec %= second;
    return now;
}

static void timers_refuse(int timer) {
    struct itimerspec spec = in(0, 0);
    CALL(timerfd_create(77, 0));
    CALL(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    CALL(timerfd_create(CLOCK_MONOTONIC, 1));
    CALL(timerfd_settime(timer, 8, &spec, NULL));
    CALL(timerfd_settime(0, 0, &spec, NULL) == -1);
    CALL(timerfd_settime(1000, 0, &spec, NULL));
    spec.it_value.tv_nsec = second;
    CALL(timerfd_settime(timer, 0, &spec, NULL));
    spec = in(1, 0);
    spec.it_interval.tv_nsec = -1;
    CALL(timerfd_settime(timer, 0, &spec, NULL));
    uint64_t count;
    CALL(write(timer, &count, 8));
    CALL(read(timer, &count, 7));
    CALL(lseek(timer, 0, SEEK_SET));
    CALL(pread(timer, &count, 8, 0));
}

static void timers(void) {
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    CALL(fcntl(timer, F_GETFD));
    TRUTH(fcntl(timer, F_GETFL) & O_NONBLOCK);
    timers_refuse(timer);
    uint64_t count = 77;
    CALL(read(timer, &count, 8)); // never set
    CALL(polled(timer, 0));

    struct itimerspec spec = in(3600L * second, 5L * second), old;
    CALL(timerfd_settime(timer, 0, &spec, &old));
    TRUTH(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
    CALL(timerfd_gettime(timer, &old));
    TRUTH(old.it_value.tv_sec > 3590 && old.it_value.tv_sec < 3601);
    CALL(old.it_interval.tv_sec);
    CALL(polled(timer, 0));
    spec = in(0, 7);
    CALL(timerfd_settime(timer, 0, &spec, &old)); // stops it
    TRUTH(old.it_value.tv_sec > 3590);
    CALL(timerfd_gettime(timer, &old));
    TRUTH(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);

    spec = in(1000000, 0);
    CALL(timerfd_settime(timer, 0, &spec, NULL));
    CALL(polled(timer, 10000));
    CALL(polled(timer, 0));
    CALL(read(timer, &count, 8));
    CALL(count);
    CALL(read(timer, &count, 8)); // once only
    CALL(timerfd_gettime(timer, &old));
    TRUTH(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);

    // Setting forgets what has passed.
    CALL(timerfd_settime(timer, 0, &spec, NULL));
    CALL(polled(timer, 10000));
    spec = in(3600L * second, 0);
    CALL(timerfd_settime(timer, 0, &spec, NULL));
    CALL(polled(timer, 0));
    CALL(read(timer, &count, 8));

    // Missed ones are counted, and the count begins again when it is read.
    spec = in(1, 1000000);
    CALL(timerfd_settime(timer, 0, &spec, NULL));
    usleep(20000);
    CALL(read(timer, &count, 8));
    TRUTH(count >= 20);
    uint64_t more;
    usleep(3000);
    CALL(read(timer, &more, 8));
    TRUTH(more >= 2);
    CALL(close(timer));
}

static void absolute_timers(void) {
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (int n = 0; n < 3; n++) {
        const int timer = timerfd_create(clocks[n], 0);
        struct itimerspec spec = {.it_value = later(clocks[n], 5000000)};
        uint64_t count = 77;
        CALL(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
        CALL(read(timer, &count, 8)); // waits
        CALL(count);
        struct timespec now = later(clocks[n], 0);
        TRUTH(now.tv_sec > spec.it_value.tv_sec ||
              (now.tv_sec == spec.it_value.tv_sec && now.tv_nsec >= spec.it_value.tv_nsec));
        spec.it_value = (struct timespec){0, 1}; // long past
        CALL(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
        CALL(read(timer, &count, 8));
        CALL(count);
        spec.it_interval.tv_sec = 1000000000; // once since then, or twice
        CALL(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
        CALL(read(timer, &count, 8));
        TRUTH(count >= 1 && count <= 2);
        CALL(close(timer));
    }
    const int timer = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec spec = {.it_value = later(CLOCK_REALTIME, 1000000)};
    CALL(timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL));
    uint64_t count;
    CALL(read(timer, &count, 8));
    CALL(close(timer));
}

static void* set_soon(void* timer) {
    usleep(10000);
    const struct itimerspec spec = in(1000000, 0);
    timerfd_settime(*(int*)timer, 0, &spec, NULL);
    return NULL;
}

static void nothing(int signo) { (void)signo; }

static void timers_among_others(void) {
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    const int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 5}, got;
    CALL(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event));
    CALL(epoll_wait(epoll, &got, 1, 0));
    struct itimerspec spec = in(1000000, 0);
    CALL(timerfd_settime(timer, 0, &spec, NULL));
    CALL(epoll_wait(epoll, &got, 1, 10000));
    CALL(got.events);
    CALL(epoll_wait(epoll, &got, 1, 0)); // by edges
    const int twin = dup(timer);
    uint64_t count;
    CALL(read(twin, &count, 8));
    CALL(count);

    // One that waits sees what another sets; a signal ends its wait.
    pthread_t thread;
    pthread_create(&thread, NULL, set_soon, &timer);
    CALL(read(timer, &count, 8));
    CALL(count);
    pthread_join(thread, NULL);
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGALRM, &action, NULL);
    const struct itimerspec stopped = in(0, 0);
    timerfd_settime(timer, 0, &stopped, NULL);
    ualarm(10000, 10000); // again and again: the first may come before the read
    CALL(read(timer, &count, 8));
    ualarm(0, 0);

    // A child has the same timer.
    timerfd_settime(timer, 0, &spec, NULL);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) _exit(read(timer, &count, 8) == 8 ? (int)count : 99);
    int status;
    CALL(waitpid(child, &status, 0) == child);
    CALL(status);
    CALL(polled(timer, 0));
    CALL(close(timer));
    CALL(close(twin));
}

static sigset_t set_of(int first, int second_signal) {
    sigset_t set;
    sigemptyset(&set);
    if (first) sigaddset(&set, first);
    if (second_signal) sigaddset(&set, second_signal);
    return set;
}

static void tell(const struct signalfd_siginfo* info) {
    printf("signal %u, code %d, from me %d, value %d %llx, status %d\n", info->ssi_signo,
           info->ssi_code, info->ssi_pid == (uint32_t)getpid(), info->ssi_int,
           (unsigned long long)info->ssi_ptr, info->ssi_status);
}

static void* send_soon(void* thread) {
    usleep(10000);
    pthread_kill(*(pthread_t*)thread, SIGUSR1);
    return NULL;
}

static void signals(void) {
    sigset_t set = set_of(SIGUSR1, SIGUSR2);
    sigaddset(&set, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    CALL(fcntl(fd, F_GETFD));
    TRUTH(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CALL(signalfd(-1, &set, 1));
    CALL(signalfd(0, &set, 0));
    CALL(signalfd(1000, &set, 0));
    struct signalfd_siginfo info[4];
    CALL(read(fd, info, sizeof info));
    CALL(read(fd, info, sizeof *info - 1));
    CALL(write(fd, info, sizeof info));
    CALL(polled(fd, 0));

    CALL(raise(SIGUSR1));
    CALL(polled(fd, 0));
    CALL(read(fd, info, sizeof info) / sizeof *info);
    tell(info);
    CALL(polled(fd, 0));

    // By number; ordinary ones once, queued ones in their order.
    for (int n = 0; n < 2; n++) {
        sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 40 + n});
        kill(getpid(), SIGUSR2);
        kill(getpid(), SIGUSR1);
    }
    CALL(read(fd, info, sizeof info) / sizeof *info);
    for (int n = 0; n < 4; n++) tell(&info[n]);
    CALL(read(fd, info, sizeof info));

    // Another set: what is not in it stays pending.
    const sigset_t one = set_of(SIGUSR2, 0);
    CALL(signalfd(fd, &one, 0) == fd);
    raise(SIGUSR1);
    CALL(polled(fd, 0));
    raise(SIGUSR2);
    CALL(read(fd, info, sizeof info) / sizeof *info);
    tell(info);
    const struct timespec none = {0, 0};
    CALL(sigtimedwait(&set, NULL, &none));

    // SIGKILL is taken out of every set, without a word.
    const sigset_t all = set_of(SIGKILL, SIGUSR1);
    CALL(signalfd(fd, &all, 0) == fd);
    CALL(close(fd));

    fd = signalfd(-1, &set, 0);
    pthread_t me = pthread_self(), thread;
    pthread_create(&thread, NULL, send_soon, &me);
    CALL(read(fd, info, sizeof *info) / sizeof *info); // waits
    tell(info);
    pthread_join(thread, NULL);
    CALL(close(fd));
}

static void children_and_values(void) {
    const sigset_t set = set_of(SIGCHLD, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    const int fd = signalfd(-1, &set, 0), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, got;
    CALL(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    CALL(epoll_wait(epoll, &got, 1, 0));
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) _exit(7);
    CALL(epoll_wait(epoll, &got, 1, 10000));
    struct signalfd_siginfo info;
    CALL(read(fd, &info, sizeof info) / sizeof info);
    TRUTH(info.ssi_pid == (uint32_t)child);
    printf("signal %u, code %d, status %d\n", info.ssi_signo, info.ssi_code, info.ssi_status);
    CALL(waitpid(child, NULL, 0) == child);
    ualarm(5000, 0);
    CALL(polled(fd, 10000));
    CALL(read(fd, &info, sizeof info) / sizeof info);
    printf("signal %u, code %d\n", info.ssi_signo, info.ssi_code);

    raise(SIGALRM); // what is pending is not inherited
    fflush(stdout);
    const pid_t heir = fork();
    if (heir == 0) _exit(polled(fd, 0) == 0 ? 0 : 1);
    int status;
    CALL(waitpid(heir, &status, 0) == heir);
    CALL(status);
    CALL(close(epoll));
    CALL(close(fd));
}

int main(void) {
    timers();
    absolute_timers();
    timers_among_others();
    signals();
    children_and_values();
    return 0;
}
