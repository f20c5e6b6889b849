// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include "soak.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Atomic int over;
int is_over(void) { return over; }

unsigned next_random(unsigned* state) { return (*state = *state * 1664525 + 1013904223) >> 8; }

static unsigned seed_of(void* seed) { return (unsigned)(uintptr_t)seed; }

// Pages hold their own number; what is mapped again, moved or cut keeps or loses exactly what it should.
void* map_and_unmap(void* seed) {
    unsigned random = seed_of(seed);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    while (!is_over()) {
        const size_t pages = 4 + next_random(&random) % 60;
        unsigned char* at = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(at != MAP_FAILED);
        for (size_t i = 0; i < pages; i++) {
            MUST(at[i * page] == 0);
            at[i * page + i] = (unsigned char)(i + 1);
        }
        const size_t hole = 1 + next_random(&random) % (pages - 2);
        MUST(mprotect(at, page, PROT_READ) == 0);
        MUST(munmap(at + hole * page, page) == 0);
        MUST(madvise(at + (pages - 1) * page, page, MADV_DONTNEED) == 0);
        for (size_t i = 0; i < pages; i++)
            if (i != hole) MUST(at[i * page + i] == (i == pages - 1 ? 0 : (unsigned char)(i + 1)));
        MUST(mprotect(at, page, PROT_READ | PROT_WRITE) == 0);
        // The hole is another thread's now, perhaps.
        unsigned char* moved = mremap(at, hole * page, (hole + 8) * page, MREMAP_MAYMOVE);
        MUST(moved != MAP_FAILED);
        for (size_t i = 0; i < hole; i++) MUST(moved[i * page + i] == (unsigned char)(i + 1));
        for (size_t i = hole; i < hole + 8; i++) MUST(moved[i * page + i] == 0);
        MUST(munmap(moved, (hole + 8) * page) == 0);
        MUST(munmap(at + (hole + 1) * page, (pages - hole - 1) * page) == 0);
    }
    return NULL;
}

static _Atomic long born;
static void* lives_shortly(void* value) {
    volatile char stack[3000];
    for (size_t i = 0; i < sizeof stack; i += 500) stack[i] = (char)i;
    born++;
    return value;
}

// It detaches itself: glibc 2.36 (nptl/pthread_detach.c) looks at the thread's record after it has given the thread
// away, when record and stack may be another thread's, and then frees that one's.
static void* lives_detached(void* unused) {
    MUST(pthread_detach(pthread_self()) == 0);
    return lives_shortly(unused);
}

void* threads_come_and_go(void* seed) {
    unsigned random = seed_of(seed);
    while (!is_over()) {
        pthread_t threads[8];
        unsigned detached = next_random(&random) & next_random(&random); // a bit for each
        for (uintptr_t i = 0; i < 8; i++)
            MUST(pthread_create(&threads[i], NULL, detached >> i & 1 ? lives_detached : lives_shortly, (void*)i) == 0);
        for (uintptr_t i = 0; i < 8; i++) {
            void* value;
            if (detached >> i & 1) continue;
            MUST(pthread_join(threads[i], &value) == 0);
            MUST(value == (void*)i);
        }
    }
    return NULL;
}

// Real-time signals arrive in the order in which they were sent, and all of them.
void* queued_signals(void* seed) {
    unsigned random = seed_of(seed);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2); // blocked in every thread
    union sigval value;
    for (int sent = 0, taken = 0; !is_over() || taken < sent;) {
        for (unsigned n = next_random(&random) % 16; n > 0 && !is_over(); n--) {
            value.sival_int = sent;
            MUST(pthread_sigqueue(pthread_self(), SIGRTMIN + 2, value) == 0);
            sent++;
        }
        siginfo_t info;
        const struct timespec none = {0, 0};
        for (unsigned n = next_random(&random) % 16; n > 0 && taken < sent; n--) {
            MUST(sigtimedwait(&set, &info, &none) == SIGRTMIN + 2);
            MUST(info.si_value.sival_int == taken);
            taken++;
        }
    }
    return NULL;
}

static _Atomic long handled;
static void handle(int signo) {
    (void)signo;
    volatile double spoils = 3.25;
    for (int i = 0; i < 10; i++) spoils = spoils * 1.5;
    handled++;
}

static _Atomic int computes;
static void* computes_on(void* unused) {
    (void)unused;
    while (computes) {
        double sum = 0;
        for (int i = 1; i <= 20000; i++) sum += (double)i / 2;
        MUST(sum == 20000.0 * 20001.0 / 4);
    }
    return NULL;
}

// Each handler runs once for each signal that was sent after the one before had been handled.
void* handlers_interrupt(void* unused) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    computes = 1;
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, computes_on, NULL) == 0);
    for (long sent = 0; !is_over();) {
        MUST(pthread_kill(thread, SIGUSR1) == 0);
        sent++;
        while (handled < sent) sched_yield();
        MUST(handled == sent);
    }
    computes = 0;
    MUST(pthread_join(thread, NULL) == 0);
    return unused;
}

