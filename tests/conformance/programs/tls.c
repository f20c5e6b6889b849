// SPDX-License-Identifier: BSD-2-Clause
// Thread-local variables through one access model, which the compiler is told: -DMODEL=model, and
// PART 0 for a library, 1 for the program. The program counts in threads that are older and younger
// than the library that it opens (-DOPENED) or is linked with.
#include <stddef.h>

#ifndef ALIGN
#define ALIGN 256
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#if PART == 0
__thread long JOIN(MODEL, _variable) = 1000;
static __thread long own = 5;
static __thread char zero[300];
static __thread long aligned __attribute__((aligned(ALIGN))) = 9;

long JOIN(MODEL, _count)(long by) {
    JOIN(MODEL, _variable) += by;
    own += 2 * by;
    zero[299]++;
    aligned += zero[299];
    return (unsigned long)&aligned % ALIGN != 0 ? -1
                                                : JOIN(MODEL, _variable) + own + aligned + zero[0];
}
void* JOIN(MODEL, _place)(void) { return &own; }
#else
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static __thread long mine = 3;
static __thread long zero[100];
#ifndef OPENED
extern __thread long JOIN(MODEL, _variable);
long JOIN(MODEL, _count)(long by);
void* JOIN(MODEL, _place)(void);
#endif
static long (*count)(long);
static void* (*place)(void);
enum { threads = 6 };
static pthread_barrier_t opened, measured;
static void* places[threads];
static long totals[threads];

static void in_handler(int signo) {
    (void)signo;
    mine += count(1);
}

static void* work(void* argument) {
    const long number = (long)argument;
    mine += number;
    if (number < threads / 2) pthread_barrier_wait(&opened);
    for (int n = 0; n < 100; n++) zero[n] += count(number);
    raise(SIGUSR1); // a variable's first use may be in a handler
    for (int n = 0; n < 100; n++) totals[number] += zero[n];
    totals[number] += mine;
#ifndef OPENED
    totals[number] += JOIN(MODEL, _variable);
#endif
    places[number] = place();
    pthread_barrier_wait(&measured);
    return NULL;
}

int main(void) {
    pthread_t thread[threads];
    signal(SIGUSR1, in_handler);
    pthread_barrier_init(&opened, NULL, threads / 2 + 1);
    pthread_barrier_init(&measured, NULL, threads);
    for (long n = 0; n < threads / 2; n++) pthread_create(&thread[n], NULL, work, (void*)n);
#ifdef OPENED
    void* library = dlopen(OPENED, RTLD_NOW);
    if (!library) {
        puts(dlerror());
        return 1;
    }
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
    count = (long (*)(long))dlsym(library, TEXT(MODEL) "_count");
    place = (void* (*)(void))dlsym(library, TEXT(MODEL) "_place");
#else
    count = JOIN(MODEL, _count);
    place = JOIN(MODEL, _place);
#endif
    pthread_barrier_wait(&opened);
    for (long n = threads / 2; n < threads; n++) pthread_create(&thread[n], NULL, work, (void*)n);
    for (int n = 0; n < threads; n++) pthread_join(thread[n], NULL);
    for (int n = 0; n < threads; n++) printf("thread %d: %ld\n", n, totals[n]);
    for (int a = 0; a < threads; a++)
        for (int b = 0; b < a; b++)
            if (places[a] == places[b]) puts("two threads share a variable");
    printf("main: %ld %ld\n", mine, count(1));
    return 0;
}
#endif
