// SPDX-License-Identifier: BSD-2-Clause
// Private.
#pragma once

namespace drupe::mm {
class AddressSpace;
}

namespace drupe::process {

/// From now on the running thread's user half is `space`; null: it has none.
void use_space(mm::AddressSpace* space);

} // namespace drupe::process
