// SPDX-License-Identifier: BSD-2-Clause
// What the kernel needs of a device that keeps blocks. Drivers implement it. A sector is 512 bytes,
// whatever the device's own blocks are.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::block {

inline constexpr unsigned sector_shift = 9;
inline constexpr std::uint32_t sector_bytes = 1u << sector_shift;

enum class Operation : std::uint8_t { read, write, flush, discard, write_zeroes };
inline constexpr unsigned operation_count = 5;
inline constexpr std::string_view operation_names[operation_count] = {"read", "write", "flush",
                                                                      "discard", "write-zeroes"};

/// Memory that data comes from or goes to. In RAM; as long as whole blocks of the device. Of
/// several all but the first begin, and all but the last end where pages do.
struct Segment {
    PhysAddr at;
    std::uint32_t bytes;
};

/// The submitter's until it is submitted, and again from the call of `done` on.
struct Request {
    Operation operation;
    std::uint64_t sector = 0;
    std::uint64_t sectors = 0;           // discard and write_zeroes
    std::span<const Segment> segments{}; // read and write: at most Limits::segments
    /// Runs once, in any context, interrupts masked; `outcome` is set. It may free the request.
    void (*done)(Request& request) = nullptr;
    Errc outcome = Errc::ok;     // io, not_supported, read_only, no_space; invalid: see Limits
    ListHook hook;               // the driver's, while it has the request
    void* driver_data = nullptr; // the same
};

struct Limits {
    std::uint64_t sectors = 0;             // how large the device is
    std::uint32_t block_bytes = 512;       // the least it reads and writes
    std::uint32_t physical_bytes = 512;    // the least it writes without reading before
    std::uint32_t best_bytes = 0;          // what it likes best; 0: does not say
    std::uint32_t segments = 1;            // of one request
    std::uint32_t segment_bytes = 1 << 20; // of one segment
    std::uint64_t discard_sectors = 0;     // of one request; 0: it cannot
    std::uint64_t zero_sectors = 0;
    bool is_read_only = false;
};

class BlockDevice {
public:
    /// What its disk is to be called; empty: by the next letter.
    virtual std::string_view name() const { return {}; }
    virtual const Limits& limits() const = 0;
    /// Takes the request; order among requests under way is the device's choice. A flush covers
    /// what was done before it is submitted. Context: any, no spin lock of rank device_queue or
    /// lower held.
    virtual void submit(Request& request) = 0;
    /// A request that was submitted has been under way for longer than it should. A device that can
    /// be brought to its senses makes it fail. It may be done meanwhile. Context: thread.
    virtual void recover(Request&) {}

protected:
    ~BlockDevice() = default;
};

} // namespace drupe::block
