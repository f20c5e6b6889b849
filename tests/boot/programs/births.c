// SPDX-License-Identifier: BSD-2-Clause
// A child begins with the registers that fork gave it, whenever an interrupt comes on its way out
// of the kernel. A timer that signals nobody comes ever later after the call.
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { good_child = 7, first_ns = 2000, last_ns = 80000, step_ns = 40 };

int main(void) {
    struct sigevent nobody = {.sigev_notify = SIGEV_NONE};
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, &nobody, &timer) == 0);
    const pid_t parent = getpid();
    for (long ns = first_ns; ns < last_ns; ns += step_ns) {
        const struct itimerspec once = {{0, 0}, {0, ns}};
        CHECK(timer_settime(timer, 0, &once, NULL) == 0);
        const pid_t child = fork();
        if (getpid() != parent) _exit(child == 0 ? good_child : 1);
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == good_child);
    }
    return verdict("children begin as they were made");
}
