// SPDX-License-Identifier: BSD-2-Clause
// Reads and writes of a disk, /dev/vda, for any system as its init: random blocks of 4 KiB by one thread and by 32, and
// one behind the other 128 KiB at a time. As direct I/O, and the long ones through the cache too.
//   disk all           a line "B TEST NS OPS" each, NS of wall time for one operation of any thread
//   disk TEST COUNT    that many operations, for who counts instructions
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { small = 4096, large = 128 << 10, most_threads = 32, warm_up_ms = 100, measured_ms = 600 };

struct Test {
    const char* name;
    int threads, is_write, flags;
    size_t bytes;
};
static const struct Test tests[] = {
    {"read_4k_1", 1, 0, O_DIRECT, small},       {"read_4k_32", 32, 0, O_DIRECT, small},
    {"write_4k_1", 1, 1, O_DIRECT, small},      {"write_4k_32", 32, 1, O_DIRECT, small},
    {"read_128k", 1, 0, O_DIRECT, large},       {"write_128k", 1, 1, O_DIRECT, large},
    {"cached_read_128k", 1, 0, 0, large},       {"cached_write_128k", 1, 1, 0, large},
};

static const struct Test* test;
static uint64_t disk_bytes;
static atomic_int phase;        // 0 warming up, 1 measured, 2 over
static atomic_long left;        // operations, where they are counted
static int is_counted;

struct Thread {
    pthread_t id;
    uint64_t state, done;
};

static void fail(const char* what) {
    perror(what);
    fflush(stderr);
    abort();
}

static int is_over(void) {
    return is_counted ? atomic_fetch_sub(&left, 1) <= 0 : atomic_load_explicit(&phase, memory_order_relaxed) == 2;
}

static void* work(void* argument) {
    struct Thread* self = argument;
    const int file = open("/dev/vda", (test->is_write ? O_RDWR : O_RDONLY) | test->flags);
    char* buffer = aligned_alloc(4096, test->bytes);
    if (file < 0 || !buffer) fail("disk");
    memset(buffer, 'x', test->bytes);
    const uint64_t blocks = disk_bytes / test->bytes;
    uint64_t before = 0, n = 0;
    for (int seen = 0, now; !is_over(); n++) {
        if ((now = atomic_load_explicit(&phase, memory_order_relaxed)) != seen) seen = now, before = n;
        self->state = self->state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t block = test->bytes == small ? (self->state >> 33) % blocks : n % blocks;
        const off_t at = (off_t)(block * test->bytes);
        const ssize_t moved = test->is_write ? pwrite(file, buffer, test->bytes, at) : pread(file, buffer, test->bytes, at);
        if (moved != (ssize_t)test->bytes) fail("pread or pwrite");
    }
    self->done = n - before;
    if (test->is_write && fsync(file) != 0) fail("fsync");
    free(buffer);
    close(file);
    return NULL;
}

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void pause_ms(int ms) {
    if (!is_counted) usleep(ms * 1000);
}

static void run(const struct Test* which) {
    struct Thread threads[most_threads] = {0};
    test = which;
    atomic_store(&phase, 0);
    for (int i = 0; i < test->threads; i++) {
        threads[i].state = (uint64_t)i + 1;
        if (pthread_create(&threads[i].id, NULL, work, &threads[i]) != 0) fail("pthread_create");
    }
    pause_ms(warm_up_ms);
    const double begin = now_ns();
    if (!is_counted) atomic_store(&phase, 1);
    pause_ms(measured_ms);
    const double measured_end = now_ns();
    if (!is_counted) atomic_store(&phase, 2);
    uint64_t done = 0;
    for (int i = 0; i < test->threads; i++) {
        pthread_join(threads[i].id, NULL);
        done += threads[i].done;
    }
    // What the cache still holds is written when the threads sync: then their time is the whole.
    const double end = test->is_write && !test->flags ? now_ns() : measured_end;
    printf("B %s %.1f %llu\n", test->name, (end - begin) / (double)done, (unsigned long long)done);
    fflush(stdout);
}

/// A Linux that has nothing but its init makes no node for the disk.
static void find_disk(void) {
    if (access("/dev/vda", R_OK) == 0) return;
    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    FILE* file = fopen("/proc/partitions", "r");
    char line[128], name[32];
    unsigned major = 0, minor = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%u %u %*u %31s", &major, &minor, name) == 3 && !strcmp(name, "vda")) break;
    if (mknod("/dev/vda", S_IFBLK | 0600, makedev(major, minor)) != 0) fail("mknod");
}

int main(int argc, char** argv) {
    find_disk();
    const int file = open("/dev/vda", O_RDONLY);
    disk_bytes = (uint64_t)lseek(file, 0, SEEK_END);
    if (file < 0 || disk_bytes < large) fail("/dev/vda");
    close(file);
    is_counted = argc > 2;
    if (is_counted) left = atol(argv[2]);
    for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++)
        if (!is_counted || !strcmp(argv[1], tests[i].name)) run(&tests[i]);
    printf("BENCH-END\n");
    fflush(stdout);
    if (!strcmp(argv[0], "/init")) reboot(RB_POWER_OFF);
    return 0;
}
