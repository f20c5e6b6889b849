// SPDX-License-Identifier: BSD-2-Clause
// The frame a signal handler runs on: the architecture's part of delivering a signal and of coming
// back from it. Which signal, which stack and which mask is kernel/process's business.
#pragma once

#include <drupe/arch/trap.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::arch {

/// stack_t, kept in the frame so that a handler may change what comes back.
struct SignalStack {
    std::uint64_t sp;
    std::int32_t flags;
    std::int32_t padding;
    std::uint64_t size;
};

struct SignalDelivery {
    int signo;
    std::span<const std::byte> info; // the front of siginfo_t; the rest of its 128 bytes is zero
    VirtAddr handler;
    VirtAddr return_to;    // the vDSO's trampoline
    VirtAddr stack;        // the frame lies below
    std::uint64_t blocked; // what sigreturn restores
    SignalStack alternate;
    std::uint64_t fault_address = 0, fault_syndrome = 0; // of a fault; syndrome 0: none
};

struct SignalReturn {
    std::uint64_t blocked;
    SignalStack alternate;
};

/// Saves the program's registers below `stack` and makes `frame` enter the handler. fault: the
/// stack is not there; no_memory; the frame is unchanged then. Context: the thread itself, may
/// sleep.
Result<void> push_signal_frame(TrapFrame& frame, const SignalDelivery& delivery);
/// Undoes it from the frame the program's stack pointer points to. fault: unreadable; corrupt: not
/// a frame that could have been pushed; `frame` may be changed in part then, but never the mode.
Result<SignalReturn> pop_signal_frame(TrapFrame& frame);

} // namespace drupe::arch
