// SPDX-License-Identifier: BSD-2-Clause
// Scalable vectors across a signal that comes in the middle of using them.
#define _GNU_SOURCE
#include "check.h"

#include <asm/sigcontext.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>

asm(".arch_extension sve"); // this file's asm only: main must run without

static volatile int handled;
static int vector_bytes_in_frame;

static void trash(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)info;
    ucontext_t* registers = context;
    const unsigned char* at = (const unsigned char*)registers->uc_mcontext.__reserved;
    for (;;) {
        const struct _aarch64_ctx* head = (const void*)at;
        if (head->magic == 0) break;
        if (head->magic == SVE_MAGIC) vector_bytes_in_frame = ((const struct sve_context*)head)->vl;
        at = head->magic == EXTRA_MAGIC
                 ? (const unsigned char*)((const struct extra_context*)head)->datap
                 : at + head->size;
    }
    CHECK((registers->uc_mcontext.pstate & 0x1f) == 0);
    asm volatile("ptrue p0.b\n mov z0.b, #1\n mov z7.b, #2\n mov z31.b, #3\n pfalse p5.b" :::);
    handled = 1;
}

int main(void) {
    if ((getauxval(AT_HWCAP) & HWCAP_SVE) == 0) {
        puts("vectors are kept: this CPU has none");
        return 0;
    }
    struct sigaction action = {.sa_sigaction = trash, .sa_flags = SA_SIGINFO};
    sigaction(SIGALRM, &action, NULL);
    static uint8_t in[256], out[2][256];
    for (int n = 0; n < 256; n++) in[n] = (uint8_t)(n ^ 0x5a);
    uint64_t bytes, active;
    const struct itimerval soon = {{0, 0}, {0, 3000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    // No call between loading and storing: only the signal is in between.
    asm volatile("rdvl %0, #1\n ptrue p0.b\n ptrue p5.b, vl8\n"
                 "ld1b {z31.b}, p0/z, [%2]\n ld1b {z7.b}, p0/z, [%2]\n"
                 "1: ldr w9, [%5]\n cbz w9, 1b\n"
                 "st1b {z31.b}, p0, [%3]\n st1b {z7.b}, p0, [%4]\n"
                 "ptrue p1.b\n cntp %1, p1, p5.b"
                 : "=&r"(bytes), "=&r"(active)
                 : "r"(in), "r"(out[0]), "r"(out[1]), "r"(&handled)
                 : "x9", "memory");
    CHECK(memcmp(in, out[0], bytes) == 0 && memcmp(in, out[1], bytes) == 0);
    CHECK(active == 8);
    CHECK(vector_bytes_in_frame == (int)bytes);
    CHECK(prctl(PR_SVE_GET_VL) == (int)bytes);
    return verdict("vectors are kept");
}
