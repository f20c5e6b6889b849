// SPDX-License-Identifier: BSD-2-Clause
// Instructions of the C library's string functions, for `./drupe bench`: lines as bench.c prints
// them. Compiled with -fno-plt -fno-builtin: every call is one call, through the address that the
// dynamic linker found. Each function gets through `size` bytes: what it looks for lies behind
// them, what it compares is equal. Offsets are even for one half of the calls and odd for the
// other.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { largest = 65536, room = largest + 128 };
static char *a, *b;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#define MEASURE(function, call)                                                                    \
    do {                                                                                           \
        const long n = size >= 16384 ? 64 : 1024;                                                  \
        printf("W " #function "_%zu\nT " #function "_%zu\n", size, size);                          \
        fflush(stdout);                                                                            \
        const uint64_t begin = now();                                                              \
        for (long i = 0; i < n; i++) {                                                             \
            const size_t off = (size_t)(i & 1) * 3;                                                \
            char *p = a + off, *q = b + off;                                                       \
            __asm__ volatile("" : "+r"(p), "+r"(q)::"memory");                                     \
            __asm__ volatile("" ::"r"(call) : "memory");                                           \
        }                                                                                          \
        printf("B " #function "_%zu %.1f %ld\n", size, (double)(now() - begin) / (double)n, n);    \
    } while (0)

static void measure(size_t size) {
    memset(a, 'x', room);
    memset(b, 'x', room);
    MEASURE(memcpy, memcpy(p, q, size));
    MEASURE(memmove, memmove(p + 16, p, size));
    MEASURE(memset, memset(p, 'x', size));
    MEASURE(memcmp, memcmp(p, q, size));
    a[size + 3] = a[size] = 'y';
    MEASURE(memchr, memchr(p, 'y', size + 3));
    a[size + 3] = a[size] = b[size + 3] = b[size] = 0;
    MEASURE(strlen, strlen(p));
    MEASURE(strnlen, strnlen(p, size + 3));
    MEASURE(strchr, strchr(p, 'y'));
    MEASURE(strrchr, strrchr(p, 'y'));
    MEASURE(strcmp, strcmp(p, q));
    MEASURE(strncmp, strncmp(p, q, size + 3));
    MEASURE(strcpy, strcpy(p, q));
}

int main(void) {
    a = aligned_alloc(64, room);
    b = aligned_alloc(64, room);
    if (!a || !b) return 1;
    printf("BENCH-START\n");
    measure(64);
    measure(1024);
    measure(largest);
    printf("BENCH-END\n");
    return 0;
}
