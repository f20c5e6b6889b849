// SPDX-License-Identifier: BSD-2-Clause
// What the files about SOL_SOCKET's options have in common. Private to this room.
#pragma once

#include "socket_call.h"

#include <cstddef>

namespace drupe::syscall {

/// What a program passes to setsockopt or getsockopt, apart from the socket.
struct OptionSet {
    int option;
    std::int32_t value; // the first bytes of what is at `at`
    VirtAddr at;
    std::uint32_t length; // at least of `value`
};
struct OptionGet {
    int option;
    VirtAddr at, length_at;
    std::uint32_t room; // what stands at length_at
};

/// As much of the value as the program has room for, and how much that is.
Result<Word> put_value(const void* value, std::size_t size, VirtAddr at, VirtAddr length_at);

/// May the program administer the network?
bool is_network_administrator();

/// Options of devices, queues and filters. no_option: it is none of these.
Result<void> set_rare_option(net::Socket& socket, const OptionSet& set);
Result<Word> get_rare_option(net::Socket& socket, const OptionGet& get);
Result<void> attach_filter(net::Socket& socket, const OptionSet& set);
Result<void> detach_filter(net::Socket& socket);
Result<Word> get_filter(net::Socket& socket, const OptionGet& get);
/// SO_BINDTODEVICE, whose value is a name of any length.
Result<void> bind_to_device(net::Socket& socket, VirtAddr at, std::uint32_t length);

} // namespace drupe::syscall
