// SPDX-License-Identifier: BSD-2-Clause
#include "rows.h"

#include <drupe/arch/syscall_abi.h>

namespace drupe::syscall {
namespace {

template <class... Kinds>
constexpr RowInfo row(const char* name, bool is_reported, bool needs_frame, bool gives_address,
                      Kinds... kinds) {
    return {name,        {kinds...},  static_cast<std::uint8_t>(sizeof...(kinds)),
            is_reported, needs_frame, gives_address};
}

#define DRUPE_UNPACK(...) __VA_OPT__(, ) __VA_ARGS__
#define DRUPE_HANDLED(number, name, frame, blocks, address, kinds)                                 \
    row(#name, true, frame, address DRUPE_UNPACK kinds),
#define DRUPE_MISSING(number, name, reported, address, kinds)                                      \
    row(#name, reported, false, address DRUPE_UNPACK kinds),
#define DRUPE_UNUSED(number) RowInfo{},
constexpr RowInfo rows[] = {
#include "rows.inc"
};
static_assert(std::size(rows) == arch::syscall_count);

} // namespace

const RowInfo& row_info(std::size_t number) { return rows[number]; }

} // namespace drupe::syscall
