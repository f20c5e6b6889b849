// SPDX-License-Identifier: BSD-2-Clause
// Where read and write put and take bytes: the program's memory or the kernel's, in one piece or
// in several (readv).
#pragma once

#include <drupe/arch/user_access.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::vfs {

/// struct iovec as programs lay it out.
struct IoVector {
    std::uint64_t base;
    std::uint64_t length;
};

class IoBuffer {
public:
    static IoBuffer user(VirtAddr at, std::size_t bytes) { return {raw(at), bytes, true}; }
    static IoBuffer kernel(void* at, std::size_t bytes) {
        return {reinterpret_cast<std::uint64_t>(at), bytes, false};
    }
    static IoBuffer kernel(const void* at, std::size_t bytes) {
        return {reinterpret_cast<std::uint64_t>(at), bytes, false};
    }
    /// `vectors` (kernel memory, outlives the buffer) holds user addresses; the lengths' sum was
    /// checked to fit.
    static IoBuffer user(std::span<const IoVector> vectors);

    /// Bytes left.
    std::size_t size() const { return total_; }
    bool is_user() const { return user_; }
    /// Address and length of what lies in one piece at the front. Precondition: size() != 0.
    IoVector front() {
        while (here_ == 0) next_piece();
        return {at_, here_ < total_ ? here_ : total_};
    }
    /// Moves up to `bytes` from the front of the buffer; shortens it by what moved. fault when not
    /// even one byte could be moved. May sleep (page faults): no spin lock is held.
    /// Into the buffer (read path).
    Result<std::size_t> put(const void* from, std::size_t bytes) {
        if (!is_plain(bytes)) [[unlikely]]
            return put_slowly(from, bytes);
        return advance(bytes, arch::copy_to_user_raw(VirtAddr{at_}, from, bytes));
    }
    /// Out of the buffer (write path).
    Result<std::size_t> take(void* to, std::size_t bytes) {
        if (!is_plain(bytes)) [[unlikely]]
            return take_slowly(to, bytes);
        return advance(bytes, arch::copy_from_user_raw(to, VirtAddr{at_}, bytes));
    }
    Result<std::size_t> put_zeros(std::size_t bytes);
    /// Forgets everything beyond the first `bytes`.
    void limit(std::size_t bytes) {
        if (bytes < total_) total_ = bytes;
    }
    void skip(std::size_t bytes);

private:
    IoBuffer(std::uint64_t at, std::size_t bytes, bool user)
        : at_(at), here_(bytes), total_(bytes), user_(user) {}
    /// One piece of the program's memory, wholly wanted: nearly every call.
    bool is_plain(std::size_t bytes) const { return user_ && bytes <= here_ && bytes <= total_; }
    Result<std::size_t> advance(std::size_t bytes, std::size_t left) {
        const std::size_t done = bytes - left;
        at_ += done;
        here_ -= done;
        total_ -= done;
        if (done == 0 && bytes != 0) [[unlikely]]
            return Errc::fault;
        return done;
    }
    Result<std::size_t> put_slowly(const void* from, std::size_t bytes);
    Result<std::size_t> take_slowly(void* to, std::size_t bytes);
    void next_piece() {
        at_ = next_->base;
        here_ = next_->length;
        next_++;
    }
    template <class Move>
    Result<std::size_t> each(std::size_t bytes, Move move);
    std::uint64_t at_;
    std::size_t here_;  // left of the current piece
    std::size_t total_; // left altogether; pieces may hold more
    const IoVector* next_ = nullptr;
    bool user_;
};

} // namespace drupe::vfs
