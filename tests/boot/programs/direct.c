// SPDX-License-Identifier: BSD-2-Clause
// The contract of direct system calls: the address the vDSO publishes is called like a function, keeps
// what the procedure call standard keeps, and is interrupted, restarted and signalled like an svc.
//
// Run with -icount shift=0 one nanosecond is one instruction: a timer that fires k ns after it is set,
// for k = 0, 1, 2 …, then interrupts the call after every single instruction of its stubs.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void* entry; // used by assembly
extern char direct_call[]; // the instruction that enters the kernel, or the function that does by svc
static int calls_directly;
static int failures;
static void expect(int ok, const char* what) {
    if (ok) return;
    failures++;
    printf("FAILED: %s\n", what);
    if (failures > 20) exit(1);
}

// Symbol `name` of the vDSO.
static void* vdso_symbol(const char* name) {
    char* base = (char*)getauxval(AT_SYSINFO_EHDR);
    if (!base) return 0;
    Elf64_Ehdr* eh = (void*)base;
    Elf64_Phdr* ph = (void*)(base + eh->e_phoff);
    Elf64_Sym* symbols = 0;
    const char* strings = 0;
    unsigned* hash = 0;
    for (int i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type != PT_DYNAMIC) continue;
        for (Elf64_Dyn* d = (void*)(base + ph[i].p_offset); d->d_tag != DT_NULL; d++) {
            if (d->d_tag == DT_SYMTAB) symbols = (void*)(base + d->d_un.d_ptr);
            if (d->d_tag == DT_STRTAB) strings = base + d->d_un.d_ptr;
            if (d->d_tag == DT_HASH) hash = (void*)(base + d->d_un.d_ptr);
        }
    }
    for (unsigned i = 0; symbols && hash && i < hash[1]; i++)
        if (strcmp(strings + symbols[i].st_name, name) == 0) return base + symbols[i].st_value;
    return 0;
}

// Calls `entry` with patterns in every register that must survive; returns the result, and through
// `damage` a bit for each that did not.
long direct_checked(long number, long a, long b, long c, unsigned long* damage);
__asm__(".text\n.globl direct_checked\n.type direct_checked,%function\ndirect_checked:\n"
        "  stp x29, x30, [sp, #-192]!\n  mov x29, sp\n"
        "  stp x19, x20, [sp, #16]\n  stp x21, x22, [sp, #32]\n  stp x23, x24, [sp, #48]\n"
        "  stp x25, x26, [sp, #64]\n  stp x27, x28, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n"
        "  stp d14, d15, [sp, #144]\n  str x4, [sp, #160]\n"
        "  mov x8, x0\n  mov x0, x1\n  mov x1, x2\n  mov x2, x3\n  mov x3, xzr\n  mov x4, xzr\n  mov x5, xzr\n"
        "  adrp x16, entry\n  ldr x16, [x16, :lo12:entry]\n"
        "  mov x19, #119\n  mov x20, #120\n  mov x21, #121\n  mov x22, #122\n  mov x23, #123\n"
        "  mov x24, #124\n  mov x25, #125\n  mov x26, #126\n  mov x27, #127\n  mov x28, #128\n"
        "  fmov d8, x19\n  fmov d9, x20\n  fmov d10, x21\n  fmov d11, x22\n  fmov d12, x23\n"
        "  fmov d13, x24\n  fmov d14, x25\n  fmov d15, x26\n"
        ".globl direct_call\ndirect_call:\n  blr x16\n"
        "  mov x9, xzr\n"
        ".macro chk reg, value, bit\n  mov x10, \\reg\n  cmp x10, #\\value\n  cset x10, ne\n"
        "  orr x9, x9, x10, lsl #\\bit\n.endm\n"
        ".macro chkd reg, value, bit\n  fmov x10, \\reg\n  cmp x10, #\\value\n  cset x10, ne\n"
        "  orr x9, x9, x10, lsl #\\bit\n.endm\n"
        "  chk x19,119,0\n  chk x20,120,1\n  chk x21,121,2\n  chk x22,122,3\n  chk x23,123,4\n"
        "  chk x24,124,5\n  chk x25,125,6\n  chk x26,126,7\n  chk x27,127,8\n  chk x28,128,9\n"
        "  chkd d8,119,10\n  chkd d9,120,11\n  chkd d10,121,12\n  chkd d11,122,13\n  chkd d12,123,14\n"
        "  chkd d13,124,15\n  chkd d14,125,16\n  chkd d15,126,17\n"
        "  mov x10, sp\n  cmp x10, x29\n  cset x10, ne\n  orr x9, x9, x10, lsl #18\n"
        "  mov sp, x29\n  ldr x4, [sp, #160]\n  str x9, [x4]\n"
        "  ldp x19, x20, [sp, #16]\n  ldp x21, x22, [sp, #32]\n  ldp x23, x24, [sp, #48]\n"
        "  ldp x25, x26, [sp, #64]\n  ldp x27, x28, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n"
        "  ldp d14, d15, [sp, #144]\n  ldp x29, x30, [sp], #192\n  ret\n");

