// SPDX-License-Identifier: BSD-2-Clause
#include "controller.h"

#include <drupe/base/format.h>

#include <algorithm>
#include <cstring>

namespace drupe::nvme {
namespace {

using block::Operation;
using block::Request;

// [nvme] "Identify Namespace Data Structure"
enum Field : std::size_t {
    size = 0,
    features = 24,
    format_count = 25,
    format = 26,
    attributes = 99,
    write_unit = 64, // in blocks, less one
    best_write = 72,
    formats = 128,
};

template <class T>
T load(const std::byte* from, std::size_t offset) {
    T value;
    std::memcpy(&value, from + offset, sizeof value);
    return value;
}

} // namespace

Result<void> Namespace::init(unsigned controller_number, const std::byte* page) {
    const unsigned chosen = load<std::uint8_t>(page, format) & 0xf;
    const auto layout = load<std::uint32_t>(page, formats + chosen * 4);
    const unsigned exponent = layout >> 16 & 0xff; // log2 of a block's bytes
    const bool has_more = (layout & 0xffff) != 0;  // metadata with each block
    if (exponent < block::sector_shift || exponent > page_shift || has_more)
        return Errc::not_supported;
    block_shift_ = exponent - block::sector_shift;
    const auto blocks = load<std::uint64_t>(page, size);
    if (blocks >> (63 - exponent) != 0) return Errc::io;
    const Controller::Abilities& can = controller_.abilities();
    limits_.sectors = blocks << block_shift_;
    limits_.block_bytes = limits_.physical_bytes = 1u << exponent;
    if (load<std::uint8_t>(page, features) & 1 << 4) { // the units are said
        const std::uint32_t unit = (load<std::uint16_t>(page, write_unit) + 1u) << exponent;
        if ((unit & (unit - 1)) == 0) limits_.physical_bytes = unit;
        limits_.best_bytes = (load<std::uint16_t>(page, best_write) + 1u) << exponent;
    }
    limits_.segments = can.request_bytes / page_size;
    limits_.segment_bytes = can.request_bytes;
    // A command can say more; a device that takes long over it would look dead.
    if (can.can_discard) limits_.discard_sectors = std::uint64_t{1} << 22;
    if (can.can_zero) limits_.zero_sectors = can.request_bytes >> block::sector_shift;
    limits_.is_read_only = (load<std::uint8_t>(page, attributes) & 1) != 0;
    name_ = format_into(text_, "nvme{}n{}", controller_number, id_);
    return {};
}

/// Whether a command can express it.
bool Namespace::is_sound(const Request& request) const {
    const std::uint32_t mask = limits_.block_bytes - 1;
    if (((request.sector | request.sectors) << block::sector_shift & mask) != 0) return false;
    std::uint64_t bytes = 0, pages = 0;
    for (const block::Segment& segment : request.segments) {
        const std::uint64_t end = raw(segment.at) + segment.bytes;
        const bool is_first = &segment == &request.segments.front();
        const bool is_last = &segment == &request.segments.back();
        if ((!is_first && raw(segment.at) % page_size != 0) || (!is_last && end % page_size != 0) ||
            segment.bytes == 0 || (segment.bytes & mask) != 0 || raw(segment.at) % 4 != 0)
            return false;
        bytes += segment.bytes;
        pages += PageCount::covering((raw(segment.at) & page_mask) + segment.bytes).n;
    }
    return bytes <= controller_.abilities().request_bytes && pages <= most_pages;
}

void Namespace::submit(Request& request) {
    const bool is_flush = request.operation == Operation::flush;
    // A device that keeps nothing back has nothing to flush.
    if (is_flush && !controller_.abilities().keeps_back)
        request.outcome = Errc::ok;
    else if (limits_.is_read_only && !is_flush && request.operation != Operation::read)
        request.outcome = Errc::read_only;
    else if (!is_sound(request))
        request.outcome = Errc::invalid;
    else {
        request.driver_data = this;
        return controller_.submit(request);
    }
    request.done(request);
}

void Namespace::recover(Request& request) { controller_.recover(request); }

} // namespace drupe::nvme
