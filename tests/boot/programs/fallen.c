// SPDX-License-Identifier: BSD-2-Clause
// Leaves a core file for a debugger: `fallen FILE MAPPED` writes it to FILE, and has MAPPED mapped.
// One thread waits for a lock, one computes, and the first dies three calls below main.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static volatile int ready, computing;
struct {
    const char* word;
    int numbers[3];
} landmark = {"landmark", {3, 1, 4}};

static void* waits(void* unused) {
    prctl(PR_SET_NAME, "waits");
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&held);
    return unused;
}

static void* computes(void* unused) {
    register double quarter asm("d8") = 0.25;
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    for (computing = 1; computing;) asm volatile("" : "+w"(quarter));
    return unused;
}

__attribute__((noinline)) static int innermost(volatile int* where, int depth) {
    register long marked asm("x21") = 0x5eed5eed5eed;
    asm volatile("" : "+r"(marked));
    *where = depth;
    asm volatile("" : "+r"(marked)); // until here it is in its register
    return depth + (int)marked;
}

__attribute__((noinline)) static int middle(unsigned long where, const char* text) {
    return innermost((volatile int*)where, (int)strlen(text)) + landmark.numbers[0];
}

__attribute__((noinline)) static int outermost(const char* text) {
    return middle(0x5670, text) + landmark.numbers[1];
}

int main(int count, char** words) {
    if (count != 3) return 2;
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    const int pattern = open("/proc/sys/kernel/core_pattern", O_WRONLY);
    const int file = open(words[2], O_RDONLY);
    if (setrlimit(RLIMIT_CORE, &all) != 0 || file < 0 ||
        write(pattern, words[1], strlen(words[1])) != (ssize_t)strlen(words[1]))
        return 3;
    const char* const mapped = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, file, 4096);
    if (mapped == MAP_FAILED) return 4;
    pthread_mutex_lock(&held);
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, waits, NULL);
    pthread_create(&threads[1], NULL, computes, NULL);
    while (ready != 2 || !computing) usleep(1000);
    usleep(20 * 1000); // they are where they will be
    printf("%d %p\n", (int)gettid(), (const void*)mapped);
    fflush(stdout);
    return outermost("seven s");
}
