// SPDX-License-Identifier: BSD-2-Clause
#include "missing.h"

#include <drupe/syscall/errno.h>

namespace drupe::syscall {

std::int64_t answer_missing(std::uint64_t) { return to_return_value(Errc::not_implemented); }

} // namespace drupe::syscall
