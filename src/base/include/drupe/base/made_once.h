// SPDX-License-Identifier: BSD-2-Clause
// What the first who needs it makes and everybody uses from then on. It is not deleted with this.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>

#include <atomic>

namespace drupe {

template <class T>
class MadeOnce {
public:
    /// Null: nobody has needed it yet.
    T* get() const { return made_.load(std::memory_order_acquire); } // pairs with the exchange
    /// make() returns a Result of an owner, of which the first is kept; fails as it does. Of two
    /// who make it at once, the slower one drops its own.
    template <class Make>
    Result<T*> get_or_make(Make make) {
        if (T* known = get()) return known;
        auto fresh = TRY(make());
        T* none = nullptr;
        if (made_.compare_exchange_strong(none, fresh.get(), std::memory_order_acq_rel))
            return fresh.leak();
        return none;
    }
    /// no_memory.
    Result<T*> get_or_make() { return get_or_make(make_own<T>); }

private:
    std::atomic<T*> made_{nullptr};
};

} // namespace drupe
