// SPDX-License-Identifier: BSD-2-Clause
#include "buddy.h"

#include <algorithm>
#include <bit>

namespace drupe::mm {

void Buddy::push(PhysAddr base, unsigned order) {
    auto* block = static_cast<Block*>(phys_to_virt(base));
    block->prev = nullptr;
    block->next = heads_[order];
    if (block->next) block->next->prev = block;
    heads_[order] = block;
    not_empty_ |= 1u << order;
    Frame& frame = frame_of(base);
    frame.order = static_cast<std::uint8_t>(order);
    frame.flags = frame_free;
}

void Buddy::unlink(PhysAddr base, unsigned order) {
    auto* block = static_cast<Block*>(phys_to_virt(base));
    if (block->prev)
        block->prev->next = block->next;
    else
        heads_[order] = block->next;
    if (block->next) block->next->prev = block->prev;
    if (!heads_[order]) not_empty_ &= ~(1u << order);
    frame_of(base).flags = 0;
}

bool Buddy::take(unsigned order, PhysAddr& out) {
    const std::uint32_t fitting = not_empty_ >> order << order;
    if (fitting == 0) return false;
    auto have = static_cast<unsigned>(std::countr_zero(fitting));
    out = virt_to_phys(heads_[have]);
    unlink(out, have);
    while (have > order) {
        have--;
        push(out + (page_size << have), have);
    }
    free_ -= std::size_t{1} << order;
    return true;
}

void Buddy::put(PhysAddr base, unsigned order) {
    free_ += std::size_t{1} << order;
    const detail::Bank& bank = *detail::bank_of(raw(base));
    // A block and its buddy lie in one chunk (chunks are at least as large as the largest block),
    // so the buddy has a record when it lies in the bank at all.
    for (; order < max_frame_order; order++) {
        const std::uint64_t buddy = raw(base) ^ (page_size << order);
        if (buddy - bank.base >= bank.bytes) break;
        const Frame& record = bank.records[(buddy - bank.base) >> page_shift];
        if ((record.flags & frame_free) == 0 || record.order != order) break;
        unlink(PhysAddr{buddy}, order);
        base = PhysAddr{std::min(raw(base), buddy)};
    }
    push(base, order);
}

void Buddy::put_range(std::uint64_t from, std::uint64_t to) {
    while (from < to) {
        const auto fits = static_cast<unsigned>(std::bit_width((to - from) >> page_shift)) - 1;
        const auto aligned = static_cast<unsigned>(std::countr_zero(from >> page_shift));
        const unsigned order = std::min({fits, aligned, max_frame_order});
        put(PhysAddr{from}, order);
        from += page_size << order;
    }
}

} // namespace drupe::mm
