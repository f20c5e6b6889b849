// SPDX-License-Identifier: BSD-2-Clause
// Vector registers under preemption. Threads hold patterns of their own in every vector register,
// FPCR and FPSR (with SVE also in the predicates and FFR) while the timer takes the CPU away and
// others, among them a process that does nothing but system calls, fill the same registers.
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

asm(".arch_extension sve"); // this file's asm only: the rest must run without

#ifndef HWCAP_SVE
#define HWCAP_SVE (1 << 22)
#endif

enum { most_bytes = 256, holders = 4, wanted_preemptions = 6, most_rounds = 3000 };

struct vectors {
    uint8_t z[32][most_bytes]; // without SVE the first 16 bytes of each, one after the other
    uint8_t p[16][most_bytes / 8];
    uint8_t ffr[most_bytes / 8];
    uint64_t fpcr, fpsr;
};

static unsigned vector_bytes = 16;
static atomic_int unfinished = holders;

#define FOR_Q(op)                                                                                  \
    op " q0, q1, [x10]\n" op " q2, q3, [x10, #32]\n" op " q4, q5, [x10, #64]\n" op                 \
       " q6, q7, [x10, #96]\n" op " q8, q9, [x10, #128]\n" op " q10, q11, [x10, #160]\n" op        \
       " q12, q13, [x10, #192]\n" op " q14, q15, [x10, #224]\n" op " q16, q17, [x10, #256]\n" op   \
       " q18, q19, [x10, #288]\n" op " q20, q21, [x10, #320]\n" op " q22, q23, [x10, #352]\n" op   \
       " q24, q25, [x10, #384]\n" op " q26, q27, [x10, #416]\n" op " q28, q29, [x10, #448]\n" op   \
       " q30, q31, [x10, #480]\n"
