// SPDX-License-Identifier: BSD-2-Clause
// A thread's vectors are as long on every CPU as on the one where it used them first.
#define _GNU_SOURCE
#include "check.h"

#include <sched.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

asm(".arch_extension sve"); // this file's asm only: main must run without

static uint64_t vector_bytes(void) {
    uint64_t bytes;
    asm volatile("rdvl %0, #1" : "=r"(bytes));
    return bytes;
}

static void move_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    // Further CPUs may still be on their way when the program starts.
    for (int tries = 0; tries < 10000 && sched_getcpu() != cpu; tries++) {
        CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
        if (sched_getcpu() != cpu) usleep(1000);
    }
    CHECK(sched_getcpu() == cpu);
}

int main(void) {
    cpu_set_t all;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    const int cpus = CPU_COUNT(&all);
    CHECK(cpus > 1);
    if ((getauxval(AT_HWCAP) & HWCAP_SVE) == 0) {
        puts("vectors are as long everywhere: this CPU has none");
        return 0;
    }
    move_to(cpus - 1);
    const uint64_t first = vector_bytes();
    CHECK(prctl(PR_SVE_GET_VL) == (int)first);
    for (int cpu = cpus; cpu-- > 0;) {
        move_to(cpu);
        CHECK(vector_bytes() == first);
    }
    return verdict("vectors are as long everywhere");
}
