// SPDX-License-Identifier: BSD-2-Clause
// Jumps and contexts: setjmp, sigsetjmp, from handlers and across frames; with HAVE_UCONTEXT also
// getcontext, makecontext, swapcontext (musl has none).
#define _GNU_SOURCE
#include "trace.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static jmp_buf plain;
static sigjmp_buf with_mask;

__attribute__((noinline)) static void down(int levels, int value) {
    if (levels == 0) longjmp(plain, value);
    down(levels - 1, value);
    __asm__ volatile("" ::: "memory"); // no tail call: every level has a frame
}

static void jumps(void) {
    volatile int round = 0;
    register double kept __asm__("d9") = 2.5;
    __asm__ volatile("" : "+w"(kept));
    const int got = setjmp(plain);
    printf("round %d: setjmp gives %d\n", round, got);
    if (round++ < 3) {
        __asm__ volatile("movi d9, #0" ::: "v9");
        down(50, round == 2 ? 0 : round * 10); // 0 becomes 1
    }
    (void)kept;
}

static void jump_out(int signo) {
    (void)signo;
    siglongjmp(with_mask, 5);
}

static void masks(void) {
    signal(SIGUSR1, jump_out);
    for (int saved = 0; saved < 2; saved++) {
        sigset_t now, usr1;
        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        sigprocmask(SIG_UNBLOCK, &usr1, NULL);
        const int got = sigsetjmp(with_mask, saved);
        if (got == 0) raise(SIGUSR1);
        sigprocmask(SIG_SETMASK, NULL, &now);
        printf("saved %d: got %d, masked %d\n", saved, got, sigismember(&now, SIGUSR1));
    }
}

static volatile int ticks;
static void tick(int signo) { ticks += signo == SIGALRM; }

#ifdef HAVE_UCONTEXT
static ucontext_t main_context, task[3];
static char stacks[3][65536];
static int turns;

static void run(int number, int step) {
    double sum = number;
    for (int n = 0; n < 4; n++) {
        sum = sum * 1.5 + step;
        printf("task %d: %g\n", number, sum);
        swapcontext(&task[number], &task[(number + 1) % 3]);
    }
    turns += 100;
}

static void busy(int number) {
    long local = number;
    for (int n = 0; n < 20000; n++) {
        local = local * 7 + n;
        turns++;
        if (swapcontext(&task[number], &task[1 - number]) != 0) abort();
    }
    printf("task %d ends with %ld\n", number, local);
}

static void make(int number, void (*function)(void), int first, int second) {
    getcontext(&task[number]);
    task[number].uc_stack.ss_sp = stacks[number];
    task[number].uc_stack.ss_size = sizeof stacks[number];
    task[number].uc_link = &main_context;
    makecontext(&task[number], function, 2, first, second);
}

static void of_contexts(void) {
    volatile int came = 0;
    CALL(getcontext(&main_context));
    printf("came %d\n", came);
    if (came++ < 2) setcontext(&main_context);
    for (int n = 0; n < 3; n++) make(n, (void (*)(void))run, n, n * 10);
    CALL(swapcontext(&main_context, &task[0]));
    printf("turns %d\n", turns);

    // With signals between the switches; the mask belongs to the context.
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 2000}, {0, 2000}}, NULL);
    turns = 0;
    make(0, (void (*)(void))busy, 0, 0);
    make(1, (void (*)(void))busy, 1, 0);
    sigaddset(&task[1].uc_sigmask, SIGUSR2);
    CALL(swapcontext(&main_context, &task[0]));
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    printf("turns %d\n", turns);
    TRUTH(ticks > 0);
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    TRUTH(!sigismember(&now, SIGUSR2));
}

/// From a handler to the context that it interrupted, by setcontext.
static void resume(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)info;
    ucontext_t* interrupted = context;
    interrupted->uc_mcontext.pc += 4;
    turns = 4242;
}
static void from_handler(void) {
    struct sigaction action = {.sa_sigaction = resume, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    turns = 0;
    __asm__ volatile("udf #0" ::: "memory");
    printf("turns %d\n", turns);
}
#endif

int main(void) {
    jumps();
    masks();
#ifdef HAVE_UCONTEXT
    of_contexts();
    from_handler();
#else
    (void)tick;
#endif
    return 0;
}
