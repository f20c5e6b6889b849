// SPDX-License-Identifier: BSD-2-Clause
// Names of the numbers that programs pass: flags, commands, signals. Pure; private to strace.
#pragma once

#include "rows.h"

#include <drupe/base/format.h>

namespace drupe::syscall {

/// Prints `value` as an argument of a kind whose numbers have names ("O_RDONLY|O_CLOEXEC"); false
/// when the kind's have none.
bool print_named(FormatSink& out, ArgKind kind, std::uint64_t value);
/// "SIGINT", "SIGRT_3", or the number.
void print_signal(FormatSink& out, int signal);

} // namespace drupe::syscall
