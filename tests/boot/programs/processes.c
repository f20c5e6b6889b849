// SPDX-License-Identifier: BSD-2-Clause
// fork, vfork, exec and wait as a program sees them.
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static const char* self;

static int status_of(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}
static int exit_of(pid_t child) {
    const int status = status_of(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
static void run_self(const char* status) {
    execl(self, self, status, (char*)NULL);
    _exit(99);
}
static void* sleep_for_ever(void* unused) {
    for (;;) pause();
    return unused;
}
static void start_threads(void) {
    pthread_t thread;
    for (int n = 0; n < 3; n++) pthread_create(&thread, NULL, sleep_for_ever, NULL);
    usleep(1000);
}
static void nothing(int signo) { (void)signo; }

static void test_memory(void) {
    for (int n = 0; n < 100; n++) {
        const pid_t child = fork();
        if (child == 0) _exit(n);
        CHECK(exit_of(child) == n);
    }
    const int both = PROT_READ | PROT_WRITE;
    int* shared = mmap(NULL, 4096, both, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int* own = mmap(NULL, 4096, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *own = 1;
    const pid_t child = fork();
    if (child == 0) {
        *shared = 7;
        *own = 9;
        _exit(0);
    }
    CHECK(exit_of(child) == 0 && *shared == 7 && *own == 1);
}

static void test_exec(void) {
    char* arguments[] = {(char*)self, "11", NULL};
    pid_t child;
    CHECK(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0 && exit_of(child) == 11);
    CHECK(posix_spawn(&child, "/not/here", NULL, NULL, arguments, environ) == ENOENT);
    child = vfork();
    if (child == 0) run_self("13");
    CHECK(exit_of(child) == 13);
    child = fork();
    if (child == 0) { // exec ends the other threads
        start_threads();
        run_self("12");
    }
    CHECK(exit_of(child) == 12);
}

static void test_signals(void) {
    pid_t child = fork();
    if (child == 0) {
        start_threads();
        kill(getpid(), SIGTERM);
        pause();
    }
    CHECK(exit_of(child) == -SIGTERM);
    signal(SIGUSR1, nothing);
    child = fork();
    if (child == 0) {
        pause();
        _exit(errno == EINTR ? 21 : 1);
    }
    usleep(20000);
    CHECK(kill(child, SIGUSR1) == 0 && exit_of(child) == 21);
    child = fork();
    if (child == 0)
        for (;;) {}
    int status;
    CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK(kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child);
    CHECK(WIFCONTINUED(status));
    CHECK(kill(child, SIGKILL) == 0 && exit_of(child) == -SIGKILL);
}

static void test_waiting(void) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    const pid_t writer = fork();
    if (writer == 0) {
        for (int n = 0; n < 1000; n++)
            if (write(ends[1], "0123456789", 10) != 10) _exit(1);
        _exit(0);
    }
    close(ends[1]);
    char buffer[4096];
    long total = 0, count;
    while ((count = read(ends[0], buffer, sizeof buffer)) > 0) total += count;
    CHECK(total == 10000 && exit_of(writer) == 0);
    int status;
    CHECK(waitpid(-1, &status, 0) == -1 && errno == ECHILD);
    signal(SIGCHLD, SIG_IGN);
    const pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD);
}

int main(int count, char** arguments) {
    if (count > 1) return atoi(arguments[1]);
    self = arguments[0];
    test_memory();
    test_exec();
    test_signals();
    test_waiting();
    return verdict("processes keep their contract");
}
