// SPDX-License-Identifier: BSD-2-Clause
// Finds where system calls enter the kernel, and recognises a thread that stands there.
#define _GNU_SOURCE
#include <libc.h>
#include <sys/syscall.h>
#include <ucontext.h>

extern hidden void* __drupe_entry; // enter.S
extern hidden char __drupe_svc[];  // signal_return.S
hidden void* __vdsosym(const char* version, const char* name);

/// The function that enters the kernel, with the interface of docs/direct-call.md. Reads libc.auxv,
/// which both starts (static and by ld.so) set before their first call.
hidden void* __drupe_find_entry(void) {
    void* const* published = __vdsosym("DRUPE_1", "__drupe_syscall");
    if (!published) return __drupe_svc; // not Drupe's kernel
    return *published ? *published : __vdsosym("DRUPE_1", "__drupe_syscall_by_svc");
}

/// For MC_PC of pthread_arch.h: the index of pc behind regs. Cancellation asks whether pc lies in
/// syscall_cp.S; but a call that is made by svc, and is to be made again, shows the svc of the
/// entry. Such a thread is put back to its `blr x16`, from where it does the same. For calls
/// without svc the kernel does that.
hidden int __drupe_pc_index(void* context) {
    mcontext_t* m = &((ucontext_t*)context)->uc_mcontext;
    const int returns_from_signal = m->regs[8] == SYS_rt_sigreturn; // by the same svc, __drupe_svc
    if (m->pc == (unsigned long)__drupe_entry && !returns_from_signal) m->pc = m->regs[30] - 4;
    return (int)(&m->pc - m->regs);
}
