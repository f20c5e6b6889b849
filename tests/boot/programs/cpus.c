// SPDX-License-Identifier: BSD-2-Clause
// What several CPUs show a program: where threads run, memory that all of them change at once,
// address spaces that change under running threads, signals and exits across CPUs.
//   cpus N [TEST ROUNDS]: the machine has N CPUs; one test only, again and again
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most = 16, page = 4096 };
static int cpus;

typedef void* (*Body)(void*);
static void on_all(Body body) {
    pthread_t threads[most];
    for (intptr_t n = 0; n < cpus; n++)
        CHECK(pthread_create(&threads[n], NULL, body, (void*)n) == 0);
    for (int n = 0; n < cpus; n++) CHECK(pthread_join(threads[n], NULL) == 0);
}

static int pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}
// Further CPUs may still be on their way when the program starts: they are waited for.
static void test_arrival(void) {
    cpu_set_t everywhere;
    CHECK(sched_getaffinity(0, sizeof everywhere, &everywhere) == 0);
    for (int n = 0; n < cpus; n++) {
        CHECK(pin(n) == 0);
        CHECK(sched_getcpu() == n);
    }
    CHECK(sched_setaffinity(0, sizeof everywhere, &everywhere) == 0);
}

static void* runs_where_it_is_put(void* argument) {
    const int first = (int)(intptr_t)argument;
    for (int round = 0; round < 200; round++) {
        const int at = (first + round) % cpus;
        CHECK(pin(at) == 0);
        CHECK(sched_getcpu() == at);
        cpu_set_t now;
        CHECK(sched_getaffinity(0, sizeof now, &now) == 0 && CPU_COUNT(&now) == 1 &&
              CPU_ISSET(at, &now));
    }
    return NULL;
}
static void test_placement(void) {
    cpu_set_t set;
    CHECK(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == cpus);
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) == cpus && sysconf(_SC_NPROCESSORS_CONF) == cpus);
    CPU_ZERO(&set);
    CPU_SET(cpus, &set);
    CHECK(sched_setaffinity(0, sizeof set, &set) == -1 && errno == EINVAL);
    on_all(runs_where_it_is_put);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static long guarded, turn;
static _Atomic long counted;
static void* adds(void* unused) {
    for (int n = 0; n < 20000; n++) {
        pthread_mutex_lock(&mutex);
        guarded++;
        pthread_mutex_unlock(&mutex);
        counted++;
    }
    return unused;
}
static void* takes_turns(void* argument) {
    for (int n = 0; n < 300; n++) {
        pthread_mutex_lock(&mutex);
        while (turn % cpus != (intptr_t)argument) pthread_cond_wait(&turn_changed, &mutex);
        turn++;
        pthread_cond_broadcast(&turn_changed);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}
static void test_locks(void) {
    guarded = counted = turn = 0;
    on_all(adds);
    CHECK(guarded == 20000L * cpus && counted == guarded);
    on_all(takes_turns);
    CHECK(turn == 300L * cpus);
}

// One thread maps, fills and unmaps; the others find either what belongs there or a fault.
static void* changes_memory(void* argument) {
    const unsigned char mark = (unsigned char)((intptr_t)argument + 1);
    for (int round = 0; round < 300; round++) {
        unsigned char* at =
            mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(at != MAP_FAILED);
        for (int n = 0; n < 8; n++) {
            CHECK(at[n * page] == 0);
            at[n * page] = mark;
        }
        CHECK(mprotect(at, page, PROT_READ) == 0);
        CHECK(madvise(at + page, page, MADV_DONTNEED) == 0 && at[page] == 0);
        for (int n = 2; n < 8; n++) CHECK(at[n * page] == mark);
        CHECK(munmap(at, 8 * page) == 0);
    }
    return NULL;
}
static unsigned char* shared_pages;
static void* touches_pages(void* argument) {
    for (int n = 0; n < 512; n++)
        atomic_fetch_add((_Atomic unsigned char*)&shared_pages[n * page + (intptr_t)argument], 1);
    return NULL;
}
static void test_memory(void) {
    on_all(changes_memory);
    const size_t bytes = 512 * page;
    shared_pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 5; round++) {
        on_all(touches_pages);
        for (int n = 0; n < 512; n++)
            for (int who = 0; who < cpus; who++) CHECK(shared_pages[n * page + who] == 1);
        CHECK(madvise(shared_pages, bytes, MADV_DONTNEED) == 0);
    }
}

// A page becomes read-only while others write to it: from then on nothing in it changes.
static _Atomic int is_over;
static volatile int* contested;
static void on_fault(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)context;
    if (info->si_addr != (void*)contested) abort();
    sched_yield(); // and try again
}
static void* writes_on(void* unused) {
    while (!is_over) ++*contested;
    return unused;
}
static void* forbids_writing(void* unused) {
    for (int n = 0; n < 500; n++) {
        CHECK(mprotect((void*)contested, page, PROT_READ) == 0);
        const int before = *contested;
        for (volatile int k = 0; k < 300; k++) {}
        CHECK(*contested == before);
        CHECK(mprotect((void*)contested, page, PROT_READ | PROT_WRITE) == 0);
    }
    is_over = 1;
    return unused;
}
static void test_shootdown(void) {
    is_over = 0;
    contested = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    pthread_t writers[most], taker;
    for (int n = 1; n < cpus; n++) CHECK(pthread_create(&writers[n], NULL, writes_on, NULL) == 0);
    CHECK(pthread_create(&taker, NULL, forbids_writing, NULL) == 0);
    for (int n = 1; n < cpus; n++) CHECK(pthread_join(writers[n], NULL) == 0);
    CHECK(pthread_join(taker, NULL) == 0);
    signal(SIGSEGV, SIG_DFL);
}

