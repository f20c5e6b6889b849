// SPDX-License-Identifier: BSD-2-Clause
// Mutexes that inherit priorities, robust ones, and message queues, through the C library.
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex;
static long counter;

static void* count(void* unused) {
    for (int i = 0; i < 2000; i++) {
        CHECK(pthread_mutex_lock(&mutex) == 0);
        const long before = counter;
        if (i % 50 == 0) sched_yield();
        counter = before + 1;
        CHECK(pthread_mutex_unlock(&mutex) == 0);
    }
    return unused;
}

static sem_t is_locked, may_leave;
static void* leave_locked(void* unused) {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    sem_post(&is_locked);
    while (sem_wait(&may_leave) != 0) {}
    usleep(50 * 1000); // the other one waits for the mutex by then, as a rule
    return unused;
}

static void mutexes(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(
        &attributes, PTHREAD_MUTEX_ERRORCHECK); // else glibc waits for ever where it deadlocks
    CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0);
    CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
    CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, count, NULL) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("counted to %ld\n", counter);
    CHECK(pthread_create(&threads[0], NULL, leave_locked, NULL) == 0);
    while (sem_wait(&is_locked) != 0) {}
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    CHECK(pthread_mutex_timedlock(&mutex, &(struct timespec){until.tv_sec, until.tv_nsec}) ==
          ETIMEDOUT);
    sem_post(&may_leave);
    const int state = pthread_mutex_lock(&mutex);
    printf("the owner died: %d\n", state == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_mutex_trylock(&mutex) == 0);
    CHECK(pthread_mutex_lock(&mutex) == EDEADLK);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    pthread_join(threads[0], NULL);
}

static mqd_t queue;
static void* send_later(void* unused) {
    usleep(50 * 1000);
    for (unsigned i = 0; i < 6; i++) {
        char text[16];
        sprintf(text, "message %u", i);
        CHECK(mq_send(queue, text, 9, i % 3) == 0);
    }
    return unused;
}

static void queues(void) {
    char name[32]; // the oracle's names are the build machine's
    sprintf(name, "/drupe-queues-%d", (int)getpid());
    struct mq_attr limits = {.mq_maxmsg = 3, .mq_msgsize = 32};
    mq_unlink(name);
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &limits);
    CHECK(queue != (mqd_t)-1);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, send_later, NULL) == 0);
    char text[33] = "";
    unsigned priority;
    CHECK(mq_receive(queue, text, 32, &priority) == 9);
    printf("%s, priority %u\n", text, priority);
    usleep(100 * 1000); // the sender is held up
    for (int i = 0; i < 5; i++) CHECK(mq_receive(queue, text, 32, &priority) == 9);
    pthread_join(thread, NULL);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    CHECK(mq_timedreceive(queue, text, 32, &priority, &until) == -1 && errno == ETIMEDOUT);
    // mq_notify is not compared here: the emulator lacks it. The simulator's test compares it with
    // Linux.
    CHECK(mq_close(queue) == 0);
    CHECK(mq_unlink(name) == 0);
    CHECK(mq_open(name, O_RDONLY) == (mqd_t)-1 && errno == ENOENT);
}

int main(void) {
    mutexes();
    queues();
    return verdict("locks pass on and messages arrive");
}