#define FOR_P(op)                                                                                  \
    ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n" op " p\\n, [x11, #\\n, mul vl]\n.endr\n"
#define FOR_Z(op)                                                                                  \
    ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,"   \
    "31\n" op " z\\n, [x10, #\\n, mul vl]\n.endr\n"
#define ALL_V                                                                                      \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", \
        "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", \
        "v28", "v29", "v30", "v31", "x8", "x9", "x10", "x11", "x12", "cc", "memory"
#define SET_CONTROL "msr fpcr, %[cr]\n msr fpsr, %[sr]\n"
#define GET_CONTROL "mrs %[cr], fpcr\n mrs %[sr], fpsr\n msr fpcr, xzr\n"
#define UNTIL "1: mrs x9, cntvct_el0\n cmp x9, %[until]\n b.lo 1b\n"
// Anything may happen between two of these, so a switch is as likely at one as at another.
#define CALLS                                                                                      \
    "mov x12, #40\n1: mov x8, %[call]\n mov x0, #0\n svc #0\n subs x12, x12, #1\n b.ne 1b\n"

static uint64_t soon(void) {
    uint64_t now, frequency;
    asm volatile("isb\n mrs %0, cntvct_el0\n mrs %1, cntfrq_el0" : "=r"(now), "=r"(frequency));
    return now + frequency / 200;
}

static void hold_fp(const struct vectors* in, struct vectors* out) {
    uint64_t cr = in->fpcr, sr = in->fpsr;
    asm volatile("mov x10, %[in]\n" FOR_Q("ldp") SET_CONTROL UNTIL "mov x10, %[out]\n" FOR_Q("stp")
                     GET_CONTROL
                 : [cr] "+r"(cr), [sr] "+r"(sr)
                 : [in] "r"(in->z), [out] "r"(out->z), [until] "r"(soon())
                 : ALL_V);
    out->fpcr = cr, out->fpsr = sr;
}

static void hold_sve(const struct vectors* in, struct vectors* out) {
    uint64_t cr = in->fpcr, sr = in->fpsr;
    asm volatile("ldr p0, [%[in_f]]\n wrffr p0.b\n mov x11, %[in_p]\n" FOR_P(
                     "ldr") "mov x10, %[in]\n" FOR_Z("ldr") SET_CONTROL UNTIL
                 "mov x10, %[out]\n" FOR_Z("str") "mov x11, %[out_p]\n" FOR_P(
                     "str") "rdffr p0.b\n str p0, [%[out_f]]\n" GET_CONTROL
                 : [cr] "+r"(cr), [sr] "+r"(sr)
                 : [in] "r"(in->z), [out] "r"(out->z), [in_p] "r"(in->p), [out_p] "r"(out->p),
                   [in_f] "r"(in->ffr), [out_f] "r"(out->ffr), [until] "r"(soon())
                 : ALL_V);
    out->fpcr = cr, out->fpsr = sr;
}

/// System calls and nothing else, with patterns in what a call keeps: the q registers.
static void hold_over_calls(const struct vectors* in, struct vectors* out, uint64_t call) {
    uint64_t cr = in->fpcr, sr = in->fpsr;
    asm volatile("mov x10, %[in]\n" FOR_Q("ldp") SET_CONTROL CALLS "mov x10, %[out]\n" FOR_Q("stp")
                     GET_CONTROL
                 : [cr] "+r"(cr), [sr] "+r"(sr)
                 : [in] "r"(in->z), [out] "r"(out->z), [call] "r"(call)
                 : "x0", ALL_V);
    out->fpcr = cr, out->fpsr = sr;
}

static void fill(struct vectors* v, uint32_t seed) {
    uint32_t state = seed * 2654435761u + 1;
    uint8_t* bytes = (uint8_t*)v;
    for (size_t i = 0; i < sizeof *v; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
    // FFR holds a run of ones from its lowest bit.
    memset(v->ffr, 0, sizeof v->ffr);
    for (unsigned bit = 0; bit < seed % vector_bytes; bit++) v->ffr[bit / 8] |= 1u << bit % 8;
    v->fpcr = (uint64_t)(seed & 7) << 22;                          // rounding, flush to zero
    v->fpsr = (seed * 5 & 0x1f) | (uint64_t)(seed >> 1 & 1) << 27; // sticky flags, saturation
}

static int differs(const struct vectors* a, const struct vectors* b, int scalable) {
    const unsigned z_bytes = 32 * vector_bytes, p_bytes = 16 * vector_bytes / 8;
    return memcmp(a->z, b->z, scalable ? z_bytes : 512) != 0 || a->fpcr != b->fpcr ||
           a->fpsr != b->fpsr ||
           (scalable &&
            (memcmp(a->p, b->p, p_bytes) != 0 || memcmp(a->ffr, b->ffr, vector_bytes / 8) != 0));
}

static long preemptions(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

struct job {
    uint32_t seed;
    int scalable;
    int wrong, rounds;
    long preempted;
};

static void* holder(void* argument) {
    struct job* job = argument;
    struct vectors in, out;
    const long before = preemptions();
    while (job->rounds < most_rounds && job->preempted < wanted_preemptions) {
        fill(&in, job->seed + 16 * (uint32_t)job->rounds++);
        memset(&out, 0, sizeof out);
        job->scalable ? hold_sve(&in, &out) : hold_fp(&in, &out);
        job->wrong += differs(&in, &out, job->scalable);
        job->preempted = preemptions() - before;
    }
    atomic_fetch_sub(&unfinished, 1);
    return NULL;
}

/// As long as there is something left of what others do; how often a register was wrong.
static int call_until(atomic_int* left, uint32_t seed) {
    struct vectors in, out;
    int wrong = 0;
    for (uint32_t round = 0; atomic_load(left) > 0; round++) {
        fill(&in, seed + 16 * round);
        memset(&out, 0, sizeof out);
        hold_over_calls(&in, &out, round % 2 ? SYS_sched_yield : SYS_getppid);
        wrong += differs(&in, &out, 0);
    }
    return wrong;
}

static void* caller(void* argument) {
    *(int*)argument = call_until(&unfinished, 11);
    return NULL;
}

static atomic_int wanted = 1;
static void stop(int signo) {
    (void)signo;
    atomic_store(&wanted, 0);
}

int main(void) {
    const int has_sve = (getauxval(AT_HWCAP) & HWCAP_SVE) != 0;
    if (has_sve) asm volatile("rdvl %0, #1" : "=r"(vector_bytes));
    signal(SIGTERM, stop);
    const pid_t other = fork();
    if (other == 0) _exit(call_until(&wanted, 13) != 0);
    pthread_t threads[holders], calling;
    struct job jobs[holders];
    int wrong_in_caller = 0;
    for (int n = 0; n < holders; n++) {
        jobs[n] = (struct job){.seed = (uint32_t)n + 1, .scalable = has_sve && n % 2 == 0};
        pthread_create(&threads[n], NULL, holder, &jobs[n]);
    }
    pthread_create(&calling, NULL, caller, &wrong_in_caller);
    for (int n = 0; n < holders; n++) {
        pthread_join(threads[n], NULL);
        CHECK(jobs[n].wrong == 0);
        CHECK(jobs[n].preempted >= wanted_preemptions);
    }
    pthread_join(calling, NULL);
    CHECK(wrong_in_caller == 0);
    int status = -1;
    kill(other, SIGTERM);
    CHECK(waitpid(other, &status, 0) == other && status == 0);
    return verdict(has_sve ? "scalable vectors survive preemption" : "vectors survive preemption");
}
