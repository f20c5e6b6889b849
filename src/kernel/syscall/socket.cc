// SPDX-License-Identifier: BSD-2-Clause
// This kernel has no address family yet, and says so as Linux does for one it was built without:
// programs that only try whether there is a network go on.
#include <drupe/syscall/handlers.h>

namespace drupe::syscall {

Result<std::uint64_t> socket(int, int, int) { return Errc::address_family; }
Result<std::uint64_t> socketpair(int, int, int, VirtAddr) { return Errc::address_family; }

} // namespace drupe::syscall
