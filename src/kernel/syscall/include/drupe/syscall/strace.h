// SPDX-License-Identifier: BSD-2-Clause
// Prints every system call with decoded arguments and its result as a line of the log. Costs
// nothing while it is off: other tables take the place of the plain ones.
#pragma once

namespace drupe::syscall {

/// From the next call on. Context: any, once, before or while programs run.
void enable_strace();

} // namespace drupe::syscall
