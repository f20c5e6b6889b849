// SPDX-License-Identifier: BSD-2-Clause
#include "transfer.h"

namespace drupe::hostfs {

using share::Exchange;
using share::Piece;

void Transfer::send(std::span<const Piece> to_server, std::span<const Piece> from_server) {
    out = to_server;
    in = from_server;
    done = arrived;
    is_answered_.store(false, std::memory_order_relaxed);
    device_.submit(*this);
}

void Transfer::arrived(Exchange& exchange) {
    auto& transfer = static_cast<Transfer&>(exchange);
    sched::WaitQueue& answered = transfer.answered_;
    // Release pairs with the waiter's acquire: it sees the answer. Behind it this may be gone.
    transfer.is_answered_.store(true, std::memory_order_release);
    answered.wake_all();
}

bool Transfer::wait(sched::Interruptible how) {
    const auto is_answered = [&] { return is_answered_.load(std::memory_order_acquire); };
    return answered_.wait_until(is_answered, Nanos::never(), how).ok();
}

MessageRoom::MessageRoom(Size size) : size_(size) {
    if (const auto frame = mm::alloc_frames(order()))
        memory_ = static_cast<std::byte*>(mm::phys_to_virt(frame.value()));
}

MessageRoom::~MessageRoom() {
    if (memory_) mm::free_frames(mm::virt_to_phys(memory_), order());
}

} // namespace drupe::hostfs
