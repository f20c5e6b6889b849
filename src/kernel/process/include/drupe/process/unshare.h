// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <drupe/base/result.h>

#include <cstdint>

namespace drupe::process {

/// The running thread gets copies of what `flags` (CLONE_FILES, CLONE_FS) name and others use, too.
/// invalid: an unknown flag, or one that only a lone thread may give. not_permitted: a namespace.
/// no_memory. Context: a thread of a program.
Result<void> unshare(std::uint64_t flags);

} // namespace drupe::process
