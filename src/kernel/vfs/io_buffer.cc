// SPDX-License-Identifier: BSD-2-Clause
// Moving bytes between a file and a program or the kernel. See io_buffer.h.
#include <drupe/arch/user_access.h>
#include <drupe/vfs/io_buffer.h>

#include <algorithm>
#include <cstring>

namespace drupe::vfs {

IoBuffer IoBuffer::user(std::span<const IoVector> vectors) {
    IoBuffer buffer(0, 0, true);
    for (const IoVector& v : vectors) buffer.total_ += v.length;
    buffer.next_ = vectors.data();
    return buffer;
}

/// Calls move(address, bytes) -> bytes not moved, piece by piece.
template <class Move>
Result<std::size_t> IoBuffer::each(std::size_t bytes, Move move) {
    bytes = std::min(bytes, total_);
    std::size_t moved = 0;
    while (moved < bytes) {
        while (here_ == 0) next_piece();
        const std::size_t piece = std::min(here_, bytes - moved);
        const std::size_t left = move(at_, moved, piece);
        const std::size_t done = piece - left;
        at_ += done;
        here_ -= done;
        total_ -= done;
        moved += done;
        if (left != 0) break;
    }
    if (moved == 0 && bytes != 0) return Errc::fault;
    return moved;
}

Result<std::size_t> IoBuffer::put_slowly(const void* from, std::size_t bytes) {
    const auto* source = static_cast<const char*>(from);
    return each(bytes, [&](std::uint64_t at, std::size_t offset, std::size_t n) -> std::size_t {
        if (user_) return arch::copy_to_user_raw(VirtAddr{at}, source + offset, n);
        std::memcpy(reinterpret_cast<void*>(at), source + offset, n);
        return 0;
    });
}

Result<std::size_t> IoBuffer::take_slowly(void* to, std::size_t bytes) {
    auto* target = static_cast<char*>(to);
    return each(bytes, [&](std::uint64_t at, std::size_t offset, std::size_t n) -> std::size_t {
        if (user_) return arch::copy_from_user_raw(target + offset, VirtAddr{at}, n);
        std::memcpy(target + offset, reinterpret_cast<const void*>(at), n);
        return 0;
    });
}

Result<std::size_t> IoBuffer::put_zeros(std::size_t bytes) {
    return each(bytes, [&](std::uint64_t at, std::size_t, std::size_t n) -> std::size_t {
        if (user_) return arch::clear_user_raw(VirtAddr{at}, n);
        std::memset(reinterpret_cast<void*>(at), 0, n);
        return 0;
    });
}

void IoBuffer::skip(std::size_t bytes) {
    (void)each(bytes, [](std::uint64_t, std::size_t, std::size_t) { return std::size_t{0}; });
}

} // namespace drupe::vfs
