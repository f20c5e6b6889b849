// SPDX-License-Identifier: BSD-2-Clause
// What a program calls around its handlers: alternate stack, coming back, waiting for a signal.
#include "alternate_stack.h"

#include <drupe/process/process.h>
#include <drupe/process/return_to_user.h>

#include <drupe/arch/signal_frame.h>

namespace drupe::process {
namespace {

constexpr std::uint64_t minimum_stack = 5120; // MINSIGSTKSZ, [linux] arm64 asm/signal.h

std::uint32_t flags_of(const UserStack& stack) { return static_cast<std::uint32_t>(stack.flags); }

SigInfo take_one_locked(UserThread& self, SignalSet wanted) REQUIRES(self.process->actions->lock) {
    SigInfo info = self.pending.take(wanted);
    return info.signo != 0 ? info : self.process->pending.take(wanted);
}

} // namespace

bool is_on_alternate_stack(const UserThread& thread, std::uint64_t sp) {
    const UserStack& stack = thread.alternate;
    if ((flags_of(stack) & ss_autodisarm) != 0) return false;
    return sp > stack.sp && sp - stack.sp <= stack.size;
}

Result<UserStack> exchange_alternate_stack(const UserStack* fresh, std::uint64_t sp) {
    UserThread& self = current_user();
    UserStack old = self.alternate;
    const std::uint32_t state = old.size == 0                     ? std::uint32_t{ss_disable}
                                : is_on_alternate_stack(self, sp) ? std::uint32_t{ss_onstack}
                                                                  : 0;
    old.flags = static_cast<std::int32_t>(state | (flags_of(old) & ss_autodisarm));
    if (!fresh) return old;
    if (is_on_alternate_stack(self, sp)) return Errc::not_permitted;
    const std::uint32_t mode = flags_of(*fresh) & ~std::uint32_t{ss_autodisarm};
    if (mode != ss_disable && mode != ss_onstack && mode != 0) return Errc::invalid;
    if (mode == ss_disable) {
        self.alternate = {0, fresh->flags, 0, 0};
    } else {
        if (fresh->size < minimum_stack) return Errc::no_memory;
        self.alternate = {fresh->sp, fresh->flags, 0, fresh->size};
    }
    return old;
}

void return_from_handler(arch::TrapFrame& frame) {
    UserThread& self = current_user();
    self.restart.resume = nullptr;
    const Result<arch::SignalReturn> back = arch::pop_signal_frame(frame);
    if (!back) {
        self.fault_address = frame.sp();
        force_signal(SigInfo::from_fault(sigsegv, segv_map_error, frame.sp()));
        return;
    }
    const arch::SignalStack& stack = back.value().alternate;
    const UserStack fresh{stack.sp, stack.flags, 0, stack.size};
    (void)exchange_alternate_stack(&fresh, frame.sp()).ok(); // Linux ignores a bad one, too
    set_blocked(SignalSet(back.value().blocked));
}

Result<SigInfo> wait_for_signal(SignalSet wanted, Nanos deadline) {
    UserThread& self = current_user();
    wanted = wanted.without(never_blocked);
    SigInfo info;
    const auto take = [&] {
        IrqGuard guard{self.process->actions->lock};
        self.waiting_for = wanted; // a sender wakes this thread although it blocks the signal
        info = take_one_locked(self, wanted);
        return info.signo != 0;
    };
    sched::WaitQueue nobody_else;
    const Result<void> waited = nobody_else.wait_until(take, deadline);
    {
        IrqGuard guard{self.process->actions->lock};
        self.waiting_for = {};
    }
    if (waited) {
        complete_taken(info);
        return info;
    }
    return waited.error() == Errc::timed_out ? Errc::would_block : Errc::interrupted;
}

} // namespace drupe::process
