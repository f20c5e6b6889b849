// SPDX-License-Identifier: BSD-2-Clause
// Signals sent and not yet taken: a set of bits and a queue of what is known about them. A bit
// without a queue entry is a signal of the kernel's that had no memory for more.
#pragma once

#include <drupe/process/signal.h>

namespace drupe::process {

/// Locking: the signal lock of the owning process.
class PendingSignals {
public:
    ~PendingSignals() { clear(SignalSet::all()); }
    SignalSet set() const { return set_; }
    /// A standard signal that is pending already is dropped: false, the node stays the caller's.
    bool add(QueuedSignal& node);
    /// As add(), but beside one that is pending already.
    void add_another(QueuedSignal& node) {
        set_.add(node.info.signo);
        queue_.push_back(node);
    }
    /// Without a node. False: it is pending already.
    bool add(int signo) {
        const bool is_new = !set_.has(signo);
        set_.add(signo);
        return is_new;
    }
    /// The next of `among` that is pending, synchronous ones first, then the lowest number; of one
    /// real-time signal the oldest. signo 0: none. A node that was allocated is freed.
    SigInfo take(SignalSet among);
    /// Forgets all of these.
    void clear(SignalSet which);
    /// Takes one node out, and the bit with the last of its kind. False: it is not queued here.
    bool withdraw(QueuedSignal& node);
    /// Frees a node that was allocated and is in no queue; leaves others alone.
    static void drop(QueuedSignal& node);

private:
    SigInfo collect(int signo);
    SignalSet set_;
    IntrusiveList<QueuedSignal, &QueuedSignal::hook> queue_;
};

} // namespace drupe::process
