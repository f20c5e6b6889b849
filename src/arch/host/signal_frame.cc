// SPDX-License-Identifier: BSD-2-Clause
// A signal frame of the simulator: everything that was, in one piece.
#include <drupe/arch/signal_frame.h>

#include <drupe/arch/user_access.h>

#include <algorithm>
#include <cstring>

namespace drupe::arch {
namespace {

constexpr std::uint64_t mark = 0x5349'4e46'524d;

struct Saved {
    std::byte info[128];
    std::uint64_t mark;
    TrapFrame registers;
    SignalReturn back;
};

} // namespace

Result<void> push_signal_frame(TrapFrame& frame, const SignalDelivery& delivery) {
    Saved saved{};
    std::memcpy(saved.info, delivery.info.data(),
                std::min(delivery.info.size(), sizeof saved.info));
    saved.mark = mark;
    saved.registers = frame;
    saved.back = {delivery.blocked, delivery.alternate};
    const VirtAddr at = align_down(delivery.stack - sizeof saved, 16);
    TRY(copy_to_user(at, &saved, sizeof saved));
    frame.args[0] = static_cast<std::uint64_t>(delivery.signo);
    frame.args[1] = raw(at);
    frame.args[2] = raw(at) + sizeof saved.info;
    frame.set_sp(raw(at));
    frame.set_pc(raw(delivery.handler));
    return {};
}

Result<SignalReturn> pop_signal_frame(TrapFrame& frame) {
    Saved saved;
    TRY(copy_from_user(&saved, VirtAddr{frame.sp()}, sizeof saved));
    if (saved.mark != mark) return Errc::corrupt;
    frame = saved.registers;
    return saved.back;
}

} // namespace drupe::arch
