// SPDX-License-Identifier: BSD-2-Clause
#include "growing_struct.h"

#include <drupe/process/lifecycle.h>
#include <drupe/syscall/handlers.h>

#include <drupe/mm/address_space.h>

namespace drupe::syscall {
namespace {

using namespace process;

/// struct clone_args, version 2. [linux] uapi/linux/sched.h
struct CloneArgs {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    std::uint64_t set_tid, set_tid_size;
    std::uint64_t cgroup;
};
static_assert(sizeof(CloneArgs) == 88);
constexpr std::uint64_t first_version_bytes = 64;

constexpr std::uint64_t known_flags = 0xffff'ffff | clone_clear_sighand | clone_into_cgroup;
constexpr std::uint64_t clone_newtime = 0x80; // lies where clone(2) has the signal
constexpr std::uint64_t most_ids = 32;        // MAX_PID_NS_LEVEL

/// Numbers in the namespaces from the innermost out; there is one.
Result<void> check_wanted_ids(const CloneArgs& args) {
    if (args.set_tid_size > most_ids || (args.set_tid == 0) != (args.set_tid_size == 0))
        return Errc::invalid;
    return {};
}

Result<void> check_stack(const CloneArgs& args) {
    if ((args.stack == 0) != (args.stack_size == 0)) return Errc::invalid;
    constexpr std::uint64_t end = raw(mm::AddressSpace::user_end);
    if (args.stack > end || args.stack_size > end - args.stack) return Errc::invalid;
    return {};
}

Result<void> check(const CloneArgs& args, std::uint64_t size) {
    TRY(check_wanted_ids(args));
    if (args.exit_signal > static_cast<std::uint64_t>(signal_count)) return Errc::invalid;
    if ((args.flags & clone_into_cgroup) != 0 && (args.cgroup > INT32_MAX || size < sizeof args))
        return Errc::invalid;
    if ((args.flags & ~known_flags) != 0) return Errc::invalid;
    if ((args.flags & (clone_detached | (clone_signal_mask & ~clone_newtime))) != 0)
        return Errc::invalid;
    if ((args.flags & (clone_thread | clone_parent)) != 0 && args.exit_signal != 0)
        return Errc::invalid;
    return check_stack(args);
}

} // namespace

Result<std::uint64_t> clone3(VirtAddr at, std::uint64_t size) {
    const auto args = TRY(get_growing<CloneArgs>(at, size, first_version_bytes));
    TRY(check(args, size));
    CloneRequest request{.flags = args.flags | args.exit_signal,
                         .stack = VirtAddr{args.stack + args.stack_size},
                         .parent_tid = VirtAddr{args.parent_tid},
                         .tls = VirtAddr{args.tls},
                         .child_tid = VirtAddr{args.child_tid},
                         .pidfd = VirtAddr{args.pidfd}};
    // One word cannot hold both.
    if ((args.flags & clone_pidfd) != 0 && (args.flags & clone_parent_settid) != 0 &&
        args.pidfd == args.parent_tid)
        return Errc::invalid;
    if (args.set_tid_size > 1) return Errc::invalid;
    if (args.set_tid_size == 1) {
        request.wanted_id = TRY(arch::get_user<std::int32_t>(VirtAddr{args.set_tid}));
        if (request.wanted_id == 0) return Errc::invalid;
    }
    return static_cast<std::uint64_t>(TRY(process::clone(*sched::current().user_frame, request)));
}

} // namespace drupe::syscall
