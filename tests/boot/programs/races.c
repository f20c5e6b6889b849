// SPDX-License-Identifier: BSD-2-Clause
// What threads do to each other's state in the kernel at the same moment. On one CPU nothing of it
// can go wrong; on several, each test is a way in which the kernel could fall or stand still when a
// lock is missing.
//   races [TEST ROUNDS]: one test only, again and again
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char* own_path;
static _Atomic int is_over;
static _Atomic long taken;

typedef void* (*Body)(void*);
static pthread_t begin(Body body) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
    return thread;
}
static void end(pthread_t thread) { CHECK(pthread_join(thread, NULL) == 0); }
static void* nothing(void* unused) { return unused; }
static void count(int signo) {
    (void)signo;
    taken++;
}

// The last thread of the list, which just joined it, is often the only one that wants the signal.
static void* sends(void* unused) {
    while (!is_over) {
        kill(getpid(), SIGUSR1);
        sched_yield();
    }
    return unused;
}
static void test_signals_to_the_newborn(void) {
    signal(SIGUSR1, count);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    pthread_t sender = begin(sends);
    for (int n = 0; n < 300; n++) end(begin(nothing));
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    for (int n = 0; n < 300; n++) end(begin(nothing));
    is_over = 1;
    end(sender);
    CHECK(taken > 0);
    signal(SIGUSR1, SIG_IGN);
}

// Setting the clock arms its timers anew while they fire.
static void test_clock_and_its_timers(void) {
    signal(SIGALRM, count);
    enum { many = 8 };
    timer_t timers[many];
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int n = 0; n < many; n++) {
        CHECK(timer_create(CLOCK_REALTIME, &event, &timers[n]) == 0);
        const struct itimerspec often = {{0, 1100000 + n * 10000}, now};
        CHECK(timer_settime(timers[n], TIMER_ABSTIME, &often, NULL) == 0);
    }
    for (int n = 0; n < 400 || taken < 50; n++) {
        clock_gettime(CLOCK_REALTIME, &now);
        CHECK(clock_settime(CLOCK_REALTIME, &now) == 0);
    }
    for (int n = 0; n < many; n++) CHECK(timer_delete(timers[n]) == 0);
    signal(SIGALRM, SIG_IGN);
}

// Locks that lend priorities, among threads whose own are changed, with alarms in between.
static pthread_mutex_t lending;
static void* takes_turns(void* unused) {
    while (!is_over) {
        pthread_mutex_lock(&lending);
        sched_yield();
        pthread_mutex_unlock(&lending);
        usleep(20); // whoever has a fixed priority leaves something to the others
    }
    return unused;
}
static void test_priorities(void) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    CHECK(pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT) == 0);
    CHECK(pthread_mutex_init(&lending, &kind) == 0);
    signal(SIGALRM, count);
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    pthread_t a = begin(takes_turns), b = begin(takes_turns), c = begin(takes_turns);
    for (int n = 0; n < 500; n++) {
        const struct sched_param priority = {.sched_priority = n % 3};
        CHECK(pthread_setschedparam(n % 2 ? a : b, n % 3 ? SCHED_FIFO : SCHED_OTHER, &priority) ==
              0);
        CHECK(setpriority(PRIO_PGRP, 0, n % 5) == 0);
    }
    is_over = 1;
    end(a), end(b), end(c);
    CHECK(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL) == 0);
    signal(SIGALRM, SIG_IGN);
}

// Somebody looks at processes that begin, run other programs and end.
static void look_at(const char* process) {
    static const char* const files[] = {"stat", "status",  "maps",   "cmdline", "fd",  "exe",
                                        "cwd",  "environ", "limits", "statm",   "auxv"};
    char path[300], text[4096];
    for (size_t n = 0; n < sizeof files / sizeof *files; n++) {
        snprintf(path, sizeof path, "/proc/%s/%s", process, files[n]);
        if (readlink(path, text, sizeof text) >= 0) continue;
        DIR* inside = opendir(path);
        if (inside) {
            struct dirent* entry;
            while ((entry = readdir(inside))) {
                char link[600];
                snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
                (void)!readlink(link, text, sizeof text);
            }
            closedir(inside);
            continue;
        }
        const int fd = open(path, O_RDONLY);
        while (fd >= 0 && read(fd, text, sizeof text) > 0) {}
        if (fd >= 0) close(fd);
    }
}
static void* looks(void* unused) {
    while (!is_over) {
        DIR* proc = opendir("/proc");
        CHECK(proc != NULL);
        struct dirent* entry;
        while ((entry = readdir(proc)))
            if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
                look_at(entry->d_name);
                const struct rlimit limit = {50, 60};
                prlimit(atoi(entry->d_name), RLIMIT_NICE, &limit, NULL);
                setpriority(PRIO_PROCESS, (id_t)atoi(entry->d_name), 1);
            }
        closedir(proc);
    }
    return unused;
}
static void test_looking_at_processes(void) {
    pthread_t looker = begin(looks);
    for (int n = 0; n < 20; n++) {
        pid_t children[3];
        for (int k = 0; k < 3; k++) {
            children[k] = fork();
            CHECK(children[k] >= 0);
            if (children[k] != 0) continue;
            if (k != 0) execl(own_path, own_path, "end", "1", NULL);
            end(begin(nothing));
            _exit(0);
        }
        for (int k = 0; k < 3; k++) {
            int status = -1;
            CHECK(waitpid(children[k], &status, 0) == children[k] && status == 0);
        }
    }
    is_over = 1;
    end(looker);
}

