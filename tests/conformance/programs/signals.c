// SPDX-License-Identifier: BSD-2-Clause
// Signals that are sent: information, masks, nesting, restarted calls, other stacks, queues, ends.
#define _GNU_SOURCE
#include "trace.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static void handle(int signo, void (*handler)(int, siginfo_t*, void*), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    CALL(sigaction(signo, &action, NULL));
}

static volatile int hits, seen_code, seen_value;
static void count(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)context;
    hits++;
    seen_code = info->si_code;
    seen_value = info->si_value.sival_int;
}

static void information(void) {
    handle(SIGUSR1, count, 0);
    CALL(raise(SIGUSR1));
    printf("%d %d\n", hits, seen_code);
    CALL(kill(getpid(), SIGUSR1));
    printf("%d %d\n", hits, seen_code);
    CALL(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1234}));
    printf("%d %d %d\n", hits, seen_code, seen_value);
    CALL(pthread_kill(pthread_self(), SIGUSR1));
    printf("%d %d\n", hits, seen_code);
    CALL(kill(getpid(), 0));
    CALL(kill(getpid(), 65));
    CALL(kill(999999, SIGUSR1));
    struct sigaction action = {.sa_handler = SIG_IGN};
    CALL(sigaction(SIGKILL, &action, NULL));
    CALL(sigaction(0, &action, NULL));
    CALL(sigaction(SIGUSR1, NULL, &action));
    TRUTH(action.sa_sigaction == count && (action.sa_flags & SA_SIGINFO));
    handle(SIGUSR1, count, SA_RESETHAND);
    raise(SIGUSR1);
    CALL(sigaction(SIGUSR1, NULL, &action));
    TRUTH(action.sa_handler == SIG_DFL);
}

static void queues(void) {
    sigset_t set, old, pending;
    sigemptyset(&set);
    const int queued = SIGRTMIN + 1;
    sigaddset(&set, queued);
    sigaddset(&set, SIGUSR2);
    CALL(sigprocmask(SIG_BLOCK, &set, &old));
    for (int n = 0; n < 5; n++) {
        sigqueue(getpid(), queued, (union sigval){.sival_int = n});
        sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = n});
    }
    CALL(sigpending(&pending));
    printf("%d %d %d\n", sigismember(&pending, queued), sigismember(&pending, SIGUSR2),
           sigismember(&pending, SIGUSR1));
    siginfo_t info;
    struct timespec at_once = {0, 0};
    for (int n = 0; n < 7; n++) {
        const int got = sigtimedwait(&set, &info, &at_once);
        if (got < 0)
            printf("none, errno %d\n", errno);
        else
            printf("%s value %d code %d\n", got == queued ? "queued" : "plain",
                   info.si_value.sival_int, info.si_code);
    }
    CALL(sigprocmask(SIG_SETMASK, &old, NULL));
    CALL(sigprocmask(99, &old, NULL));
}

static volatile int depth, deepest;
static char order[64];
static void nest(int signo, siginfo_t* info, void* context) {
    (void)info, (void)context;
    depth++;
    if (depth > deepest) deepest = depth;
    strcat(order, signo == SIGUSR1 ? "1" : signo == SIGUSR2 ? "2" : "a");
    if (signo == SIGUSR1) raise(SIGUSR2);
    if (signo == SIGUSR1 && strlen(order) < 6) raise(SIGUSR1); // masked: after this one
    if (signo == SIGUSR2 && strlen(order) < 4) raise(SIGALRM);
    strcat(order, ")");
    depth--;
}

static void nesting(void) {
    handle(SIGUSR1, nest, 0);
    handle(SIGUSR2, nest, 0);
    handle(SIGALRM, nest, SA_NODEFER);
    raise(SIGUSR1);
    printf("%s, %d deep\n", order, deepest);
    struct sigaction action = {.sa_sigaction = nest, .sa_flags = SA_SIGINFO};
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    order[0] = 0;
    raise(SIGUSR1);
    puts(order);
}

static int ends[2];
static void feed(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)info, (void)context;
    if (++hits == 2) (void)!write(ends[1], "x", 1); // by then the call has been made again
}

static void start_timer(void) {
    hits = 0;
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
}
static void stop_timer(void) { setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL); }

static void restarting(void) {
    char byte;
    CALL(pipe(ends));
    handle(SIGALRM, feed, SA_RESTART);
    start_timer();
    CALL(read(ends[0], &byte, 1));
    stop_timer();
    TRUTH(hits >= 2);
    handle(SIGALRM, feed, 0);
    start_timer();
    CALL(read(ends[0], &byte, 1));
    stop_timer();
    handle(SIGALRM, feed, SA_RESTART);
    struct timespec length = {10, 0}, left = {0, 0};
    start_timer();
    CALL(nanosleep(&length, &left)); // is not made again
    stop_timer();
    TRUTH(left.tv_sec == 9);
    start_timer();
    CALL(poll(NULL, 0, 10000)); // nor this
    stop_timer();
    start_timer();
    CALL(pause());
    stop_timer();
    sigset_t none, alarm_only, old;
    sigemptyset(&none);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm_only, &old);
    start_timer();
    CALL(sigsuspend(&none));
    stop_timer();
    sigprocmask(SIG_SETMASK, NULL, &none);
    TRUTH(sigismember(&none, SIGALRM) == 1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        usleep(50000);
        _exit(7);
    }
    int status = 0;
    start_timer();
    CALL(waitpid(child, &status, 0) == child);
    stop_timer();
    printf("%#x\n", status);
}

static char other[65536];
static volatile int on_other, second;
static void where(int signo, siginfo_t* info, void* context) {
    (void)info;
    char here;
    const int inside = &here >= other && &here < other + sizeof other;
    if (signo == SIGUSR1) {
        on_other = inside;
        stack_t now;
        sigaltstack(NULL, &now);
        if (!(now.ss_flags & SS_ONSTACK)) on_other = -1;
        if (sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) != -1 || errno != EPERM)
            on_other = -2;
        if (((ucontext_t*)context)->uc_stack.ss_sp != other) on_other = -3;
        raise(SIGUSR2);
    } else
        second = inside;
}

static void stacks(void) {
    CALL(sigaltstack(&(stack_t){.ss_sp = other, .ss_size = 100}, NULL));
    CALL(sigaltstack(&(stack_t){.ss_sp = other, .ss_size = sizeof other}, NULL));
    handle(SIGUSR1, where, SA_ONSTACK);
    handle(SIGUSR2, where, SA_ONSTACK);
    raise(SIGUSR1);
    printf("%d %d\n", on_other, second);
    raise(SIGUSR2);
    printf("%d\n", second);
    handle(SIGUSR2, where, 0);
    raise(SIGUSR2);
    printf("%d\n", second);
    CALL(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL));
}

static void children_end(void) {
    static const int ending[] = {SIGTERM, SIGKILL, SIGUSR1, SIGSEGV, SIGABRT, SIGCHLD, SIGPIPE};
    for (size_t n = 0; n < sizeof ending / sizeof *ending; n++) {
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            signal(ending[n], SIG_DFL);
            raise(ending[n]);
            _exit(1);
        }
        siginfo_t info = {0};
        waitid(P_PID, (id_t)child, &info, WEXITED);
        printf("signal %d: code %d status %d\n", ending[n],
               info.si_code == CLD_DUMPED ? CLD_KILLED : info.si_code, info.si_status);
    }
}

int main(void) {
    information();
    queues();
    nesting();
    restarting();
    stacks();
    children_end();
    return 0;
}
