// SPDX-License-Identifier: BSD-2-Clause
// What an allocator costs, for `./drupe bench malloc`: instructions for each operation, and the
// most memory that a load had in use, in KiB. Lines as bench.c prints them. Each load is a process
// of its own, so that none finds what another left.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t next(uint64_t* state) { // xorshift64
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/// Mostly small, sometimes large, as programs ask.
static size_t mixed_size(uint64_t* state) {
    const uint64_t r = next(state), kind = r % 100, more = r >> 32;
    if (kind < 60) return 16 + more % 112;
    if (kind < 90) return 128 + more % 896;
    if (kind < 99) return 1024 + more % 15360;
    return 16384 + more % 245760;
}

static char* used(size_t size) {
    char* p = malloc(size);
    if (!p) exit(1);
    p[0] = p[size - 1] = 1;
    return p;
}

/// One block, there and back.
static long same_size(void) {
    enum { count = 200000 };
    for (long n = 0; n < count; n++) {
        char* p = used(64);
        __asm__ volatile("" : "+r"(p));
        free(p);
    }
    return count;
}

static void replace_at_random(uint64_t seed, int slots, long count) {
    char** held = calloc((size_t)slots, sizeof *held);
    for (long n = 0; n < count; n++) {
        char** slot = &held[next(&seed) % (unsigned)slots];
        free(*slot);
        *slot = used(mixed_size(&seed));
    }
    for (int n = 0; n < slots; n++) free(held[n]);
    free(held);
}

static long mixed(void) {
    enum { count = 200000 };
    replace_at_random(88172645463325252u, 4096, count);
    return count;
}

static void* worker(void* number) {
    replace_at_random(88172645463325252u + (uintptr_t)number * 77, 1024, 50000);
    return NULL;
}

static long four_threads(void) {
    pthread_t threads[4];
    for (uintptr_t n = 0; n < 4; n++) pthread_create(&threads[n], NULL, worker, (void*)n);
    for (int n = 0; n < 4; n++) pthread_join(threads[n], NULL);
    return 4 * 50000;
}

/// What one thread allocates another frees: `batch` blocks for each hand-over, two batches at most
/// on the way.
enum { batch = 64, batches = 800 };
struct lane {
    char* blocks[2][batch];
    sem_t full, empty;
    uint64_t seed;
};

static void* producer(void* at) {
    struct lane* lane = at;
    for (int b = 0; b < batches; b++) {
        sem_wait(&lane->empty);
        for (int n = 0; n < batch; n++)
            lane->blocks[b % 2][n] = used(16 + next(&lane->seed) % 1000);
        sem_post(&lane->full);
    }
    return NULL;
}

static void* consumer(void* at) {
    struct lane* lane = at;
    for (int b = 0; b < batches; b++) {
        sem_wait(&lane->full);
        for (int n = 0; n < batch; n++) free(lane->blocks[b % 2][n]);
        sem_post(&lane->empty);
    }
    return NULL;
}

static long hand_over(int pairs) {
    static struct lane lanes[2];
    pthread_t threads[4];
    for (int n = 0; n < pairs; n++) {
        sem_init(&lanes[n].full, 0, 0);
        sem_init(&lanes[n].empty, 0, 2);
        lanes[n].seed = 362436069u + (unsigned)n;
        pthread_create(&threads[2 * n], NULL, producer, &lanes[n]);
        pthread_create(&threads[2 * n + 1], NULL, consumer, &lanes[n]);
    }
    for (int n = 0; n < 2 * pairs; n++) pthread_join(threads[n], NULL);
    return (long)pairs * batch * batches;
}

static long one_pair(void) { return hand_over(1); }
static long two_pairs(void) { return hand_over(2); }

/// A store of keys and values in memory: small nodes, short texts, values that grow, a table that
/// doubles.
struct node {
    struct node* next;
    char *key, *value;
    size_t size;
};

static void set_key(struct node** slot, uint64_t* seed) {
    struct node* node = *slot;
    if (!node || next(seed) % 2) { // a new key
        node = (struct node*)used(sizeof *node);
        node->next = *slot;
        node->key = used(12 + next(seed) % 40);
        node->size = 8 + next(seed) % 500;
        node->value = used(node->size);
        *slot = node;
    } else { // the value of an old one, longer
        node->size += 1 + next(seed) % 100;
        node->value = realloc(node->value, node->size);
        node->value[node->size - 1] = 1;
    }
}

static void drop_key(struct node** slot) {
    struct node* node = *slot;
    if (!node) return;
    *slot = node->next;
    free(node->key), free(node->value), free(node);
}

static long store(void) {
    enum { count = 150000 };
    uint64_t seed = 521288629u;
    size_t size = 1024;
    struct node** table = calloc(size, sizeof *table);
    for (long n = 0; n < count; n++) {
        struct node** slot = &table[next(&seed) % size];
        if (next(&seed) % 3)
            set_key(slot, &seed);
        else
            drop_key(slot);
        char* reply = used(32 + next(&seed) % 64); // what is said about it
        free(reply);
        if (n % 20000 == 19999) {
            table = realloc(table, 2 * size * sizeof *table);
            memset(table + size, 0, size * sizeof *table);
            size *= 2;
        }
    }
    return count;
}

/// A buffer that grows by what is appended.
static long growth(void) {
    enum { count = 100000 };
    size_t size = 0;
    char* buffer = NULL;
    for (long n = 0; n < count; n++) {
        size += 40;
        buffer = realloc(buffer, size);
        buffer[size - 1] = 1;
    }
    free(buffer);
    return count;
}

static long peak_kib(void) {
    FILE* status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;
    while (status && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &kib);
    if (status) fclose(status);
    return kib;
}

int main(void) {
    static const struct {
        const char* name;
        long (*run)(void);
    } loads[] = {{"same_size", same_size}, {"mixed", mixed},         {"four_threads", four_threads},
                 {"one_pair", one_pair},   {"two_pairs", two_pairs}, {"store", store},
                 {"growth", growth}};
    puts("BENCH-START");
    for (size_t n = 0; n < sizeof loads / sizeof *loads; n++) {
        printf("W %s\nT %s\n", loads[n].name, loads[n].name);
        fflush(stdout);
        if (fork() == 0) {
            const long before = peak_kib();
            const uint64_t begin = now();
            const long count = loads[n].run();
            const uint64_t spent = now() - begin;
            printf("B %s %.1f %ld\n", loads[n].name, (double)spent / (double)count, count);
            printf("B %s_kib %.1f 1\n", loads[n].name, (double)(peak_kib() - before));
            fflush(stdout);
            _exit(0);
        }
        int status;
        wait(&status);
        if (status != 0) printf("E %s: %#x\n", loads[n].name, (unsigned)status);
    }
    puts("BENCH-END");
    return 0;
}
