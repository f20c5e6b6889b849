// SPDX-License-Identifier: BSD-2-Clause
// SO_ATTACH_FILTER and its kin. [linux] net/core/filter.c
#include "socket_option.h"

namespace drupe::syscall {
namespace {

/// struct sock_fprog.
struct UserProgram {
    std::uint16_t count;
    std::uint64_t at;
};
static_assert(sizeof(UserProgram) == 16);

} // namespace

Result<void> attach_filter(net::Socket& socket, const OptionSet& set) {
    if (set.length != sizeof(UserProgram)) return Errc::invalid;
    const auto given = TRY(arch::get_user<UserProgram>(set.at));
    if (socket.has(net::switch_lock_filter)) return Errc::not_permitted;
    if (given.at == 0 || given.count == 0 || given.count > filter::longest) return Errc::invalid;
    RefPtr<net::SocketFilter> fresh = TRY(net::SocketFilter::create(given.count));
    const std::span program = fresh->program();
    TRY(arch::copy_from_user(program.data(), VirtAddr{given.at}, program.size_bytes()));
    TRY(fresh->check());
    return socket.set_filter(std::move(fresh));
}

Result<void> detach_filter(net::Socket& socket) {
    if (socket.has(net::switch_lock_filter)) return Errc::not_permitted;
    if (!socket.filter()) return Errc::not_found;
    return socket.set_filter({});
}

/// Room and length are numbers of instructions; without room only the length is told.
Result<Word> get_filter(net::Socket& socket, const OptionGet& get) {
    const RefPtr<net::SocketFilter> attached = socket.filter();
    std::span<const filter::Instruction> program;
    if (attached) program = attached->program();
    if (get.room != 0 && !program.empty()) {
        if (get.room < program.size()) return Errc::invalid;
        TRY(arch::copy_to_user(get.at, program.data(), program.size_bytes()));
    }
    TRY(arch::put_user(get.length_at, static_cast<std::int32_t>(program.size())));
    return Word{0};
}

} // namespace drupe::syscall
