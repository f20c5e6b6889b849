// SPDX-License-Identifier: BSD-2-Clause
// A program that chooses what a socket receives, as it is attached.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/filter/filter.h>

#include <cstddef>
#include <span>

namespace drupe::net {

/// Immutable once it has been checked.
class SocketFilter : public RefCounted<SocketFilter> {
public:
    /// Room for `count` instructions, which are yet to be written. no_memory.
    static Result<RefPtr<SocketFilter>> create(std::size_t count);
    static void destroy(SocketFilter* filter);
    std::span<filter::Instruction> program() {
        return {reinterpret_cast<filter::Instruction*>(this + 1), count_};
    }
    /// invalid; no_memory.
    Result<void> check();

private:
    explicit SocketFilter(std::size_t count) : count_(count) {}
    std::size_t count_; // the instructions follow the object
};

} // namespace drupe::net
