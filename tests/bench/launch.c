// SPDX-License-Identifier: BSD-2-Clause
// Starts a program several times and says what that took; on any system, as a program or as
// Linux's init (argv[0] "/init").
//
//   launch NAME main|exit COUNT PROGRAM [ARGUMENT...]
//
// From the execve in the child of a vfork to the program's main, which writes the time to its
// standard output (started.c); or to its end, when wait returns. The first start is not counted: it
// brings the files into the page cache. Prints the lines W, T, B and E of bench.c.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char* const environment[] = {"PATH=/usr/bin:/bin", "HOME=/", 0};
static volatile uint64_t began; // written by the child, which shares it

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static pid_t spawn(char** argv, int output) {
    pid_t child = vfork();
    if (child != 0) return child;
    dup2(output, 1);
    began = now();
    execve(argv[0], argv, environment);
    _exit(127);
}
/* All that comes through a pipe, as far as it fits. */
static void take(int from, char* text, size_t size) {
    size_t length = 0;
    ssize_t got;
    while (length < size - 1 && (got = read(from, text + length, size - 1 - length)) > 0)
        length += got;
    text[length] = 0;
}
/* Nanoseconds of one start, or 0 after a line that says what failed. */
static uint64_t start(char** argv, int to_main) {
    int out[2], status = -1;
    char text[64];
    if (pipe2(out, O_CLOEXEC)) {
        printf("E pipe2 errno %d\n", errno);
        return 0;
    }
    pid_t child = spawn(argv, out[1]);
    close(out[1]);
    take(out[0], text, sizeof text);
    close(out[0]);
    pid_t ended = waitpid(child, &status, 0);
    uint64_t end = now();
    if (child < 0 || ended != child || status != 0) {
        printf("E %s: status %x errno %d\n", argv[0], status, errno);
        return 0;
    }
    if (to_main) end = strtoull(text, 0, 10);
    if (end <= began) {
        printf("E %s says %s\n", argv[0], text);
        return 0;
    }
    return end - began;
}

static void measure(const char* name, int to_main, long count, char** argv) {
    uint64_t sum = 0;
    printf("W %s\n", name);
    fflush(stdout);
    for (long i = 0; i <= count; i++) {
        if (i == 1) printf("T %s\n", name);
        fflush(stdout);
        uint64_t one = start(argv, to_main);
        if (one == 0) return;
        if (i > 0) sum += one;
    }
    printf("B %s %.1f %ld\n", name, (double)sum / count, count);
}

int main(int argc, char** argv) {
    if (argc < 5 || atol(argv[3]) < 1) return 2;
    char byte;
    getrandom(&byte, 1,
              0); /* what an early start of a system would wait for, or miss, is there now */
    measure(argv[1], !strcmp(argv[2], "main"), atol(argv[3]), argv + 4);
    printf("BENCH-END\n");
    fflush(stdout);
    if (!strcmp(argv[0], "/init")) reboot(RB_POWER_OFF);
    return 0;
}
