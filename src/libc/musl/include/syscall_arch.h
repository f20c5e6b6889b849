// SPDX-License-Identifier: BSD-2-Clause
// How this libc makes system calls: it calls the address in __drupe_entry (enter.S), with the
// number in x8 and the arguments in x0 to x5 (docs/direct-call.md). Takes the place of musl's file
// of the same name.
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

extern __attribute__((__visibility__("hidden"))) void* __drupe_entry;

// The call keeps the floating-point registers and what a function keeps; these go, beside its
// arguments.
#define __DRUPE_GONE                                                                               \
    "x6", "x7", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x17", "x18", "x30", "cc", "memory"
#define __DRUPE_NUMBER(n)                                                                          \
    register long x8 __asm__("x8") = (n);                                                          \
    register void* x16 __asm__("x16") = __drupe_entry;                                             \
    register long x0 __asm__("x0")

static inline long __syscall0(long n) {
    __DRUPE_NUMBER(n);
    __asm__ __volatile__("blr x16"
                         : "=r"(x0), "+r"(x8), "+r"(x16)
                         :
                         : "x1", "x2", "x3", "x4", "x5", __DRUPE_GONE);
    return x0;
}

static inline long __syscall1(long n, long a) {
    __DRUPE_NUMBER(n) = a;
    __asm__ __volatile__("blr x16"
                         : "+r"(x0), "+r"(x8), "+r"(x16)
                         :
                         : "x1", "x2", "x3", "x4", "x5", __DRUPE_GONE);
    return x0;
}

static inline long __syscall2(long n, long a, long b) {
    __DRUPE_NUMBER(n) = a;
    register long x1 __asm__("x1") = b;
    __asm__ __volatile__("blr x16"
                         : "+r"(x0), "+r"(x1), "+r"(x8), "+r"(x16)
                         :
                         : "x2", "x3", "x4", "x5", __DRUPE_GONE);
    return x0;
}

static inline long __syscall3(long n, long a, long b, long c) {
    __DRUPE_NUMBER(n) = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ __volatile__("blr x16"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x8), "+r"(x16)
                         :
                         : "x3", "x4", "x5", __DRUPE_GONE);
    return x0;
}

static inline long __syscall4(long n, long a, long b, long c, long d) {
    __DRUPE_NUMBER(n) = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ __volatile__("blr x16"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x8), "+r"(x16)
                         :
                         : "x4", "x5", __DRUPE_GONE);
    return x0;
}

static inline long __syscall5(long n, long a, long b, long c, long d, long e) {
    __DRUPE_NUMBER(n) = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ __volatile__("blr x16"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x8), "+r"(x16)
                         :
                         : "x5", __DRUPE_GONE);
    return x0;
}

static inline long __syscall6(long n, long a, long b, long c, long d, long e, long f) {
    __DRUPE_NUMBER(n) = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ __volatile__("blr x16"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x8),
                           "+r"(x16)
                         :
                         : __DRUPE_GONE);
    return x0;
}

#undef __DRUPE_NUMBER
#undef __DRUPE_GONE

// What clock_gettime takes out of the vDSO, and what finds __drupe_syscall there.
#define VDSO_USEFUL
#define VDSO_CGT_SYM "__kernel_clock_gettime"
#define VDSO_CGT_VER "LINUX_2.6.39"

// [linux] uapi/linux/ipc.h: the version bit of the ipc calls; arm64 has the new ones only.
#define IPC_64 0
