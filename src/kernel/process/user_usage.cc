// SPDX-License-Identifier: BSD-2-Clause
// A record for each user that has ever had something in use, found without a lock. Records stay:
// machines like this one have few users, and whoever counts needs no say in when one may go.
#include <drupe/process/user_usage.h>

#include <drupe/base/assert.h>

#include <array>
#include <atomic>
#include <new>

namespace drupe::process {
namespace {

struct Record {
    std::uint32_t uid;
    Record* next; // does not change once the record can be found
    // Each count stands for itself, so relaxed.
    std::atomic<std::uint64_t> used[static_cast<unsigned>(PerUser::count)] = {};
};

constinit std::array<std::atomic<Record*>, 64> buckets{};

std::atomic<Record*>& bucket_of(std::uint32_t uid) { return buckets[uid % buckets.size()]; }

Record* find(Record* first, std::uint32_t uid) {
    while (first && first->uid != uid) first = first->next;
    return first;
}

/// Acquire pairs with the release in find_or_make(): a record is found whole.
Record* find(std::uint32_t uid) {
    return find(bucket_of(uid).load(std::memory_order_acquire), uid);
}

/// Null: there is no memory.
Record* find_or_make(std::uint32_t uid) {
    if (Record* known = find(uid)) [[likely]]
        return known;
    auto* fresh = new (std::nothrow) Record{.uid = uid, .next = nullptr};
    if (!fresh) return nullptr;
    std::atomic<Record*>& bucket = bucket_of(uid);
    fresh->next = bucket.load(std::memory_order_acquire);
    for (;;) {
        // Another CPU may have been faster.
        if (Record* other = find(fresh->next, uid)) {
            delete fresh;
            return other;
        }
        // Acquire, too: what another CPU has put there is looked into.
        if (bucket.compare_exchange_weak(fresh->next, fresh, std::memory_order_acq_rel))
            return fresh;
    }
}

std::atomic<std::uint64_t>& used_in(Record& record, PerUser what) {
    return record.used[static_cast<unsigned>(what)];
}

} // namespace

std::uint64_t used_by(std::uint32_t uid, PerUser what) {
    Record* const record = find(uid);
    return record ? used_in(*record, what).load(std::memory_order_relaxed) : 0;
}

bool use_more(std::uint32_t uid, PerUser what, std::uint64_t amount, std::uint64_t limit) {
    if (amount > limit) return false;
    Record* const record = find_or_make(uid);
    if (!record) return false;
    std::atomic<std::uint64_t>& used = used_in(*record, what);
    std::uint64_t before = used.load(std::memory_order_relaxed);
    do
        if (before > limit - amount) return false;
    while (!used.compare_exchange_weak(before, before + amount, std::memory_order_relaxed));
    return true;
}

void use_less(std::uint32_t uid, PerUser what, std::uint64_t amount) {
    Record* const record = find(uid);
    DRUPE_ASSERT(record);
    const std::uint64_t before =
        used_in(*record, what).fetch_sub(amount, std::memory_order_relaxed);
    DRUPE_ASSERT(before >= amount);
}

} // namespace drupe::process
