// SPDX-License-Identifier: BSD-2-Clause
// Shared memory, semaphores and messages of System V between processes: what only a machine shows.
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

static int attached(int segment) {
    struct shmid_ds now;
    if (shmctl(segment, IPC_STAT, &now) != 0) return -errno;
    return (int)now.shm_nattch;
}

static int change(int set, int number, int by, int flags) {
    struct sembuf op = {(unsigned short)number, (short)by, (short)flags};
    return semop(set, &op, 1);
}

static void wait_for_child(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

// A counter in shared memory that two processes change under a semaphore, one of them through
// another address.
static void memory(void) {
    const int segment = shmget(IPC_PRIVATE, 3 * 4096, 0600);
    const int set = semget(IPC_PRIVATE, 1, 0600);
    CHECK(segment >= 0 && set >= 0 && semctl(set, 0, SETVAL, 1) == 0);
    volatile long* counter = shmat(segment, NULL, 0);
    CHECK(counter != (void*)-1 && counter[0] == 0 && counter[1535] == 0);
    const pid_t child = fork();
    if (child == 0) {
        volatile long* mine = shmat(segment, NULL, 0);
        CHECK(mine != (void*)-1 && mine != counter && attached(segment) == 3);
        for (int i = 0; i < 500; i++) {
            CHECK(change(set, 0, -1, SEM_UNDO) == 0);
            mine[1024] = mine[1024] + 1;
            CHECK(change(set, 0, 1, SEM_UNDO) == 0);
        }
        _exit(failures != 0);
    }
    for (int i = 0; i < 500; i++) {
        CHECK(change(set, 0, -1, SEM_UNDO) == 0);
        counter[1024] = counter[1024] + 1;
        CHECK(change(set, 0, 1, SEM_UNDO) == 0);
    }
    wait_for_child(child);
    printf("counted to %ld\n", counter[1024]);
    CHECK(attached(segment) == 1);
    const long* look = shmat(segment, NULL, SHM_RDONLY);
    CHECK(look != (void*)-1 && look[1024] == 1000);
    // Removed, it stays for those that have it.
    CHECK(shmctl(segment, IPC_RMID, NULL) == 0 && attached(segment) == 2);
    counter[1] = 7;
    CHECK(look[1] == 7);
    CHECK(shmdt((const void*)counter) == 0 && look[1] == 7 && attached(segment) == 1);
    CHECK(shmdt(look) == 0 && attached(segment) == -EINVAL);
    CHECK(semctl(set, 0, IPC_RMID) == 0);
}

// Who dies with a semaphore taken gives it back; a new program lets go of the memory.
static void ends(char* self) {
    const int segment = shmget(IPC_PRIVATE, 4096, 0600);
    const int set = semget(IPC_PRIVATE, 1, 0600);
    CHECK(semctl(set, 0, SETVAL, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(change(set, 0, -1, SEM_UNDO) == 0);
        kill(getpid(), SIGKILL);
    }
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(semctl(set, 0, GETVAL) == 1 && semctl(set, 0, GETPID) == child);
    char text[16];
    CHECK(shmat(segment, NULL, 0) != (void*)-1);
    snprintf(text, sizeof text, "%d", segment);
    child = fork();
    if (child == 0) {
        execl(self, self, text, (char*)NULL);
        _exit(3);
    }
    wait_for_child(child);
    CHECK(attached(segment) == 1);
    CHECK(shmctl(segment, IPC_RMID, NULL) == 0 && semctl(set, 0, IPC_RMID) == 0);
}

static void handle(int signo) { (void)signo; }

// A signal ends a wait with EINTR, whatever SA_RESTART says.
static void signals(void) {
    const int set = semget(IPC_PRIVATE, 1, 0600);
    const int queue = msgget(IPC_PRIVATE, 0600);
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    ualarm(20000, 0);
    CHECK(change(set, 0, -1, 0) == -1 && errno == EINTR);
    struct {
        long type;
        char text[8];
    } message;
    ualarm(20000, 0);
    CHECK(msgrcv(queue, &message, 8, 0, 0) == -1 && errno == EINTR);
    CHECK(semctl(set, 0, GETNCNT) == 0);
    CHECK(semctl(set, 0, IPC_RMID) == 0 && msgctl(queue, IPC_RMID, NULL) == 0);
}

// Questions and answers between two processes over one queue.
static void messages(void) {
    struct {
        long type;
        int number;
    } message;
    const int queue = msgget(IPC_PRIVATE, 0600);
    const pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 200; i++) {
            CHECK(msgrcv(queue, &message, sizeof(int), 1, 0) == sizeof(int));
            message.type = 2;
            message.number *= 2;
            CHECK(msgsnd(queue, &message, sizeof(int), 0) == 0);
        }
        _exit(failures != 0);
    }
    long sum = 0;
    for (int i = 0; i < 200; i++) {
        message.type = 1;
        message.number = i;
        CHECK(msgsnd(queue, &message, sizeof(int), 0) == 0);
        CHECK(msgrcv(queue, &message, sizeof(int), 2, 0) == sizeof(int));
        sum += message.number;
    }
    wait_for_child(child);
    printf("answers add up to %ld\n", sum);
    CHECK(msgctl(queue, IPC_RMID, NULL) == 0);
    CHECK(msgrcv(queue, &message, sizeof(int), 2, 0) == -1 && errno == EINVAL);
}

int main(int argc, char** argv) {
    if (argc > 1) return attached(atoi(argv[1])) == 1 ? 0 : 1; // only the parent has it
    memory();
    ends(argv[0]);
    signals();
    messages();
    return verdict("processes share memory, semaphores and messages");
}