// Every thread sets the groups of all, as C libraries do, while others are judged by them.
static void* sets_groups(void* unused) {
    gid_t groups[64];
    for (int n = 0; n < 300; n++) {
        for (int k = 0; k < 64; k++) groups[k] = (gid_t)(1000 + n + k);
        CHECK(syscall(SYS_setgroups, 1 + n % 64, groups) == 0);
        CHECK(syscall(SYS_getgroups, 64, groups) > 0);
        CHECK(syscall(SYS_setresuid, -1, 0, -1) == 0);
    }
    return unused;
}
static void* is_judged(void* unused) {
    while (!is_over) {
        CHECK(syscall(SYS_setfsuid, 7) >= 0);
        CHECK(access("/dev/null", R_OK) == 0);
        const int fd = open("/dev/null", O_RDWR);
        CHECK(fd >= 0 && close(fd) == 0);
    }
    return unused;
}
static void test_credentials(void) {
    pthread_t judged = begin(is_judged);
    pthread_t a = begin(sets_groups), b = begin(sets_groups), c = begin(sets_groups);
    end(a), end(b), end(c);
    is_over = 1;
    end(judged);
}

// The first use of a process's timers, by several threads.
static pthread_barrier_t together;
static void* asks_for_timers(void* unused) {
    pthread_barrier_wait(&together);
    struct itimerval now;
    CHECK(getitimer(ITIMER_VIRTUAL, &now) == 0);
    return unused;
}
static void test_first_timers(void) {
    for (int n = 0; n < 40; n++) {
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            pthread_barrier_init(&together, NULL, 3);
            pthread_t a = begin(asks_for_timers), b = begin(asks_for_timers);
            asks_for_timers(NULL);
            end(a), end(b);
            _exit(0);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
}

// Each stop and each continuation is told, whatever the threads are doing, being born and dying.
static void* is_born_and_dies(void* unused) {
    for (;;) end(begin(nothing));
    return unused;
}
static void test_stops(void) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        begin(is_born_and_dies);
        is_born_and_dies(NULL);
    }
    for (int n = 0; n < 150; n++) {
        int status = 0;
        CHECK(kill(child, SIGSTOP) == 0);
        CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
        CHECK(kill(child, SIGCONT) == 0);
        CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    }
    int status = 0;
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

// Datagrams are read while their socket turns to another peer, which drops them.
static int reader;
static void* reads_datagrams(void* unused) {
    char text[64];
    while (!is_over) (void)!recv(reader, text, sizeof text, MSG_DONTWAIT);
    return unused;
}
static void test_datagrams(void) {
    int peers[2];
    struct sockaddr_un names[2] = {{.sun_family = AF_UNIX, .sun_path = "\0races-a"},
                                   {.sun_family = AF_UNIX, .sun_path = "\0races-b"}};
    struct sockaddr_un own = {.sun_family = AF_UNIX, .sun_path = "\0races-r"};
    reader = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(reader, (struct sockaddr*)&own, sizeof own) == 0);
    for (int n = 0; n < 2; n++) {
        peers[n] = socket(AF_UNIX, SOCK_DGRAM, 0);
        CHECK(bind(peers[n], (struct sockaddr*)&names[n], sizeof names[n]) == 0);
        CHECK(connect(peers[n], (struct sockaddr*)&own, sizeof own) == 0);
    }
    pthread_t thread = begin(reads_datagrams);
    for (int n = 0; n < 3000; n++) {
        for (int k = 0; k < 4; k++) (void)!send(peers[n % 2], "datagram", 8, MSG_DONTWAIT);
        CHECK(connect(reader, (struct sockaddr*)&names[(n + 1) % 2], sizeof own) == 0);
    }
    is_over = 1;
    end(thread);
    for (int n = 0; n < 2; n++) close(peers[n]);
    close(reader);
}

static void test_end(void) {} // what the other tests' children run

// A stop that is taken when its SIGCONT comes must not outlast it.
static void test_stops_that_are_over(void) {
    int questions[2], answers[2];
    CHECK(pipe(questions) == 0 && pipe(answers) == 0);
    const pid_t child = fork();
    char byte;
    if (child == 0)
        while (read(questions[0], &byte, 1) == 1 && write(answers[1], &byte, 1) == 1) {}
    for (int n = 0; n < 500; n++) {
        CHECK(kill(child, n % 2 ? SIGSTOP : SIGTSTP) == 0);
        for (volatile int wait = n % 50 * 20; wait > 0; wait--) {}
        CHECK(kill(child, SIGCONT) == 0);
        CHECK(write(questions[1], "?", 1) == 1);
        CHECK(read(answers[0], &byte, 1) == 1); // for ever, when the child stands still
    }
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, NULL, 0) == child);
    for (int n = 0; n < 2; n++) {
        close(questions[n]);
        close(answers[n]);
    }
}

static const struct {
    const char* name;
    void (*run)(void);
} tests[] = {
    {"newborn", test_signals_to_the_newborn},
    {"clock", test_clock_and_its_timers},
    {"priorities", test_priorities},
    {"looking", test_looking_at_processes},
    {"credentials", test_credentials},
    {"timers", test_first_timers},
    {"stops", test_stops},
    {"continued", test_stops_that_are_over},
    {"datagrams", test_datagrams},
    {"end", test_end},
};

int main(int argc, char** argv) {
    own_path = argv[0];
    const int rounds = argc > 2 ? atoi(argv[2]) : 1;
    for (size_t n = 0; n < sizeof tests / sizeof *tests; n++)
        for (int round = 0; round < rounds; round++) {
            if (argc > 1 && strcmp(argv[1], tests[n].name) != 0) continue;
            printf("%s\n", tests[n].name);
            fflush(stdout);
            is_over = 0;
            taken = 0;
            tests[n].run();
        }
    return verdict("nothing was torn");
}
