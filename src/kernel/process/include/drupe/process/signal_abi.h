// SPDX-License-Identifier: BSD-2-Clause
// The layouts of signals that programs see, the same on every 64-bit architecture with Linux's
// generic ABI. [linux] include/uapi/asm-generic/{siginfo,signal}.h. Only facts, no behaviour.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drupe::process {

using Pid = std::int32_t;

enum Signal : int {
    sighup = 1,
    sigint,
    sigquit,
    sigill,
    sigtrap,
    sigabrt,
    sigbus,
    sigfpe,
    sigkill,
    sigusr1,
    sigsegv,
    sigusr2,
    sigpipe,
    sigalrm,
    sigterm,
    sigstkflt,
    sigchld,
    sigcont,
    sigstop,
    sigtstp,
    sigttin,
    sigttou,
    sigurg,
    sigxcpu,
    sigxfsz,
    sigvtalrm,
    sigprof,
    sigwinch,
    sigio,
    sigpwr,
    sigsys,
    sigrtmin = 32, // the first with a queue; libcs keep 32 to 34 for themselves
    sigrtmax = 64,
};
inline constexpr int signal_count = 64;

/// siginfo_t.si_code. Positive: the kernel made it; zero and below: a program did.
enum SignalCode : std::int32_t {
    si_user = 0,
    si_kernel = 0x80,
    si_queue = -1,
    si_timer = -2,
    si_sigio = -5,
    si_tkill = -6,
    ill_opcode = 1,
    fpe_integer_overflow = 2,
    fpe_divide = 3,
    fpe_overflow = 4,
    fpe_underflow = 5,
    fpe_inexact = 6,
    fpe_invalid = 7,
    fpe_unknown = 14,
    segv_map_error = 1,
    segv_access_error = 2,
    bus_alignment = 1,
    bus_address = 2,
    bus_object = 3,
    trap_breakpoint = 1,
    trap_trace = 2,
    child_exited = 1,
    child_killed = 2,
    child_dumped = 3,
    child_stopped = 5,
    child_continued = 6,
};

/// The part of siginfo_t that carries something; the program's is padded with zeros to 128 bytes.
struct SigInfo {
    std::int32_t signo = 0;
    std::int32_t error = 0; // si_errno
    std::int32_t code = 0;
    // A timer's signal under way: which setting of the timer sent it. 0 to programs.
    std::int32_t timer_mark = 0;
    union Fields {
        struct {
            Pid pid;
            std::uint32_t uid;
            std::uint64_t value; // sigval
        } sent;                  // kill, sigqueue
        struct {
            std::int32_t id;
            std::int32_t overrun;
            std::uint64_t value;
        } timer;
        struct {
            Pid pid;
            std::uint32_t uid;
            std::int32_t status;
            std::int32_t padding;
            std::int64_t user_ticks;
            std::int64_t system_ticks;
        } child;
        struct {
            std::uint64_t address;
            std::uint64_t more[2];
        } fault;
        struct {
            std::int64_t band;
            std::int32_t fd;
        } poll;
        std::uint64_t words[4] = {};
    } u;

    static constexpr std::size_t user_bytes = 128;
    static SigInfo from_kernel(int signo) { return with(signo, si_kernel); }
    static SigInfo from_user(int signo, std::int32_t code, Pid pid, std::uint32_t uid) {
        SigInfo info = with(signo, code);
        info.u.sent = {pid, uid, 0};
        return info;
    }
    static SigInfo from_fault(int signo, std::int32_t code, std::uint64_t address) {
        SigInfo info = with(signo, code);
        info.u.fault.address = address;
        return info;
    }
    /// Of a file's owner. Codes that mean something else for this signal give way to SI_SIGIO.
    static SigInfo from_file(int signo, std::int32_t code, std::int64_t band, int fd) {
        const bool has_codes = signo == sigill || signo == sigtrap || signo == sigbus ||
                               signo == sigfpe || signo == sigsegv || signo == sigchld ||
                               signo == sigsys;
        SigInfo info = with(signo, has_codes ? std::int32_t{si_sigio} : code);
        info.u.poll.band = band;
        info.u.poll.fd = fd;
        return info;
    }
    static SigInfo from_timer(int signo, std::int32_t id, std::uint64_t value) {
        SigInfo info = with(signo, si_timer);
        info.u.timer = {id, 0, value};
        return info;
    }

private:
    static SigInfo with(int signo, std::int32_t code) {
        SigInfo info;
        info.signo = signo;
        info.code = code;
        return info;
    }
};
static_assert(sizeof(SigInfo) == 48 && offsetof(SigInfo, u) == 16);

/// struct sigaction as rt_sigaction(2) passes it; the restorer is unused on arm64.
struct UserSigAction {
    std::uint64_t handler;
    std::uint64_t flags;
    std::uint64_t restorer;
    std::uint64_t mask;
};
static_assert(sizeof(UserSigAction) == 32);

inline constexpr std::uint64_t handler_default = 0; // SIG_DFL
inline constexpr std::uint64_t handler_ignore = 1;  // SIG_IGN

enum SigActionFlag : std::uint64_t {
    sa_nocldstop = 1,
    sa_nocldwait = 2,
    sa_siginfo = 4,
    sa_expose_tagbits = 0x800,
    sa_restorer = 0x0400'0000,
    sa_onstack = 0x0800'0000,
    sa_restart = 0x1000'0000,
    sa_nodefer = 0x4000'0000,
    sa_resethand = 0x8000'0000,
    // Others are cleared: that is how a program finds out what is supported.
    sa_known = sa_nocldstop | sa_nocldwait | sa_siginfo | sa_restorer | sa_onstack | sa_restart |
               sa_nodefer | sa_resethand,
};

/// stack_t.
struct UserStack {
    std::uint64_t sp;
    std::int32_t flags;
    std::int32_t padding;
    std::uint64_t size;
};
static_assert(sizeof(UserStack) == 24);
enum StackFlag : std::uint32_t {
    ss_onstack = 1,
    ss_disable = 2,
    ss_autodisarm = 1u << 31,
};

} // namespace drupe::process
