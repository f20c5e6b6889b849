// SPDX-License-Identifier: BSD-2-Clause
// [linux] include/uapi/asm-generic and include/uapi/linux, as of 6.1.
#include "strace_names.h"

#include <span>

namespace drupe::syscall {
namespace {

struct Name {
    std::uint32_t value;
    const char* text;
};

constexpr Name open_flags[] = {
    {0100, "O_CREAT"},        {0200, "O_EXCL"},         {0400, "O_NOCTTY"},
    {01000, "O_TRUNC"},       {02000, "O_APPEND"},      {04000, "O_NONBLOCK"},
    {04010000, "O_SYNC"},     {010000, "O_DSYNC"},      {020000, "O_ASYNC"},
    {020040000, "O_TMPFILE"}, {040000, "O_DIRECTORY"},  {0100000, "O_NOFOLLOW"},
    {0200000, "O_DIRECT"},    {0400000, "O_LARGEFILE"}, {01000000, "O_NOATIME"},
    {02000000, "O_CLOEXEC"},  {010000000, "O_PATH"},
};
constexpr Name at_flags[] = {
    {0x100, "AT_SYMLINK_NOFOLLOW"}, {0x200, "AT_REMOVEDIR"},   {0x400, "AT_SYMLINK_FOLLOW"},
    {0x800, "AT_NO_AUTOMOUNT"},     {0x1000, "AT_EMPTY_PATH"}, {0x2000, "AT_STATX_FORCE_SYNC"},
    {0x4000, "AT_STATX_DONT_SYNC"}, {0x8000, "AT_RECURSIVE"},
};
constexpr Name access_modes[] = {{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}};
constexpr Name protections[] = {
    {1, "PROT_READ"},
    {2, "PROT_WRITE"},
    {4, "PROT_EXEC"},
    {0x10, "PROT_BTI"},
    {0x20, "PROT_MTE"},
    {0x01000000, "PROT_GROWSDOWN"},
    {0x02000000, "PROT_GROWSUP"},
};
// MAP_SHARED_VALIDATE is both of the first two, so it stands before them.
constexpr Name map_flags[] = {
    {3, "MAP_SHARED_VALIDATE"}, {1, "MAP_SHARED"},
    {2, "MAP_PRIVATE"},         {0x10, "MAP_FIXED"},
    {0x20, "MAP_ANONYMOUS"},    {0x100, "MAP_GROWSDOWN"},
    {0x800, "MAP_DENYWRITE"},   {0x1000, "MAP_EXECUTABLE"},
    {0x2000, "MAP_LOCKED"},     {0x4000, "MAP_NORESERVE"},
    {0x8000, "MAP_POPULATE"},   {0x10000, "MAP_NONBLOCK"},
    {0x20000, "MAP_STACK"},     {0x40000, "MAP_HUGETLB"},
    {0x80000, "MAP_SYNC"},      {0x100000, "MAP_FIXED_NOREPLACE"},
};
constexpr Name clone_flags[] = {
    {0x100, "CLONE_VM"},
    {0x200, "CLONE_FS"},
    {0x400, "CLONE_FILES"},
    {0x800, "CLONE_SIGHAND"},
    {0x1000, "CLONE_PIDFD"},
    {0x2000, "CLONE_PTRACE"},
    {0x4000, "CLONE_VFORK"},
    {0x8000, "CLONE_PARENT"},
    {0x10000, "CLONE_THREAD"},
    {0x20000, "CLONE_NEWNS"},
    {0x40000, "CLONE_SYSVSEM"},
    {0x80000, "CLONE_SETTLS"},
    {0x100000, "CLONE_PARENT_SETTID"},
    {0x200000, "CLONE_CHILD_CLEARTID"},
    {0x400000, "CLONE_DETACHED"},
    {0x800000, "CLONE_UNTRACED"},
    {0x1000000, "CLONE_CHILD_SETTID"},
    {0x2000000, "CLONE_NEWCGROUP"},
    {0x4000000, "CLONE_NEWUTS"},
    {0x8000000, "CLONE_NEWIPC"},
    {0x10000000, "CLONE_NEWUSER"},
    {0x20000000, "CLONE_NEWPID"},
    {0x40000000, "CLONE_NEWNET"},
    {0x80000000, "CLONE_IO"},
};
constexpr Name futex_operations[] = {
    {0, "FUTEX_WAIT"},
    {1, "FUTEX_WAKE"},
    {2, "FUTEX_FD"},
    {3, "FUTEX_REQUEUE"},
    {4, "FUTEX_CMP_REQUEUE"},
    {5, "FUTEX_WAKE_OP"},
    {6, "FUTEX_LOCK_PI"},
    {7, "FUTEX_UNLOCK_PI"},
    {8, "FUTEX_TRYLOCK_PI"},
    {9, "FUTEX_WAIT_BITSET"},
    {10, "FUTEX_WAKE_BITSET"},
    {11, "FUTEX_WAIT_REQUEUE_PI"},
    {12, "FUTEX_CMP_REQUEUE_PI"},
    {13, "FUTEX_LOCK_PI2"},
};
constexpr Name futex_flags[] = {{128, "FUTEX_PRIVATE_FLAG"}, {256, "FUTEX_CLOCK_REALTIME"}};
constexpr Name whences[] = {
    {0, "SEEK_SET"}, {1, "SEEK_CUR"}, {2, "SEEK_END"}, {3, "SEEK_DATA"}, {4, "SEEK_HOLE"},
};
constexpr Name clocks[] = {
    {0, "CLOCK_REALTIME"},          {1, "CLOCK_MONOTONIC"},     {2, "CLOCK_PROCESS_CPUTIME_ID"},
    {3, "CLOCK_THREAD_CPUTIME_ID"}, {4, "CLOCK_MONOTONIC_RAW"}, {5, "CLOCK_REALTIME_COARSE"},
    {6, "CLOCK_MONOTONIC_COARSE"},  {7, "CLOCK_BOOTTIME"},      {8, "CLOCK_REALTIME_ALARM"},
    {9, "CLOCK_BOOTTIME_ALARM"},    {11, "CLOCK_TAI"},
};
constexpr Name advices[] = {
    {0, "MADV_NORMAL"},           {1, "MADV_RANDOM"},         {2, "MADV_SEQUENTIAL"},
    {3, "MADV_WILLNEED"},         {4, "MADV_DONTNEED"},       {8, "MADV_FREE"},
    {9, "MADV_REMOVE"},           {10, "MADV_DONTFORK"},      {11, "MADV_DOFORK"},
    {12, "MADV_MERGEABLE"},       {13, "MADV_UNMERGEABLE"},   {14, "MADV_HUGEPAGE"},
    {15, "MADV_NOHUGEPAGE"},      {16, "MADV_DONTDUMP"},      {17, "MADV_DODUMP"},
    {18, "MADV_WIPEONFORK"},      {19, "MADV_KEEPONFORK"},    {20, "MADV_COLD"},
    {21, "MADV_PAGEOUT"},         {22, "MADV_POPULATE_READ"}, {23, "MADV_POPULATE_WRITE"},
    {24, "MADV_DONTNEED_LOCKED"},
};
constexpr Name wait_options[] = {
    {1, "WNOHANG"},         {2, "WUNTRACED"},         {4, "WEXITED"},
    {8, "WCONTINUED"},      {0x1000000, "WNOWAIT"},   {0x20000000, "__WNOTHREAD"},
    {0x40000000, "__WALL"}, {0x80000000, "__WCLONE"},
};
constexpr Name epoll_operations[] = {
    {1, "EPOLL_CTL_ADD"},
    {2, "EPOLL_CTL_DEL"},
    {3, "EPOLL_CTL_MOD"},
};
constexpr Name fcntl_commands[] = {
    {0, "F_DUPFD"},         {1, "F_GETFD"},         {2, "F_SETFD"},
    {3, "F_GETFL"},         {4, "F_SETFL"},         {5, "F_GETLK"},
    {6, "F_SETLK"},         {7, "F_SETLKW"},        {8, "F_SETOWN"},
    {9, "F_GETOWN"},        {10, "F_SETSIG"},       {11, "F_GETSIG"},
    {15, "F_SETOWN_EX"},    {16, "F_GETOWN_EX"},    {36, "F_OFD_GETLK"},
    {37, "F_OFD_SETLK"},    {38, "F_OFD_SETLKW"},   {1024, "F_SETLEASE"},
    {1025, "F_GETLEASE"},   {1026, "F_NOTIFY"},     {1030, "F_DUPFD_CLOEXEC"},
    {1031, "F_SETPIPE_SZ"}, {1032, "F_GETPIPE_SZ"}, {1033, "F_ADD_SEALS"},
    {1034, "F_GET_SEALS"},
};
constexpr Name prctl_operations[] = {
    {1, "PR_SET_PDEATHSIG"},
    {2, "PR_GET_PDEATHSIG"},
    {3, "PR_GET_DUMPABLE"},
    {4, "PR_SET_DUMPABLE"},
    {7, "PR_GET_KEEPCAPS"},
    {8, "PR_SET_KEEPCAPS"},
    {15, "PR_SET_NAME"},
    {16, "PR_GET_NAME"},
    {21, "PR_GET_SECCOMP"},
    {22, "PR_SET_SECCOMP"},
    {23, "PR_CAPBSET_READ"},
    {24, "PR_CAPBSET_DROP"},
    {28, "PR_SET_SECUREBITS"},
    {29, "PR_SET_TIMERSLACK"},
    {30, "PR_GET_TIMERSLACK"},
    {35, "PR_SET_MM"},
    {36, "PR_SET_CHILD_SUBREAPER"},
    {37, "PR_GET_CHILD_SUBREAPER"},
    {38, "PR_SET_NO_NEW_PRIVS"},
    {39, "PR_GET_NO_NEW_PRIVS"},
    {41, "PR_SET_THP_DISABLE"},
    {42, "PR_GET_THP_DISABLE"},
    {47, "PR_CAP_AMBIENT"},
    {50, "PR_SVE_SET_VL"},
    {51, "PR_SVE_GET_VL"},
    {54, "PR_PAC_RESET_KEYS"},
    {55, "PR_SET_TAGGED_ADDR_CTRL"},
    {0x53564d41, "PR_SET_VMA"},
};
constexpr Name resources[] = {
    {0, "RLIMIT_CPU"},       {1, "RLIMIT_FSIZE"}, {2, "RLIMIT_DATA"},    {3, "RLIMIT_STACK"},
    {4, "RLIMIT_CORE"},      {5, "RLIMIT_RSS"},   {6, "RLIMIT_NPROC"},   {7, "RLIMIT_NOFILE"},
    {8, "RLIMIT_MEMLOCK"},   {9, "RLIMIT_AS"},    {10, "RLIMIT_LOCKS"},  {11, "RLIMIT_SIGPENDING"},
    {12, "RLIMIT_MSGQUEUE"}, {13, "RLIMIT_NICE"}, {14, "RLIMIT_RTPRIO"}, {15, "RLIMIT_RTTIME"},
};
constexpr Name mask_changes[] = {{0, "SIG_BLOCK"}, {1, "SIG_UNBLOCK"}, {2, "SIG_SETMASK"}};
constexpr Name domains[] = {
    {0, "AF_UNSPEC"},   {1, "AF_UNIX"},    {2, "AF_INET"},   {10, "AF_INET6"},
    {16, "AF_NETLINK"}, {17, "AF_PACKET"}, {40, "AF_VSOCK"},
};
constexpr Name socket_types[] = {
    {1, "SOCK_STREAM"},
    {2, "SOCK_DGRAM"},
    {3, "SOCK_RAW"},
    {5, "SOCK_SEQPACKET"},
};
constexpr Name socket_flags[] = {{02000000, "SOCK_CLOEXEC"}, {04000, "SOCK_NONBLOCK"}};

constexpr const char* signals[] = {
    "0",         "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};

using Names = std::span<const Name>;

void print_one(FormatSink& out, Names names, std::uint32_t value) {
    for (const Name& name : names)
        if (name.value == value) return out.put(name.text);
    format_to(out, "{:#x}", value);
}

/// Flags by name, joined by "|"; what has none as a number. `first` comes before them when not
/// empty.
void print_flags(FormatSink& out, Names names, std::uint32_t value, const char* zero = "0") {
    bool is_first = true;
    auto put = [&](auto print) {
        if (!is_first) out.put("|");
        is_first = false;
        print();
    };
    for (const Name& name : names) {
        if ((value & name.value) != name.value) continue;
        put([&] { out.put(name.text); });
        value &= ~name.value;
    }
    if (value != 0) put([&] { format_to(out, "{:#x}", value); });
    if (is_first) out.put(zero);
}

/// A command in the bits outside of `flags`, then the flags.
void print_command(FormatSink& out, Names commands, Names flags, std::uint32_t value) {
    std::uint32_t mask = 0;
    for (const Name& flag : flags) mask |= flag.value;
    print_one(out, commands, value & ~mask);
    if ((value & mask) == 0) return;
    out.put("|");
    print_flags(out, flags, value & mask);
}

void print_open_flags(FormatSink& out, std::uint32_t value) {
    static constexpr const char* modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    out.put(modes[value & 3]);
    if ((value & ~3u) == 0) return;
    out.put("|");
    print_flags(out, open_flags, value & ~3u);
}

void print_clone_flags(FormatSink& out, std::uint64_t value) {
    const auto signal = static_cast<int>(value & 0xff);
    const auto flags = static_cast<std::uint32_t>(value & ~0xffull);
    if (flags != 0 || signal == 0) print_flags(out, clone_flags, flags);
    if (signal == 0) return;
    if (flags != 0) out.put("|");
    print_signal(out, signal);
}

} // namespace

void print_signal(FormatSink& out, int signal) {
    if (signal >= 0 && signal < static_cast<int>(std::size(signals)))
        out.put(signals[signal]);
    else if (signal <= 64 && signal > 0)
        format_to(out, "SIGRT_{}", signal - 32);
    else
        format_to(out, "{}", signal);
}

bool print_named(FormatSink& out, ArgKind kind, std::uint64_t word) {
    const auto value = static_cast<std::uint32_t>(word);
    switch (kind) {
    case ArgKind::oflags_: print_open_flags(out, value); return true;
    case ArgKind::atflags_: print_flags(out, at_flags, value); return true;
    case ArgKind::access_: print_flags(out, access_modes, value, "F_OK"); return true;
    case ArgKind::prot_: print_flags(out, protections, value, "PROT_NONE"); return true;
    case ArgKind::mapflags_: print_flags(out, map_flags, value); return true;
    case ArgKind::cloneflags_: print_clone_flags(out, word); return true;
    case ArgKind::futexop_: print_command(out, futex_operations, futex_flags, value); return true;
    case ArgKind::whence_: print_one(out, whences, value); return true;
    case ArgKind::clock_: print_one(out, clocks, value); return true;
    case ArgKind::madvice_: print_one(out, advices, value); return true;
    case ArgKind::waitopts_: print_flags(out, wait_options, value); return true;
    case ArgKind::epollop_: print_one(out, epoll_operations, value); return true;
    case ArgKind::fcntlop_: print_one(out, fcntl_commands, value); return true;
    case ArgKind::prctlop_: print_one(out, prctl_operations, value); return true;
    case ArgKind::rlimit_: print_one(out, resources, value); return true;
    case ArgKind::sighow_: print_one(out, mask_changes, value); return true;
    case ArgKind::sockdomain_: print_one(out, domains, value); return true;
    case ArgKind::socktype_: print_command(out, socket_types, socket_flags, value); return true;
    case ArgKind::sig_: print_signal(out, static_cast<int>(value)); return true;
    default: return false;
    }
}

} // namespace drupe::syscall
