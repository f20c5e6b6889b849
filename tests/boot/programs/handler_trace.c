// SPDX-License-Identifier: BSD-2-Clause
// Unwinds out of signal handlers: through the frame of the interrupted function, which may be in
// its first instruction, up to main.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#define NOINLINE __attribute__((noinline, noclone, visibility("default")))

static int depth;

static _Unwind_Reason_Code show(struct _Unwind_Context* context, void* unused) {
    (void)unused;
    int before = 0;
    const uintptr_t pc = _Unwind_GetIPInfo(context, &before);
    Dl_info where;
    // A return address lies behind its call, perhaps in the next function; a signal's does not.
    const char* name = dladdr((void*)(pc - !before), &where) ? where.dli_sname : NULL;
    if (name && strstr(where.dli_fname, "vdso"))
        name = NULL; // the trampoline's name is the machine's
    printf("%2d %s%s\n", depth++, name ? name : "-", before ? " (interrupted)" : "");
    return name && strcmp(name, "main") == 0 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

NOINLINE void on_signal(int signo, siginfo_t* info, void* context) {
    (void)info, (void)context;
    depth = 0;
    printf("signal %d\n", signo);
    _Unwind_Backtrace(show, NULL);
    void* frames[32];
    printf("backtrace() finds %d\n", backtrace(frames, 32));
    fflush(stdout);
    if (signo == SIGSEGV) exit(7);
}

// The first instruction faults: the interrupted pc is the function's entry, and pc - 1 another's.
void fault_at_entry(void);
__asm__(".text\n\t.globl fault_at_entry\n\t.type fault_at_entry, %function\n"
        "fault_at_entry:\n\t.cfi_startproc\n\tudf #0\n\tret\n\t.cfi_endproc\n\t"
        ".size fault_at_entry, . - fault_at_entry");

NOINLINE int leaf(volatile int* at) {
    return *at + 1; // faults, with its return address still in x30
}

NOINLINE int raising(int signo) {
    raise(signo);
    return signo + 1;
}

NOINLINE int middle(int kind) {
    int result = kind;
    if (kind == 0) result += raising(SIGUSR1);
    if (kind == 1) fault_at_entry();
    if (kind == 2) result += leaf((volatile int*)16);
    return result + 1;
}

static void skip_instruction(int signo, siginfo_t* info, void* context) {
    on_signal(signo, info, context);
    ((ucontext_t*)context)->uc_mcontext.pc += 4;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    static char stack[1 << 16]; // a whole unwinder runs on it
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&other, NULL);
    sigaction(SIGUSR1, &action, NULL);
    printf("%d\n", middle(0));
    action.sa_flags |= SA_ONSTACK;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    printf("%d\n", middle(0));
    action.sa_sigaction = skip_instruction;
    sigaction(SIGILL, &action, NULL);
    printf("%d\n", middle(1));
    printf("%d\n", middle(2));
    return 0;
}
