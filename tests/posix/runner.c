// SPDX-License-Identifier: BSD-2-Clause
// The first program of a machine: runs tests one after the other, each in a session and a folder of its own, says
// how each ended, and switches off. On Linux it also mounts what Drupe has mounted already.
//
// usage: runner LIST -- a file with a test's path in /posix on each line.
// For each test a line "RESULT name exit N", "... signal N" or "... timeout"; what a test that did not pass said
// stands before it, each line behind "| ".
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { seconds_for_a_test = 60 };
static const char output[] = "/tmp/output";

static void mount_all(void) {
    static const char* const mounts[][2] = {{"proc", "/proc"},     {"sysfs", "/sys"},        {"devtmpfs", "/dev"},
                                            {"tmpfs", "/dev/shm"}, {"mqueue", "/dev/mqueue"}, {"tmpfs", "/tmp"}};
    for (unsigned i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        mkdir(mounts[i][1], 01777);
        mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL);
    }
}

static void run(const char* path) {
    setsid();
    int out = open(output, O_CREAT | O_TRUNC | O_RDWR | O_APPEND, 0666);
    int in = open("/dev/null", O_RDONLY);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    close(in);
    close(out);
    // Also as they were for a program from a shell.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    mkdir("/tmp/work", 0777);
    if (chdir("/tmp/work") == 0) execl(path, path, (char*)NULL);
    _exit(126);
}

/// Waits for `child` for so long as a test may take; every other child that ends meanwhile is a test's orphan.
static int wait_for(pid_t child, int* status) {
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds_for_a_test;
    for (;;) {
        for (pid_t pid; (pid = waitpid(-1, status, WNOHANG)) > 0;) {
            if (pid == child) return 1;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= end.tv_sec) return 0;
        struct timespec rest = {1, 0};
        sigtimedwait(&chld, NULL, &rest);
    }
}

static void say_output(void) {
    FILE* file = fopen(output, "r");
    char line[200];
    for (int lines = 0; file && lines < 12 && fgets(line, sizeof line, file); lines++) {
        line[strcspn(line, "\n")] = 0;
        printf("| %s\n", line);
    }
    if (file) fclose(file);
}

/// Names of one test in /dev/shm and of message queues must not be there for the next.
static void empty(const char* folder) {
    DIR* dir = opendir(folder);
    char path[600];
    for (struct dirent* entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') remove(path);
    }
    if (dir) closedir(dir);
}

int main(int argc, char** argv) {
    mount_all();
    // Above the tests, which begin as ordinary processes.
    struct sched_param highest = {sched_get_priority_max(SCHED_FIFO)};
    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &highest);
    FILE* list = fopen(argc > 1 ? argv[1] : "/posix/list", "r");
    if (!list) return 1;
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    char name[200], path[300];
    struct timespec wall, since, now;
    while (fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = 0;
        snprintf(path, sizeof path, "/posix/%s", name);
        clock_gettime(CLOCK_REALTIME, &wall);
        clock_gettime(CLOCK_MONOTONIC, &since);
        int status = 0;
        pid_t child = fork();
        if (child == 0) run(path);
        int ended = wait_for(child, &status);
        if (kill(-1, SIGKILL) == 0) {
            while (waitpid(-1, NULL, 0) > 0) {
            }
        }
        if (!ended || status != 0) say_output();
        if (!ended)
            printf("RESULT %s timeout\n", name);
        else if (WIFEXITED(status))
            printf("RESULT %s exit %d\n", name, WEXITSTATUS(status));
        else
            printf("RESULT %s signal %d\n", name, WTERMSIG(status));
        fflush(stdout);
        empty("/dev/shm");
        empty("/dev/mqueue");
        empty("/tmp/work");
        // A test of a clock may have set it.
        clock_gettime(CLOCK_MONOTONIC, &now);
        wall.tv_sec += now.tv_sec - since.tv_sec;
        clock_settime(CLOCK_REALTIME, &wall);
    }
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
