// SPDX-License-Identifier: BSD-2-Clause
// Thread-local variables in all models: of the program (local exec), of a library it is linked
// with, seen from the program and inside (initial exec), and of libraries opened later, by
// descriptors and by
// __tls_get_addr (general and local dynamic); in threads that are older and younger than the
// library. LIBC is a part of the libraries' names.
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { threads = 4 };
typedef long (*step_function)(int);
typedef int* (*place_function)(void);

_Thread_local int mine = 42;
static _Thread_local char text[100] = "initial";
extern _Thread_local int needed_seen;
long needed_step(int by);
int* needed_place(void);

static step_function step[2];
static place_function place[2];
static int* places[2][threads];
static sem_t told[threads], done;

static void* use(void* argument) {
    const int number = (int)(long)argument;
    mine += number;
    snprintf(text, sizeof text, "thread %d", number);
    needed_seen += number;
    sem_wait(&told[number]);
    long sums[3] = {0};
    for (int i = 0; i < 3; i++) {
        sums[0] += needed_step(number);
        for (int k = 0; k < 2; k++) sums[1 + k] += step[k](number);
    }
    for (int k = 0; k < 2; k++) places[k][number] = place[k]();
    printf("%d: %d %s %d, %ld %ld %ld%s\n", number, mine, text, needed_seen, sums[0], sums[1],
           sums[2], needed_place() == &needed_seen ? "" : ", two places for one variable");
    sem_post(&done);
    sem_wait(&told[number]); // all are alive while their places are compared
    return 0;
}

static void* open_library(const char* name, const char* prefix, int k) {
    char symbol[64];
    void* library = dlopen(name, RTLD_NOW);
    if (!library) {
        printf("cannot open %s: %s\n", name, dlerror());
        exit(1);
    }
    snprintf(symbol, sizeof symbol, "%s_step", prefix);
    step[k] = (step_function)dlsym(library, symbol);
    snprintf(symbol, sizeof symbol, "%s_place", prefix);
    place[k] = (place_function)dlsym(library, symbol);
    snprintf(symbol, sizeof symbol, "%s_seen", prefix);
    if (dlsym(library, symbol) != place[k]()) printf("dlsym gives another %s\n", symbol);
    return library;
}

int main(void) {
    pthread_t thread[threads];
    sem_init(&done, 0, 0);
    for (long i = 0; i < threads; i++) sem_init(&told[i], 0, 0);
    for (long i = 0; i < threads / 2; i++) pthread_create(&thread[i], 0, use, (void*)i);
    open_library("libtls_desc_" LIBC ".so", "desc", 0);
    void* second = open_library("libtls_trad_" LIBC ".so", "trad", 1);
    for (long i = threads / 2; i < threads; i++) pthread_create(&thread[i], 0, use, (void*)i);
    for (int i = 0; i < threads; i++) { // one after the other, so that the lines have an order
        sem_post(&told[i]);
        sem_wait(&done);
    }
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < threads; i++)
            for (int j = 0; j < i; j++)
                if (places[k][i] == places[k][j]) puts("two threads share a variable");
    for (int i = 0; i < threads; i++) {
        sem_post(&told[i]);
        pthread_join(thread[i], 0);
    }
    printf("main: %d %s %d, %ld %ld %ld\n", mine, text, needed_seen, needed_step(1), step[0](1),
           step[1](1));
    printf("closing: %d\n", dlclose(second));
    printf("not there: %s\n", dlopen("libnothing.so", RTLD_NOW) ? "opened" : "refused");
    printf("by name: %s\n",
           dlsym(RTLD_DEFAULT, "needed_step") == (void*)needed_step ? "same" : "another");
    return 0;
}
