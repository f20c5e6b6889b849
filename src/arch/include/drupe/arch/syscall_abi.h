// SPDX-License-Identifier: BSD-2-Clause
// What the entry stubs and the kernel agree on about a system call. The stubs pass the six argument
// registers as they are and put the answer into the return register: a value, or -errno.
#pragma once

#include <cstdint>

namespace drupe::arch {

/// Entries of a table. Linux's numbers end at 450 today; the stubs compare with a power of two.
inline constexpr unsigned syscall_count = 512;

using SyscallEntry = std::int64_t (*)(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                      std::uint64_t, std::uint64_t);

/// Answers that never reach a program: a signal came while the call was blocked. kernel/process
/// replaces them on the way out by a repetition of the call or by `call_interrupted`.
enum CallOutcome : std::int64_t {
    call_restart = -512,            // repeat, unless a handler without SA_RESTART runs
    call_restart_always = -513,     // repeat, after a handler that ran
    call_restart_no_handler = -514, // repeat only when no handler runs
    call_interrupted = -4,          // what the program sees instead
};

} // namespace drupe::arch

extern "C" {
/// The tables in force, each of syscall_count entries; strace puts others in their place. The first
/// is for calls that arrive with a full frame (sched::current().user_frame is set), the second for
/// direct calls: in it, calls that need the frame lead to drupe_direct_with_frame, which makes one
/// and enters the first table with the number that is still in its register.
extern const drupe::arch::SyscallEntry* drupe_active_table;
extern const drupe::arch::SyscallEntry* drupe_active_direct_table;
/// For numbers the tables do not have. Answers like a call that is not implemented.
std::int64_t drupe_unknown_syscall(std::uint64_t number);
/// Assembly.
std::int64_t drupe_direct_with_frame(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                     std::uint64_t, std::uint64_t);
}
