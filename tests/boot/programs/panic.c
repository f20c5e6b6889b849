// SPDX-License-Identifier: BSD-2-Clause
// Breaks the kernel, as a program beside it can: forgets who takes in orphans, and makes one.
//   panic ADDRESS    of the kernel's pointer
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    void *volatile *reaper = (void *volatile *)strtoul(argv[1], 0, 16);
    *reaper = 0;
    if (fork() == 0) {
        if (fork() == 0) pause();
        _exit(0);
    }
    wait(0);
    return 1;
}
