// SPDX-License-Identifier: BSD-2-Clause
// Who a process is, and how much it may use.
#pragma once

#include <drupe/base/ref_ptr.h>

#include <array>
#include <cstdint>
#include <span>

namespace drupe::process {

/// Supplementary groups, immutable once made, shared by forks.
class GroupList : public RefCounted<GroupList> {
public:
    static constexpr std::size_t max = 65536;
    /// no_memory.
    static Result<RefPtr<GroupList>> create(std::size_t count);
    static void destroy(GroupList* list);
    std::span<std::uint32_t> ids() { return {reinterpret_cast<std::uint32_t*>(this + 1), count_}; }
    std::span<const std::uint32_t> ids() const {
        return {reinterpret_cast<const std::uint32_t*>(this + 1), count_};
    }

private:
    explicit GroupList(std::size_t count) : count_(count) {}
    std::size_t count_; // the ids follow the object
};

/// Shared by all threads of a process (Linux has them for each thread; the C libraries then make
/// them equal again). User 0 has every capability, nobody else has any.
struct Credentials {
    std::uint32_t uid = 0, euid = 0, suid = 0, fsuid = 0;
    std::uint32_t gid = 0, egid = 0, sgid = 0, fsgid = 0;
    RefPtr<GroupList> groups; // null: none
    bool no_new_privileges = false;
    bool keep_capabilities = false;

    bool is_privileged() const { return euid == 0; }
    bool in_group(std::uint32_t id) const;
};

/// RLIMIT_* of the generic ABI.
enum class Resource : std::uint8_t {
    cpu,
    file_size,
    data,
    stack,
    core,
    resident,
    processes,
    open_files,
    locked_memory,
    address_space,
    file_locks,
    pending_signals,
    message_queues,
    nice,
    realtime_priority,
    realtime_time,
    count
};
struct Limit {
    std::uint64_t soft, hard;
    static constexpr std::uint64_t infinite = ~std::uint64_t{0};
};
using Limits = std::array<Limit, static_cast<std::size_t>(Resource::count)>;
extern const Limits default_limits;

} // namespace drupe::process
