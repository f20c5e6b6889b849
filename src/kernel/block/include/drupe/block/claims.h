// SPDX-License-Identifier: BSD-2-Clause
// Pages of a volume that somebody brings into the cache, or keeps out of it while the device's
// content changes. Whoever puts in a page that was not there has claimed it first, so what was read
// from the device is never older than what the cache has let go.
#pragma once

#include <drupe/base/list.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sync/spin_lock.h>

#include <cstdint>

namespace drupe::block {

class Claims {
public:
    /// Waits until nobody else has any of the pages [first, end). A thread has one at a time, and
    /// touches no memory of a program meanwhile, which may be a page of the same volume. Context:
    /// thread, no spin lock held.
    class Claim {
    public:
        Claim(Claims& claims, std::uint64_t first, std::uint64_t end)
            : claims_(claims), first_(first), end_(end) {
            claims_.take(*this);
        }
        ~Claim() { claims_.give_back(*this); }
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;

    private:
        friend class Claims;
        Claims& claims_;
        const std::uint64_t first_, end_;
        ListHook hook_;
    };

private:
    void take(Claim& claim);
    bool try_take(Claim& claim);
    void give_back(Claim& claim);

    SpinLock<LockRank::volume> lock_;
    IntrusiveList<Claim, &Claim::hook_> claims_ GUARDED_BY(lock_);
    sched::WaitQueue waiters_;
};

} // namespace drupe::block