// A timer's signals, a timer's file, sleeps: none early, none never.
void* timers_come_and_go(void* seed) {
    unsigned random = seed_of(seed);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    int file = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    MUST(file >= 0);
    while (!is_over()) {
        const long wait = 100000 + (long)next_random(&random) % 3000000;
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
        timer_t timers[4];
        for (int i = 0; i < 4; i++) {
            event.sigev_value.sival_int = i;
            MUST(timer_create(CLOCK_MONOTONIC, &event, &timers[i]) == 0);
            struct itimerspec when = {{0, 0}, {0, wait}};
            MUST(timer_settime(timers[i], 0, &when, NULL) == 0);
        }
        unsigned seen = 0;
        for (int i = 0; i < 4; i++) {
            siginfo_t info;
            while (sigwaitinfo(&set, &info) < 0) MUST(errno == EINTR);
            seen |= 1u << info.si_value.sival_int;
        }
        MUST(seen == 15);
        for (int i = 0; i < 4; i++) MUST(timer_delete(timers[i]) == 0);
        struct itimerspec often = {{0, wait}, {0, wait}};
        MUST(timerfd_settime(file, 0, &often, NULL) == 0);
        uint64_t times = 0;
        MUST(read(file, &times, sizeof times) == sizeof times && times >= 1);
        struct timespec sleep = {0, wait};
        MUST(clock_nanosleep(CLOCK_MONOTONIC, 0, &sleep, NULL) == 0);
        clock_gettime(CLOCK_MONOTONIC, &after);
        MUST((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= 3 * wait);
    }
    close(file);
    return NULL;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long tokens = 4, holders;

// At most four hold a token, and whoever waits is woken.
void* locks_hold(void* seed) {
    unsigned random = seed_of(seed);
    while (!is_over()) {
        pthread_mutex_lock(&mutex);
        while (tokens == 0) pthread_cond_wait(&changed, &mutex);
        tokens--;
        holders++;
        MUST(tokens >= 0 && tokens + holders == 4);
        pthread_mutex_unlock(&mutex);
        if (next_random(&random) % 8 == 0) sched_yield();
        pthread_mutex_lock(&mutex);
        tokens++;
        holders--;
        MUST(tokens + holders == 4);
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void* writes_bytes(void* argument) {
    const int* files = argument;
    char block[700];
    for (unsigned n = 0; !is_over(); n++) {
        memset(block, (int)(n & 0x7f), sizeof block);
        MUST(write(files[1], block, sizeof block) == sizeof block);
    }
    close(files[1]);
    return NULL;
}

// A pipe brings every byte, in order; an event file every count.
void* bytes_pass(void* unused) {
    int files[2];
    MUST(pipe(files) == 0);
    const int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    MUST(event >= 0);
    pthread_t writer;
    MUST(pthread_create(&writer, NULL, writes_bytes, files) == 0);
    unsigned long at = 0;
    char buffer[1000];
    for (;;) {
        struct pollfd poll_for = {files[0], POLLIN, 0};
        MUST(poll(&poll_for, 1, -1) == 1);
        const ssize_t got = read(files[0], buffer, sizeof buffer);
        MUST(got >= 0);
        if (got == 0) break;
        for (ssize_t i = 0; i < got; i++, at++) MUST(buffer[i] == (char)(at / 700 & 0x7f));
        uint64_t count = (uint64_t)got;
        MUST(write(event, &count, sizeof count) == sizeof count);
        MUST(read(event, &count, sizeof count) == sizeof count && count == (uint64_t)got);
    }
    MUST(pthread_join(writer, NULL) == 0);
    close(files[0]);
    close(event);
    return unused;
}

// A child sees its parent's memory as it was, and the parent none of what the child writes.
void* children_come_and_go(void* unused) {
    const size_t bytes = 16 * (size_t)sysconf(_SC_PAGESIZE);
    unsigned char* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(memory != MAP_FAILED);
    for (unsigned n = 1; !is_over(); n++) {
        memset(memory, (int)(n & 0xff), bytes);
        const pid_t child = fork();
        MUST(child >= 0);
        if (child == 0) {
            for (size_t i = 0; i < bytes; i += 512)
                if (memory[i] != (n & 0xff)) _exit(1);
            memset(memory, 0, bytes);
            _exit(7);
        }
        int status;
        MUST(waitpid(child, &status, 0) == child);
        MUST(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        MUST(memory[bytes - 1] == (n & 0xff));
        usleep(5000);
    }
    munmap(memory, bytes);
    return unused;
}

void play_round(unsigned seed, int seconds) {
    static void* (*const parts[])(void*) = {map_and_unmap,      map_and_unmap,      threads_come_and_go, threads_come_and_go,
                                            queued_signals,     handlers_interrupt, timers_come_and_go,  locks_hold,
                                            locks_hold,         locks_hold,         locks_hold,          locks_hold,
                                            locks_hold,         bytes_pass,         children_come_and_go};
    enum { count = sizeof parts / sizeof parts[0] };
    sigset_t set;
    sigemptyset(&set);
    for (int i = 2; i < 4; i++) sigaddset(&set, SIGRTMIN + i);
    MUST(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    pthread_t threads[count];
    for (unsigned i = 0; i < count; i++)
        MUST(pthread_create(&threads[i], NULL, parts[i], (void*)(uintptr_t)(seed * 100 + i)) == 0);
    sleep((unsigned)seconds);
    over = 1;
    for (unsigned i = 0; i < count; i++) MUST(pthread_join(threads[i], NULL) == 0);
    MUST(tokens == 4);
    // No thread starved.
    MUST(born > 0);
    MUST(handled > 0);
    exit(0);
}
