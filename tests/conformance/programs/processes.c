// SPDX-License-Identifier: BSD-2-Clause
// What a process may know of itself, its children and others: memory it had in use, how it and they
// are scheduled.
#define _GNU_SOURCE
#include "trace.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { mib = 1 << 20 };

static void use(size_t bytes) {
    char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(at, 1, bytes);
    munmap(at, bytes);
}

static long status_kib(const char* field) {
    FILE* file = fopen("/proc/self/status", "r");
    char line[256], found[32];
    long kib = -1, value;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%31[^:]: %ld", found, &value) == 2 && strcmp(found, field) == 0)
            kib = value;
    if (file) fclose(file);
    return kib;
}

// Only differences: under an emulator its own memory is in the figures.
static void peaks(const char* self) {
    struct rusage before, after, children;
    CALL(getrusage(RUSAGE_SELF, &before));
    use(64 * mib);
    CALL(getrusage(RUSAGE_SELF, &after));
    TRUTH(after.ru_maxrss - before.ru_maxrss >= 48 * 1024);
    const long now = status_kib("VmRSS"), most = status_kib("VmHWM");
    TRUTH(most - now >= 48 * 1024);
    TRUTH(status_kib("VmPeak") - status_kib("VmSize") >= 48 * 1024);

    CALL(getrusage(RUSAGE_CHILDREN, &children));
    CALL(children.ru_maxrss);
    fflush(stdout);
    const pid_t large = fork();
    if (large == 0) {
        use(128 * mib);
        // Another program of the same process does not make the peak smaller.
        execl(self, self, "nothing", (char*)NULL);
        _exit(1);
    }
    struct rusage usage;
    int status;
    CALL(wait4(large, &status, 0, &usage) == large);
    CALL(status);
    TRUTH(usage.ru_maxrss >= 128 * 1024);
    const pid_t small = fork();
    if (small == 0) _exit(0);
    CALL(wait4(small, &status, 0, &after) == small);
    TRUTH(after.ru_maxrss < usage.ru_maxrss);
    CALL(getrusage(RUSAGE_CHILDREN, &children));
    TRUTH(children.ru_maxrss == usage.ru_maxrss); // of the largest, not of all
    CALL(getrusage(7, &usage));
}

static void scheduled(void) {
    struct sched_param priority = {.sched_priority = 5};
    cpu_set_t set;
    CALL(syscall(SYS_sched_getscheduler, 0));
    CALL(syscall(SYS_sched_getscheduler, -1));
    TRUTH(syscall(SYS_sched_getscheduler, 1) >= 0); // the process that adopts orphans
    CALL(syscall(SYS_sched_getparam, 1, &priority));
    CALL(priority.sched_priority);
    CALL(syscall(SYS_sched_getparam, 0, NULL));
    CALL(syscall(SYS_sched_getscheduler, 4000000));
    TRUTH(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) >= 8);
    TRUTH(syscall(SYS_sched_getaffinity, 1, sizeof set, &set) >= 8);
    CALL(syscall(SYS_sched_getaffinity, -1, sizeof set, &set));
    CALL(syscall(SYS_sched_getaffinity, 4000000, sizeof set, &set));
    CALL(syscall(SYS_sched_getaffinity, 0, 7, &set));
    CALL(syscall(SYS_sched_setaffinity, -1, sizeof set, &set));
    memset(&set, 0, sizeof set);
    CALL(syscall(SYS_sched_setaffinity, 0, sizeof set, &set));
    errno = 0;
    getpriority(PRIO_PROCESS, 1);
    printf("errno %d\n", errno);
    CALL(getpriority(PRIO_PROCESS, 4000000));
    CALL(getpriority(7, 0));
    CALL(setpriority(PRIO_PROCESS, 0, 30)); // whoever started this may have lowered it before
    CALL(getpriority(PRIO_PROCESS, getpid()));
    CALL(getpriority(PRIO_PROCESS, 0));
    CALL(getpgid(1) >= 0);
    CALL(getsid(1) >= 0);
}

int main(int argc, char** argv) {
    if (argc > 1) return 0;
    peaks(argv[0]);
    scheduled();
    return 0;
}
