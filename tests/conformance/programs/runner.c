// SPDX-License-Identifier: BSD-2-Clause
// usage: runner PROGRAM... -- runs each, one after the other, in an empty folder of its own, and
// prints its name before and its wait status behind what it prints.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

/// A program that hangs must not keep the others from running.
static void end_it(int signo) {
    (void)signo;
    kill(child, SIGKILL);
}

int main(int argc, char** argv) {
    signal(SIGALRM, end_it);
    for (int n = 1; n < argc; n++) {
        const char* name = strrchr(argv[n], '/') ? strrchr(argv[n], '/') + 1 : argv[n];
        char folder[256];
        snprintf(folder, sizeof folder, "/tmp/%s", name);
        if (mkdir(folder, 0755) != 0 || chdir(folder) != 0) {
            perror(folder);
            return 1;
        }
        printf("== %s\n", name);
        fflush(stdout);
        child = fork();
        if (child == 0) {
            execl(argv[n], argv[n], (char*)0);
            perror(argv[n]);
            _exit(127);
        }
        int status = -1;
        alarm(20);
        waitpid(child, &status, 0);
        printf("== %s: status %#x\n", name, (unsigned)status);
        alarm(0);
    }
    return 0;
}
