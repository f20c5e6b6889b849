// SPDX-License-Identifier: BSD-2-Clause
// Signals that the processor raises: codes, addresses, registers; handlers that repair what was
// wrong, go on elsewhere or change registers.
#define _GNU_SOURCE
#include "trace.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int signal_seen, code_seen;
static void* volatile address_seen;

static void leave(int signo, siginfo_t* info, void* context) {
    (void)context;
    signal_seen = signo, code_seen = info->si_code, address_seen = info->si_addr;
    siglongjmp(back, 1);
}

static void handle(int signo, void (*handler)(int, siginfo_t*, void*)) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    CALL(sigaction(signo, &action, NULL));
}

/// Prints which signal the statement raises, and si_addr as its distance from `at`.
#define FAULT(at, statement)                                                                       \
    do {                                                                                           \
        signal_seen = 0;                                                                           \
        if (sigsetjmp(back, 1) == 0) { statement; }                                                \
        printf("%s: signal %d code %d address +%ld\n", #statement, signal_seen, code_seen,         \
               (long)((char*)address_seen - (char*)(at)));                                         \
    } while (0)

static void of_memory(void) {
    char* page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FAULT(0, *(volatile char*)0 = 1);
    FAULT(0, (void)*(volatile long*)0x12345678);
    FAULT(page, *(volatile char*)(page + 5) = 1);
    FAULT(page, *(volatile uint64_t*)(page + 4093) = 1);
    munmap(page + 4096, 4096);
    FAULT(page, (void)*(volatile char*)(page + 4096));
    FAULT(page, ((void (*)(void))page)());
    FAULT(0, ((void (*)(void))0x1000)());
    mprotect(page, 4096, PROT_NONE);
    FAULT(page, (void)*(volatile char*)(page + 7));
    const int fd = open("short", O_RDWR | O_CREAT, 0600);
    (void)!write(fd, "x", 1);
    char* file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FAULT(file, (void)*(volatile char*)(file + 4100));
    FAULT(file, *(volatile char*)(file + 4100) = 1);
    FAULT(file, (void)*(volatile char*)(file + 100));
    // In the kernel the same addresses are an error, not a signal.
    CALL(write(fd, file + 4100, 1));
    CALL(pread(fd, (void*)16, 1, 0));
}

extern char undefined_at[], breakpoint_at[];
static void of_instructions(void) {
    FAULT(undefined_at, __asm__ volatile(".globl undefined_at\nundefined_at: udf #7"));
    FAULT(breakpoint_at, __asm__ volatile(".globl breakpoint_at\nbreakpoint_at: brk #1000"));
    uintptr_t odd = (uintptr_t)of_memory + 2;
    FAULT(odd, ((void (*)(void))odd)());
    // A processor without traps for arithmetic: division by zero gives zero.
    volatile int zero = 0;
    printf("%d %g\n", 1 / (zero + 1) + 0 * zero, 1.0 / zero);
    FAULT(address_seen, raise(SIGFPE));
    FAULT(address_seen, raise(SIGILL));
}

static void* repaired;
static volatile int repairs;
static void repair(int signo, siginfo_t* info, void* context) {
    (void)context;
    repairs++;
    signal_seen = signo;
    if ((char*)info->si_addr - (char*)repaired != 128) _exit(9);
    mprotect(repaired, 4096, PROT_READ | PROT_WRITE);
}

static void repairing(void) {
    handle(SIGSEGV, repair);
    repaired = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long sum = 0;
    for (int n = 0; n < 50; n++) {
        mprotect(repaired, 4096, n & 1 ? PROT_READ : PROT_NONE);
        volatile long* word = (volatile long*)((char*)repaired + 128);
        *word = *word + n;
        sum += *word;
    }
    printf("%ld %d\n", sum, repairs);
}

