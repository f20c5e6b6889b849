// SPDX-License-Identifier: BSD-2-Clause
// A record for each user that has something in use; machines like this one have few users.
#include <drupe/process/user_usage.h>

#include <drupe/base/assert.h>
#include <drupe/sync/spin_lock.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

namespace drupe::process {
namespace {

struct Record {
    std::uint32_t uid;
    std::uint64_t used[static_cast<unsigned>(PerUser::count)] = {};
    Record* next;
};

struct State {
    SpinLock<LockRank::user_usage> lock;
    Record* records GUARDED_BY(lock) = nullptr;
};
constinit State state;

/// Where the user's record is referred to, or would be.
Record** find(std::uint32_t uid) REQUIRES(state.lock) {
    Record** at = &state.records;
    while (*at && (*at)->uid != uid) at = &(*at)->next;
    return at;
}

std::uint64_t& used_in(Record& record, PerUser what) {
    return record.used[static_cast<unsigned>(what)];
}

} // namespace

std::uint64_t used_by(std::uint32_t uid, PerUser what) {
    IrqGuard guard{state.lock};
    Record* const record = *find(uid);
    return record ? used_in(*record, what) : 0;
}

bool use_more(std::uint32_t uid, PerUser what, std::uint64_t amount, std::uint64_t limit) {
    IrqGuard guard{state.lock};
    Record** const at = find(uid);
    if (amount > limit || (*at && used_in(**at, what) > limit - amount)) return false;
    if (!*at) *at = new (std::nothrow) Record{.uid = uid, .next = nullptr};
    if (!*at) return false;
    used_in(**at, what) += amount;
    return true;
}

void use_less(std::uint32_t uid, PerUser what, std::uint64_t amount) {
    IrqGuard guard{state.lock};
    Record** const at = find(uid);
    DRUPE_ASSERT(*at && used_in(**at, what) >= amount);
    used_in(**at, what) -= amount;
    if (std::any_of(std::begin((*at)->used), std::end((*at)->used),
                    [](std::uint64_t n) { return n != 0; }))
        return;
    delete std::exchange(*at, (*at)->next);
}

} // namespace drupe::process
