// SPDX-License-Identifier: BSD-2-Clause
// Puts the vDSO where exec finds it.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

namespace drupe::vdso {

/// Once at boot, after mm and time, before the first program. `direct_entry`: where direct system
/// calls enter the kernel, 0 when programs run in isolation. no_memory.
Result<void> install(VirtAddr direct_entry);

} // namespace drupe::vdso
