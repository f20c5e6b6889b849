// SPDX-License-Identifier: BSD-2-Clause
// Signals as a program sees them: frames, registers, masks, faults, threads, timers.
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int hits;

static void trash_registers(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)info, (void)context;
    hits++;
    asm volatile("movi v0.16b, #0xee\n movi v8.16b, #0xff\n movi v31.16b, #0xdd" ::: "v0", "v31");
}

static void handle(int signo, void (*handler)(int, siginfo_t*, void*), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    CHECK(sigaction(signo, &action, NULL) == 0);
}

static void test_masks(void) {
    handle(SIGUSR1, trash_registers, 0);
    register double kept asm("d8") = 1.5;
    asm volatile("" : "+w"(kept));
    raise(SIGUSR1);
    asm volatile("" : "+w"(kept));
    CHECK(kept == 1.5);
    CHECK(kill(getpid(), SIGUSR1) == 0 && hits == 2); // taken before kill returns

    sigset_t usr1, old, pending;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, &old);
    raise(SIGUSR1);
    CHECK(hits == 2 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    struct timespec at_once = {0, 0};
    siginfo_t info;
    CHECK(sigtimedwait(&usr1, &info, &at_once) == SIGUSR1 && info.si_pid == getpid());
    CHECK(sigtimedwait(&usr1, &info, &at_once) == -1 && errno == EAGAIN);
    union sigval value = {.sival_int = 77};
    CHECK(sigqueue(getpid(), SIGUSR1, value) == 0);
    CHECK(sigwaitinfo(&usr1, &info) == SIGUSR1 && info.si_value.sival_int == 77);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(hits == 2);
}

static sigjmp_buf before_fault;
static void* fault_address;
static int fault_code;

static void leave_fault(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)context;
    fault_address = info->si_addr;
    fault_code = info->si_code;
    siglongjmp(before_fault, 1);
}

static void skip_instruction(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)info;
    ucontext_t* registers = context;
    registers->uc_mcontext.pc += 4;
    registers->uc_mcontext.regs[3] = 77;
    hits++;
}

static int use_stack(int depth) {
    volatile char page[4096];
    page[0] = (char)depth;
    return use_stack(depth + 1) + page[0];
}

static void test_faults(void) {
    static char memory[65536];
    stack_t alternate = {.ss_sp = memory, .ss_size = sizeof memory};
    CHECK(sigaltstack(&alternate, NULL) == 0);
    handle(SIGSEGV, leave_fault, SA_ONSTACK);
    if (!sigsetjmp(before_fault, 1)) *(volatile int*)0x123450 = 1;
    CHECK(fault_address == (void*)0x123450 && fault_code == SEGV_MAPERR);
    char* page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sigsetjmp(before_fault, 1)) page[8] = 1;
    CHECK(fault_address == page + 8 && fault_code == SEGV_ACCERR);
    fault_address = NULL;
    if (!sigsetjmp(before_fault, 1))
        CHECK(use_stack(1) == 0); // the stack is full: not the other one
    CHECK(fault_address != NULL);

    handle(SIGILL, skip_instruction, 0);
    handle(SIGTRAP, skip_instruction, 0);
    long result;
    hits = 0;
    asm volatile("mov x3, #5\n udf #0\n mov %0, x3" : "=r"(result)::"x3");
    CHECK(result == 77 && hits == 1);
    asm volatile("brk #1" ::: "x3");
    CHECK(hits == 2);
}

static volatile int stop;

static void* compute(void* unused) {
    (void)unused;
    double x = 1, sum = 0;
    for (long n = 1; !stop; n++) {
        sum = sum * 0.5 + x;
        x = x * 1.25 - 0.25; // stays 1, exactly
    }
    return x == 1 && sum >= 1 && sum <= 2 ? (void*)1 : NULL;
}

static void* twice(void* number) { return (void*)((long)number * 2); }

static void test_threads(void) {
    pthread_t threads[8];
    void* result;
    for (long n = 0; n < 8; n++) CHECK(pthread_create(&threads[n], NULL, twice, (void*)n) == 0);
    for (long n = 0; n < 8; n++)
        CHECK(pthread_join(threads[n], &result) == 0 && result == (void*)(n * 2));
    hits = 0;
    CHECK(pthread_create(&threads[0], NULL, compute, NULL) == 0);
    for (int n = 0; n < 50; n++) {
        CHECK(pthread_kill(threads[0], SIGUSR1) == 0);
        usleep(200);
    }
    stop = 1;
    CHECK(pthread_join(threads[0], &result) == 0 && result != NULL);
    CHECK(hits > 0);
}

static void test_timer(void) {
    handle(SIGALRM, trash_registers, SA_RESTART);
    hits = 0;
    struct itimerval timer = {{0, 2000}, {0, 2000}};
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    double x = 1;
    while (hits < 10) x = x * 1.25 - 0.25;
    CHECK(x == 1);
    memset(&timer, 0, sizeof timer);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

int main(void) {
    test_masks();
    test_faults();
    test_threads();
    test_timer();
    return verdict("signals keep their contract");
}
