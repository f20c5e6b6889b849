// SPDX-License-Identifier: BSD-2-Clause
// How a call and its result look in strace's lines. Reads the program's memory. Private to strace.
#pragma once

#include "rows.h"

#include <drupe/base/format.h>

#include <array>

namespace drupe::syscall {

struct CallWords {
    std::array<std::uint64_t, 6> args;
};

/// True when what the argument shows is known only after the call.
bool is_output(ArgKind kind);
/// Prints argument `at`. `result`: of the call, when it has one already.
void print_argument(FormatSink& out, const RowInfo& row, const CallWords& call, std::size_t at,
                    const std::int64_t* result);
/// Prints what came back: a number, an address, or an error with its name.
void print_result(FormatSink& out, const RowInfo& row, std::int64_t result);

} // namespace drupe::syscall
