// SPDX-License-Identifier: BSD-2-Clause
// What the calls of System V's kinds have in common: commands, and the head of every report.
// [linux] uapi/linux/ipc.h, uapi/asm-generic/ipcbuf.h
#pragma once

#include <drupe/arch/user_access.h>
#include <drupe/ipc/object.h>
#include <drupe/process/process.h>

#include <cstdint>

namespace drupe::syscall {

enum IpcCommand : int { ipc_remove = 0, ipc_set = 1, ipc_status = 2, ipc_limits = 3 };
inline constexpr std::uint32_t ipc_no_wait = 04000;

/// struct ipc64_perm.
struct UserIpcOwner {
    std::int32_t key;
    std::uint32_t uid, gid, creator_uid, creator_gid, mode;
    std::uint16_t sequence, rest[3];
    std::uint64_t unused[2];
};
static_assert(sizeof(UserIpcOwner) == 48);

inline UserIpcOwner owner_of(const ipc::Object& object) REQUIRES(object.mutex) {
    const ipc::Ownership& o = object.owner;
    const auto sequence =
        static_cast<std::uint16_t>(static_cast<std::uint32_t>(object.id) / ipc::ObjectTable::most);
    return {object.key, o.uid, o.gid, o.creator_uid, o.creator_gid, o.mode, sequence, {}, {}};
}

inline ipc::NewOwner new_owner(const UserIpcOwner& given) {
    return {given.uid, given.gid, given.mode};
}

} // namespace drupe::syscall
