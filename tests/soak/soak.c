// SPDX-License-Identifier: BSD-2-Clause
// usage: soak SECONDS -- rounds of threads, signals, mappings and timers, each in a process of its own. Behind each,
// the kernel's counters of frames, threads and objects must be back where they were behind the first.
#define _GNU_SOURCE
#include "soak.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { round_seconds = 10, settle_tries = 100, most_counters = 64 };

struct Counter {
    char name[32];
    long value;
};
struct Counters {
    int count;
    struct Counter all[most_counters];
};

static void add(struct Counters* to, const char* name, long value) {
    MUST(to->count < most_counters);
    struct Counter* counter = &to->all[to->count++];
    snprintf(counter->name, sizeof counter->name, "%s", name);
    counter->value = value;
}

/// Frames that are neither free nor the heap's, objects of each size, threads.
static struct Counters read_counters(void) {
    static char text[8192]; // no allocation of the reader's own
    struct Counters found = {0};
    long total = 0, free = 0, slab = 0, threads = 0;
    char name[32];
    static char buffer[4096];
    FILE* file = fopen("/proc/meminfo", "r");
    MUST(file != NULL);
    setvbuf(file, buffer, _IOFBF, sizeof buffer);
    for (long kib; fgets(text, sizeof text, file);) {
        if (sscanf(text, "MemTotal: %ld", &kib) == 1) total = kib;
        if (sscanf(text, "MemFree: %ld", &kib) == 1) free = kib;
        if (sscanf(text, "Slab: %ld", &kib) == 1) slab = kib;
    }
    fclose(file);
    add(&found, "frames", (total - free - slab) / 4);
    MUST((file = fopen("/proc/loadavg", "r")) != NULL);
    setvbuf(file, buffer, _IOFBF, sizeof buffer);
    MUST(fscanf(file, "%*s %*s %*s %*d/%ld", &threads) == 1);
    fclose(file);
    add(&found, "threads", threads);
    MUST((file = fopen("/proc/slabinfo", "r")) != NULL);
    setvbuf(file, buffer, _IOFBF, sizeof buffer);
    for (long in_use, all, bytes, slab_frames = 0; fgets(text, sizeof text, file);) {
        if (sscanf(text, "size-%*d %ld %ld %ld %*d %*d : tunables %*d %*d %*d : slabdata %ld", &in_use, &all, &bytes,
                   &slab_frames) != 4)
            continue;
        snprintf(name, sizeof name, "objects of %ld bytes", bytes);
        add(&found, name, in_use);
        slab -= 4 * slab_frames;
    }
    fclose(file);
    add(&found, "frames of large objects", slab / 4);
    MUST(found.count > 4);
    return found;
}

static int are_equal(const struct Counters* a, const struct Counters* b) { return memcmp(a, b, sizeof *a) == 0; }

static void say_differences(const struct Counters* before, const struct Counters* now) {
    for (int i = 0; i < before->count; i++)
        if (before->all[i].value != now->all[i].value)
            printf("soak: %s: %ld at the beginning, %ld now\n", before->all[i].name, before->all[i].value,
                   now->all[i].value);
}

static int run_round(unsigned number) {
    fflush(stdout);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) play_round(number, round_seconds);
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    if (status != 0) printf("soak: round %u ended with %#x\n", number, (unsigned)status);
    return status == 0;
}

int main(int argc, char** argv) {
    const long seconds = argc > 1 ? atol(argv[1]) : 600;
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct Counters first = {0};
    unsigned rounds = 0;
    do {
        if (!run_round(rounds)) return 1;
        struct Counters counters = read_counters();
        if (rounds == 0) first = counters;
        // What an ended thread leaves goes a moment later.
        for (int tries = 0; tries < settle_tries && (rounds == 0 || !are_equal(&first, &counters)); tries++) {
            usleep(20000);
            counters = read_counters();
            if (rounds == 0) first = counters;
        }
        if (!are_equal(&first, &counters)) {
            say_differences(&first, &counters);
            printf("soak: round %u left something behind\n", rounds);
            return 1;
        }
        rounds++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (rounds < 3 || now.tv_sec - begin.tv_sec < seconds);
    printf("soak: %u rounds, %ld frames, %ld threads and all objects as at the beginning\n", rounds, first.all[0].value,
           first.all[1].value);
    return 0;
}
