// SPDX-License-Identifier: BSD-2-Clause
// How much more two threads do in the same time than one, on two CPUs: a line "B TEST_THREADS NS OPS" each, NS for one
// operation of any of them. By wall time, so on one machine only ratios say something. For any system as its init.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

enum { most_threads = 2, warm_up_ms = 50, measured_ms = 300 };

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t shared_sum;
static atomic_int phase; // 0 warming up, 1 measured, 2 over

static void compute(int* files) {
    (void)files;
    static _Thread_local uint64_t state = 1;
    for (int i = 0; i < 1000; i++) state = state * 6364136223846793005u + 1442695040888963407u;
    *(volatile uint64_t*)&state;
}

static void call(int* files) {
    char byte = 1;
    if (write(files[1], &byte, 1) != 1 || read(files[0], &byte, 1) != 1) abort();
}

static void fault(int* files) {
    (void)files;
    enum { bytes = 64 * 4096 };
    char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) abort();
    for (size_t i = 0; i < bytes; i += 4096) at[i] = 1;
    munmap(at, bytes);
}

static void lock(int* files) {
    (void)files;
    pthread_mutex_lock(&shared_lock);
    for (int i = 0; i < 100; i++) *(volatile uint64_t*)&shared_sum += 1;
    pthread_mutex_unlock(&shared_lock);
    for (int i = 0; i < 100; i++) __asm__ volatile("");
}

struct Thread {
    pthread_t id;
    void (*operation)(int*);
    uint64_t done;
};

static void* work(void* argument) {
    struct Thread* self = argument;
    int files[2];
    if (pipe(files) != 0) abort();
    uint64_t before = 0, n = 0;
    for (int seen = 0, now; (now = atomic_load_explicit(&phase, memory_order_relaxed)) != 2; n++) {
        if (now != seen) seen = now, before = n;
        self->operation(files);
    }
    self->done = n - before;
    close(files[0]);
    close(files[1]);
    return NULL;
}

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void measure(const char* name, void (*operation)(int*), int count) {
    struct Thread threads[most_threads] = {0};
    atomic_store(&phase, 0);
    for (int i = 0; i < count; i++) {
        threads[i].operation = operation;
        if (pthread_create(&threads[i].id, NULL, work, &threads[i]) != 0) abort();
    }
    usleep(warm_up_ms * 1000);
    const double begin = now_ns();
    atomic_store(&phase, 1);
    usleep(measured_ms * 1000);
    atomic_store(&phase, 2);
    const double end = now_ns();
    uint64_t done = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i].id, NULL);
        done += threads[i].done;
    }
    printf("B %s_%d %.1f %llu\n", name, count, (end - begin) / (double)done, (unsigned long long)done);
    fflush(stdout);
}

int main(int argc, char** argv) {
    const struct {
        const char* name;
        void (*operation)(int*);
    } tests[] = {{"compute", compute}, {"calls", call}, {"faults", fault}, {"mutex", lock}};
    for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++)
        for (int count = 1; count <= most_threads; count++) measure(tests[i].name, tests[i].operation, count);
    printf("BENCH-END\n");
    fflush(stdout);
    if (argc > 0 && !strcmp(argv[0], "/init")) reboot(RB_POWER_OFF);
    return 0;
}
