// SPDX-License-Identifier: BSD-2-Clause
// A target's input as a parser of messages takes it; and whether what it gives back lies in there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace fuzz {

struct Bytes {
    const std::uint8_t* data;
    std::size_t count;
    std::span<const std::byte> all() const {
        return {reinterpret_cast<const std::byte*>(data), count};
    }
    bool holds(std::string_view text) const {
        const auto* first = reinterpret_cast<const char*>(data);
        return text.data() >= first && text.data() + text.size() <= first + count;
    }
};

} // namespace fuzz
