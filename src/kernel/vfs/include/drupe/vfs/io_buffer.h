// SPDX-License-Identifier: BSD-2-Clause
// Where read and write put and take bytes: the program's memory or the kernel's, in one piece or
// in several (readv).
#pragma once

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
    /// Moves up to `bytes` from the front of the buffer; shortens it by what moved. fault when not
    /// even one byte could be moved. May sleep (page faults): no spin lock is held.
    Result<std::size_t> put(const void* from, std::size_t bytes); // into the buffer (read path)
    Result<std::size_t> take(void* to, std::size_t bytes);        // out of the buffer (write path)
    Result<std::size_t> put_zeros(std::size_t bytes);
    /// Forgets everything beyond the first `bytes`.
    void limit(std::size_t bytes) {
        if (bytes < total_) total_ = bytes;
    }
    void skip(std::size_t bytes);

private:
    IoBuffer(std::uint64_t at, std::size_t bytes, bool user)
        : at_(at), here_(bytes), total_(bytes), user_(user) {}
    template <class Move>
    Result<std::size_t> each(std::size_t bytes, Move move);
    std::uint64_t at_;
    std::size_t here_;  // left of the current piece
    std::size_t total_; // left altogether; pieces may hold more
    const IoVector* next_ = nullptr;
    bool user_;
};

} // namespace drupe::vfs