static void change(int signo, siginfo_t* info, void* context) {
    mcontext_t* m = &((ucontext_t*)context)->uc_mcontext;
    if (signo == SIGSEGV && m->fault_address != (uintptr_t)info->si_addr) _exit(8);
    m->pc += 4;
    for (int n = 9; n < 16; n++) m->regs[n] += 1000;
    m->pstate |= 1u << 30; // Z
    struct fpsimd_context* fp = (struct fpsimd_context*)m->__reserved;
    if (fp->head.magic == FPSIMD_MAGIC) {
        fp->vregs[5] *= 3;
        fp->fpsr |= 1u << 4;
    }
}

static void registers(void) {
    handle(SIGSEGV, change);
    handle(SIGILL, change);
    handle(SIGTRAP, change);
    long got[9];
    unsigned long vector = 7, equal, fpsr;
    for (int round = 0; round < 3; round++) {
        __asm__ volatile(
            "mov x9, #1\n mov x10, #2\n mov x11, #3\n mov x12, #4\n"
            "mov x13, #5\n mov x14, #6\n mov x15, #7\n mov x16, #16\n mov x17, #17\n"
            "msr fpsr, xzr\n fmov d5, %[vector]\n cmp sp, xzr\n"
            "cmp %w[round], #1\n b.eq 1f\n b.gt 2f\n"
            "mov x8, #64\n cmp x8, #0\n str x8, [x8]\n b 3f\n"
            "1: cmp x9, #0\n udf #1\n b 3f\n 2: brk #3\n"
            "3: cset %[equal], eq\n mrs %[fpsr], fpsr\n fmov %[out], d5\n"
            "stp x9, x10, [%[got]]\n stp x11, x12, [%[got], #16]\n"
            "stp x13, x14, [%[got], #32]\n stp x15, x16, [%[got], #48]\n str x17, [%[got], #64]"
            : [equal] "=&r"(equal), [fpsr] "=&r"(fpsr), [out] "=&r"(vector)
            : [vector] "2"(vector), [round] "r"(round), [got] "r"(got)
            : "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "v5", "cc",
              "memory");
        for (int n = 0; n < 9; n++) printf("%ld ", got[n]);
        printf("%lu %lx %lu\n", equal, fpsr, vector);
    }
}

/// The handler returns into another function, on the interrupted stack.
__attribute__((noinline)) static void elsewhere(long argument) {
    printf("elsewhere: %ld\n", argument);
    siglongjmp(back, (int)argument);
}
static void divert(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)info;
    mcontext_t* m = &((ucontext_t*)context)->uc_mcontext;
    m->pc = (uintptr_t)elsewhere;
    m->regs[0] = 77;
    sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGUSR2);
}

static void diverting(void) {
    handle(SIGSEGV, divert);
    sigset_t mask;
    const int value = sigsetjmp(back, 0);
    if (value == 0) *(volatile int*)64 = 1;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    printf("came back with %d, SIGUSR2 %d, SIGSEGV %d\n", value, sigismember(&mask, SIGUSR2),
           sigismember(&mask, SIGSEGV));
}

static int deep(int n) {
    volatile char room[2048];
    room[0] = (char)n;
    return n > 100000000 ? 0 : deep(n + 1) + room[0];
}

static void overflow(void) {
    static char other[65536];
    CALL(sigaltstack(&(stack_t){.ss_sp = other, .ss_size = sizeof other}, NULL));
    struct sigaction action = {.sa_sigaction = leave, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CALL(sigaction(SIGSEGV, &action, NULL));
    for (int n = 0; n < 3; n++) {
        volatile int zero = 0;
        signal_seen = 0;
        if (sigsetjmp(back, 1) == 0) zero = deep(0);
        printf("overflow: signal %d, %d\n", signal_seen, zero);
    }
}

int main(void) {
    handle(SIGSEGV, leave);
    handle(SIGBUS, leave);
    handle(SIGILL, leave);
    handle(SIGTRAP, leave);
    handle(SIGFPE, leave);
    of_memory();
    of_instructions();
    repairing();
    registers();
    diverting();
    overflow();
    return 0;
}
