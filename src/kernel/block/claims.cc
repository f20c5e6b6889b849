// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/block/claims.h>

namespace drupe::block {

bool Claims::try_take(Claim& claim) {
    IrqGuard guard(lock_);
    for (const Claim& other : claims_)
        if (claim.first_ < other.end_ && other.first_ < claim.end_) return false;
    claims_.push_back(claim);
    return true;
}

void Claims::take(Claim& claim) {
    if (try_take(claim)) [[likely]]
        return;
    static_cast<void>(waiters_.wait_until([&] { return try_take(claim); }, Nanos::never(),
                                          sched::Interruptible::no));
}

void Claims::give_back(Claim& claim) {
    {
        IrqGuard guard(lock_);
        claims_.remove(claim);
    }
    waiters_.wake_all();
}

} // namespace drupe::block
