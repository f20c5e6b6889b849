// SPDX-License-Identifier: BSD-2-Clause
#include "transfer.h"

#include <algorithm>

namespace drupe::hostfs {

using share::Exchange;
using share::Piece;

void Transfer::send(std::span<const Piece> to_server, std::span<const Piece> from_server) {
    out = to_server;
    in = from_server;
    done = arrived;
    {
        IrqGuard guard{answers_.lock};
        is_answered_ = false;
    }
    device_.submit(*this);
}

void Transfer::arrived(Exchange& exchange) {
    auto& transfer = static_cast<Transfer&>(exchange);
    IrqGuard guard{transfer.answers_.lock};
    transfer.is_answered_ = true;
    transfer.answers_.changed.wake_all();
}

bool Transfer::wait(sched::Interruptible how) {
    const auto is_answered = [&] {
        IrqGuard guard{answers_.lock};
        return is_answered_;
    };
    return answers_.changed.wait_until(is_answered, Nanos::never(), how).ok();
}

Result<void> MessagePieces::gather(std::span<std::byte> request, std::span<const Piece> data,
                                   std::span<std::byte> reply, std::span<const Piece> room,
                                   std::uint32_t most) {
    if (2 + data.size() + room.size() > std::min<std::size_t>(capacity, most)) return Errc::too_big;
    count_ = 0;
    add(request, data);
    readable_ = count_;
    add(reply, room);
    return {};
}

void MessagePieces::add(std::span<std::byte> message, std::span<const Piece> data) {
    pieces_[count_++] = piece_of(message);
    for (const Piece& piece : data) pieces_[count_++] = piece;
}

MessageRoom::MessageRoom(Size size) : size_(size) {
    if (const auto frame = mm::alloc_frames(order()))
        memory_ = static_cast<std::byte*>(mm::phys_to_virt(frame.value()));
}

MessageRoom::~MessageRoom() {
    if (memory_) mm::free_frames(mm::virt_to_phys(memory_), order());
}

} // namespace drupe::hostfs