static void* forks(void* argument) {
    for (int n = 0; n < 15; n++) {
        const pid_t child = fork();
        if (child == 0) {
            int* own = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            *own = n;
            _exit((int)(intptr_t)argument + *own);
        }
        int status = 0;
        CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
              WEXITSTATUS(status) == (int)(intptr_t)argument + n);
    }
    return NULL;
}

static void test_forks(void) { on_all(forks); }

static _Atomic int heard;
static void hears(int signo) { (void)signo, heard++; }
static void* computes(void* until) {
    while (!atomic_load((_Atomic int*)until)) {}
    return NULL;
}
// Threads that compute without a call are reached, whatever CPU they are on.
static void test_signals(void) {
    _Atomic int stop = 0;
    pthread_t threads[most];
    signal(SIGUSR1, hears);
    heard = 0;
    for (int n = 0; n < cpus; n++) CHECK(pthread_create(&threads[n], NULL, computes, &stop) == 0);
    for (int round = 1; round <= 50; round++) {
        for (int n = 0; n < cpus; n++) CHECK(pthread_kill(threads[n], SIGUSR1) == 0);
        while (heard < round * cpus) sched_yield();
    }
    stop = 1;
    for (int n = 0; n < cpus; n++) CHECK(pthread_join(threads[n], NULL) == 0);
    CHECK(heard == 50 * cpus);
}

static void* reads_events(void* argument) {
    const int from = ((int*)argument)[0], to = ((int*)argument)[1];
    for (int n = 0; n < 500; n++) {
        uint64_t value = 0;
        CHECK(read(from, &value, sizeof value) == sizeof value && value == (uint64_t)n + 1);
        CHECK(write(to, &value, 1) == 1);
    }
    return NULL;
}
static void test_waiting(void) {
    int ends[2], pair[2];
    CHECK(pipe(ends) == 0);
    pair[0] = eventfd(0, 0);
    pair[1] = ends[1];
    pthread_t reader;
    CHECK(pthread_create(&reader, NULL, reads_events, pair) == 0);
    for (int n = 0; n < 500; n++) {
        const uint64_t value = (uint64_t)n + 1;
        char byte = 0;
        CHECK(write(pair[0], &value, sizeof value) == sizeof value);
        CHECK(read(ends[0], &byte, 1) == 1 && (unsigned char)byte == (unsigned char)value);
    }
    CHECK(pthread_join(reader, NULL) == 0);
}

// How often the timer interrupted a CPU; -1: all CPUs.
static long ticks_of(int cpu) {
    enum { timer = 27 };
    char line[512];
    long sum = 0;
    FILE* file = fopen("/proc/interrupts", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file)) {
        char* at = line;
        if (strtol(at, &at, 10) != timer || *at++ != ':') continue;
        for (int n = 0; n < cpus; n++) {
            const long count = strtol(at, &at, 10);
            if (cpu < 0 || n == cpu) sum += count;
        }
    }
    fclose(file);
    return sum;
}
static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
static void* computes_on_last(void* until) {
    pin(cpus - 1);
    return computes(until);
}
// No timer interrupts one that runs alone, nor a machine that idles; of two that share a CPU each
// has its turns.
static void test_ticks(void) {
    pin(cpus - 1);
    usleep(20000);
    long before = ticks_of(cpus - 1);
    for (const long end = now_ms() + 300; now_ms() < end;) {}
    const long alone = ticks_of(cpus - 1) - before;

    _Atomic int stop = 0;
    pthread_t other;
    CHECK(pthread_create(&other, NULL, computes_on_last, &stop) == 0);
    before = ticks_of(cpus - 1);
    for (const long end = now_ms() + 300; now_ms() < end;) {}
    const long shared = ticks_of(cpus - 1) - before;
    stop = 1;
    CHECK(pthread_join(other, NULL) == 0);

    usleep(20000);
    before = ticks_of(-1);
    usleep(300000);
    const long idle = ticks_of(-1) - before;
    if (alone > 2 || idle > 3 || shared < 20)
        printf("alone %ld, shared %ld, idle %ld\n", alone, shared, idle);
    CHECK(alone <= 2);
    CHECK(idle <= 3);
    CHECK(shared >= 20);
    cpu_set_t everywhere;
    CPU_ZERO(&everywhere);
    for (int n = 0; n < cpus; n++) CPU_SET(n, &everywhere);
    CHECK(sched_setaffinity(0, sizeof everywhere, &everywhere) == 0);
}

// The whole process ends while its threads are busy everywhere.
static void test_exit(void) {
    for (int n = 0; n < 20; n++) {
        const pid_t child = fork();
        if (child == 0) {
            static _Atomic int never;
            pthread_t thread;
            for (int k = 1; k < cpus; k++) pthread_create(&thread, NULL, computes, &never);
            if (n % 2) usleep(500);
            _exit(n);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == n);
    }
}

int main(int argc, char** argv) {
    cpus = argc > 1 ? atoi(argv[1]) : 1;
    static const struct {
        const char* name;
        void (*run)(void);
    } tests[] = {{"arrival", test_arrival},     {"placement", test_placement},
                 {"locks", test_locks},         {"memory", test_memory},
                 {"shootdown", test_shootdown}, {"signals", test_signals},
                 {"waiting", test_waiting},     {"ticks", test_ticks},
                 {"exit", test_exit},           {"forks", test_forks}};
    for (unsigned n = 0; n < sizeof tests / sizeof *tests; n++) {
        if (argc > 3 && strcmp(argv[2], tests[n].name) != 0) continue;
        printf("%s\n", tests[n].name);
        fflush(stdout);
        for (int rounds = argc > 3 ? atoi(argv[3]) : 1; rounds > 0; rounds--) tests[n].run();
    }
    return verdict("all CPUs agree");
}
