// SPDX-License-Identifier: BSD-2-Clause
// The dispatch tables. The entry stubs index them and call; nothing stands between.
#include "table.h"
#include "missing.h"
#include "thunk.h"

#include <drupe/syscall/handlers.h>

namespace drupe::syscall {

namespace {

// The number travels behind the six arguments: that costs one instruction in each entry.
template <unsigned number>
std::int64_t missing(Word, Word, Word, Word, Word, Word) {
    return answer_missing(number);
}

constexpr arch::SyscallEntry with_frame[] = {
#define DRUPE_HANDLED(number, name, frame, blocks, address, kinds)                                 \
    Thunk<number, blocks, &name>::call,
#define DRUPE_MISSING(number, name, reported, address, kinds) missing<number>,
#define DRUPE_UNUSED(number) missing<number>,
#include "rows.inc"
#undef DRUPE_HANDLED
};

constexpr arch::SyscallEntry direct[] = {
#define DRUPE_HANDLED(number, name, frame, blocks, address, kinds)                                 \
    frame ? drupe_direct_with_frame : Thunk<number, blocks, &name>::call,
#include "rows.inc"
#undef DRUPE_HANDLED
#undef DRUPE_MISSING
#undef DRUPE_UNUSED
};

static_assert(std::size(with_frame) == arch::syscall_count &&
              std::size(direct) == arch::syscall_count);

} // namespace

const arch::SyscallEntry* plain_table() { return with_frame; }

} // namespace drupe::syscall

const drupe::arch::SyscallEntry* drupe_active_table = drupe::syscall::with_frame;
const drupe::arch::SyscallEntry* drupe_active_direct_table = drupe::syscall::direct;

std::int64_t drupe_unknown_syscall(std::uint64_t number) {
    return drupe::syscall::answer_missing(number);
}
