// SPDX-License-Identifier: BSD-2-Clause
// What the table says about each call, for messages: its name and how to print its arguments.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drupe::syscall {

enum class ArgKind : std::uint8_t {
#include "kinds.inc"
    count_
};

struct RowInfo {
    const char* name = nullptr; // null: Linux has no such call
    std::array<ArgKind, 6> kinds{};
    std::uint8_t kind_count = 0;
    bool is_reported = true;  // when missing
    bool needs_frame = false; // and so may not return, or return into another program
    bool gives_address = false;
};

/// `number` below arch::syscall_count.
const RowInfo& row_info(std::size_t number);

} // namespace drupe::syscall
