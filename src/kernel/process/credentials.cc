// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/credentials.h>

#include <algorithm>
#include <new>

namespace drupe::process {

Result<RefPtr<GroupList>> GroupList::create(std::size_t count) {
    DRUPE_ASSERT(count <= max);
    void* memory = ::operator new(sizeof(GroupList) + count * sizeof(std::uint32_t), std::nothrow);
    if (!memory) return Errc::no_memory;
    return RefPtr<GroupList>::adopt(new (memory) GroupList(count));
}

void GroupList::destroy(GroupList* list) {
    list->~GroupList();
    ::operator delete(list);
}

bool Credentials::in_group(std::uint32_t id) const {
    if (id == egid || id == gid) return true;
    if (!groups) return false;
    const auto ids = groups->ids();
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

namespace {
constexpr Limits make_default_limits() {
    constexpr Limit unlimited{Limit::infinite, Limit::infinite};
    Limits limits{};
    limits.fill(unlimited);
    const auto set = [&](Resource resource, std::uint64_t soft, std::uint64_t hard) {
        limits[static_cast<std::size_t>(resource)] = {soft, hard};
    };
    // What a login on Linux gets: [linux] include/asm-generic/resource.h, and systemd's number of
    // open files.
    set(Resource::stack, 8 * 1024 * 1024, Limit::infinite);
    set(Resource::core, 0, Limit::infinite);
    set(Resource::open_files, 1024, 1'048'576);
    set(Resource::processes, 31'192, 31'192);
    set(Resource::locked_memory, 8 * 1024 * 1024, 8 * 1024 * 1024);
    set(Resource::pending_signals, 31'192, 31'192);
    set(Resource::message_queues, 819'200, 819'200);
    set(Resource::nice, 0, 0);
    set(Resource::realtime_priority, 0, 0);
    return limits;
}
} // namespace

const Limits default_limits = make_default_limits();

} // namespace drupe::process
