// SPDX-License-Identifier: BSD-2-Clause
// Threads of the C library: create and join, mutex, condition, once, keys, detached ends, and
// cancellation of every kind, blocked and not.
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t ready, asked;
static int turn, count, cleaned, pipe_ends[2];

static void init_once(void) { count += 1000; }
static void destroy(void* value) { __atomic_fetch_add(&cleaned, *(int*)value, __ATOMIC_RELAXED); }

// Four threads take turns.
static void* take_turns(void* argument) {
    static int weight[4] = {1, 10, 100, 1000};
    const int me = (int)(long)argument;
    pthread_once(&once, init_once);
    pthread_setspecific(key, &weight[me]);
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != me) pthread_cond_wait(&condition, &mutex);
        turn = (me + 1) % 4;
        count++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return (void*)(long)(me * me);
}

static void turns(void) {
    pthread_t thread[4];
    long sum = 0;
    pthread_key_create(&key, destroy);
    for (long i = 0; i < 4; i++) pthread_create(&thread[i], 0, take_turns, (void*)i);
    for (int i = 0; i < 4; i++) {
        void* result;
        pthread_join(thread[i], &result);
        sum += (long)result;
    }
    printf("turns: %d, results %ld, keys destroyed %d\n", count, sum, cleaned);
}

static void* end_at_once(void* argument) {
    sem_post(argument);
    return 0;
}
static void detached(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = 0;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        failed += pthread_create(&thread, &attributes, end_at_once, &ready) != 0;
    }
    for (int i = 0; i < 200 - failed; i++) sem_wait(&ready);
    printf("detached: %d failed\n", failed);
}

static void clean(void* what) { printf("  cleaning after %s\n", (const char*)what); }
static void* in_read(void* name) {
    char byte;
    pthread_cleanup_push(clean, name);
    sem_post(&ready);
    for (;;) (void)!read(pipe_ends[0], &byte, 1);
    pthread_cleanup_pop(0);
    return 0;
}
static void* in_sleep(void* name) {
    const struct timespec long_time = {1000, 0};
    pthread_cleanup_push(clean, name);
    sem_post(&ready);
    nanosleep(&long_time, 0);
    pthread_cleanup_pop(0);
    return 0;
}
static void unlock(void* locked) { pthread_mutex_unlock(locked); }
static void* in_locked_wait(void* name) {
    pthread_cleanup_push(clean, name);
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, &mutex);
    sem_post(&ready);
    for (;;) pthread_cond_wait(&condition, &mutex);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return 0;
}
static void* in_loop(void* name) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
    pthread_cleanup_push(clean, name);
    sem_post(&ready);
    for (;;) __asm__ volatile("");
    pthread_cleanup_pop(0);
    return 0;
}
static void* disabled(void* name) {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, 0);
    sem_post(&ready);
    while (sem_wait(&asked) != 0) {}
    printf("  %s went on\n", (const char*)name);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, 0);
    pthread_testcancel();
    return 0;
}

static void cancelled(const char* name, void* (*function)(void*), int delay) {
    const struct timespec moment = {0, 10000000};
    pthread_t thread;
    void* result = 0;
    pthread_create(&thread, 0, function, (void*)name);
    sem_wait(&ready);
    if (delay) nanosleep(&moment, 0); // now it is blocked
    pthread_cancel(thread);
    if (function == disabled) sem_post(&asked);
    pthread_join(thread, &result);
    printf("%s: %s\n", name, result == PTHREAD_CANCELED ? "cancelled" : "ended");
}

static jmp_buf back;
static sigjmp_buf back_with_mask;
static void jump(int signal) {
    (void)signal;
    siglongjmp(back_with_mask, 5);
}
static void jumps(void) {
    volatile int times = 0;
    volatile double kept = 2.5;
    const int value = setjmp(back);
    times++;
    kept *= 2;
    if (value < 3) longjmp(back, value + 1);
    printf("setjmp: %d times, %g\n", times, kept);
    sigset_t mask;
    signal(SIGUSR1, jump);
    const int from_handler = sigsetjmp(back_with_mask, 1);
    if (from_handler == 0) raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, 0, &mask);
    printf("sigsetjmp: %d, blocked %d\n", from_handler, sigismember(&mask, SIGUSR1));
}

int main(void) {
    sem_init(&ready, 0, 0);
    sem_init(&asked, 0, 0);
    (void)!pipe(pipe_ends);
    turns();
    detached();
    for (int delay = 0; delay < 2; delay++) {
        cancelled("read", in_read, delay);
        cancelled("nanosleep", in_sleep, delay);
        cancelled("pthread_cond_wait", in_locked_wait, delay);
        cancelled("a loop", in_loop, delay);
        cancelled("a thread that refuses", disabled, delay);
    }
    printf("mutex: %s\n", pthread_mutex_trylock(&mutex) == 0 ? "free" : "held");
    jumps();
    return 0;
}