static long direct(long number, long a, long b, long c) {
    unsigned long damage = 0;
    long result = direct_checked(number, a, b, c, &damage);
    if (damage) printf("damage %lx by call %ld\n", damage, number);
    expect(damage == 0, "registers survive");
    return result;
}

static volatile sig_atomic_t signals_seen;
static int pipe_ends[2];
static volatile int write_in_handler;
static unsigned long pc_in_handler;
static void handler(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    ucontext_t* uc = context;
    signals_seen++;
    pc_in_handler = uc->uc_mcontext.pc;
    // Nothing of the kernel's own may show: the program counter is the program's or the vDSO's.
    if (uc->uc_mcontext.pc >> 48) {
        failures++;
        printf("FAILED: a signal frame shows pc %llx\n", (unsigned long long)uc->uc_mcontext.pc);
    }
    if ((uc->uc_mcontext.pstate & 0xf) != 0) failures++;
    if (write_in_handler) (void)!write(pipe_ends[1], "x", 1);
    __asm__ volatile("fmov d8, xzr\n fmov d15, xzr\n movi v0.16b, #255\n movi v31.16b, #255" ::: "v0", "v8", "v15", "v31");
}
static void on_alarm(int flags) {
    struct sigaction action = {0};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    sigaction(SIGALRM, &action, 0);
}

static timer_t timer;
static void arm(long ns) {
    struct itimerspec when = {{0, 0}, {0, ns}};
    timer_settime(timer, 0, &when, 0);
}

static void plain_calls(void) {
    expect(direct(SYS_getpid, 0, 0, 0) == getpid(), "getpid gives the process");
    expect(direct(SYS_gettid, 0, 0, 0) == syscall(SYS_gettid), "gettid gives the thread");
    expect(direct(SYS_close, 999, 0, 0) == -EBADF, "an error is -errno");
    expect(direct(4000, 0, 0, 0) == -ENOSYS, "a number beyond the table is ENOSYS");
    expect(direct(511, 0, 0, 0) == -ENOSYS, "a number without a call is ENOSYS");
    expect(direct(-1, 0, 0, 0) == -ENOSYS, "a negative number is ENOSYS");
    expect(direct(SYS_write, 1, 16, 1) == -EFAULT, "a bad pointer is EFAULT");
}

static void interrupted_everywhere(void) {
    on_alarm(SA_RESTART);
    int before = signals_seen;
    for (long k = 1; k < 4000; k++) {
        int seen = signals_seen;
        arm(k);
        for (int i = 0; i < 3; i++) expect(direct(SYS_getppid, 0, 0, 0) == getppid(), "the result survives a signal");
        for (long spin = 0; signals_seen == seen && spin < 100000000; spin++) {}
        expect(signals_seen == seen + 1, "the signal came, once");
    }
    printf("interrupted %d times\n", signals_seen - before);
}

static void blocking_calls(void) {
    char byte = 0;
    expect(pipe(pipe_ends) == 0, "pipe");
    on_alarm(0);
    arm(2000000);
    expect(direct(SYS_read, pipe_ends[0], (long)&byte, 1) == -EINTR, "without SA_RESTART a read ends with EINTR");
    on_alarm(SA_RESTART);
    write_in_handler = 1;
    arm(2000000);
    expect(direct(SYS_read, pipe_ends[0], (long)&byte, 1) == 1 && byte == 'x', "with SA_RESTART it goes on");
    expect(pc_in_handler == (unsigned long)(calls_directly ? (void*)direct_call : entry), "a handler sees the call that is made again");
    write_in_handler = 0;
    struct timespec pause = {0, 1000000};
    expect(direct(SYS_nanosleep, (long)&pause, 0, 0) == 0, "sleeping works");
    on_alarm(0);
    arm(1000000);
    struct timespec longer = {0, 500000000}, rest = {0, 0};
    expect(direct(SYS_nanosleep, (long)&longer, (long)&rest, 0) == -EINTR && rest.tv_nsec > 0, "a sleep tells what was left");
}

int main(void) {
    void** published = vdso_symbol("__drupe_syscall");
    if (!published) {
        puts("the vDSO publishes no direct entry");
        return 1;
    }
    calls_directly = *published != 0;
    entry = *published ? *published : vdso_symbol("__drupe_syscall_by_svc");
    expect(entry != 0, "there is a way in");
    struct sigevent event = {0};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGALRM;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    plain_calls();
    puts("plain calls done");
    fflush(stdout);
    interrupted_everywhere();
    blocking_calls();
    puts(failures ? "direct calls are broken" : "direct calls keep their contract");
    return failures != 0;
}
