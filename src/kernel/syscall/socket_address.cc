// SPDX-License-Identifier: BSD-2-Clause
#include "socket_call.h"

#include <algorithm>

namespace drupe::syscall {

Result<net::Address> read_address(VirtAddr at, std::uint32_t length) {
    net::Address address;
    if (length > net::Address::most) return Errc::invalid;
    TRY(arch::copy_from_user(address.bytes, at, length));
    address.length = length;
    return address;
}

Result<void> write_address(const net::Address& address, VirtAddr at, VirtAddr length_at) {
    const auto room = TRY(arch::get_user<std::int32_t>(length_at));
    if (room < 0) return Errc::invalid;
    TRY(arch::copy_to_user(at, address.bytes,
                           std::min(static_cast<std::uint32_t>(room), address.length)));
    return arch::put_user(length_at, address.length);
}

} // namespace drupe::syscall
