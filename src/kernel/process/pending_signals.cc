// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/pending_signals.h>

#include <drupe/process/user_usage.h>

namespace drupe::process {

void PendingSignals::drop(QueuedSignal& node) {
    if (!node.is_allocated) return;
    use_less(node.charged_uid, PerUser::pending_signals, 1);
    delete &node;
}

bool PendingSignals::add(QueuedSignal& node) {
    const int signo = node.info.signo;
    if (!is_realtime(signo) && set_.has(signo)) return false;
    add_another(node);
    return true;
}

SigInfo PendingSignals::collect(int signo) {
    QueuedSignal* found = nullptr;
    bool more = false;
    for (QueuedSignal& node : queue_) {
        if (node.info.signo != signo) continue;
        if (found) {
            more = true;
            break;
        }
        found = &node;
    }
    if (!more) set_.remove(signo);
    if (!found) return SigInfo::from_kernel(signo);
    const SigInfo info = found->info;
    queue_.remove(*found);
    drop(*found);
    return info;
}

SigInfo PendingSignals::take(SignalSet among) {
    const SignalSet candidates = set_ & among;
    if (candidates.is_empty()) return {};
    const SignalSet urgent = candidates & synchronous_signals;
    return collect(urgent.is_empty() ? candidates.first() : urgent.first());
}

void PendingSignals::clear(SignalSet which) {
    if ((set_ & which).is_empty()) return;
    queue_.for_each_safe([&](QueuedSignal& node) {
        if (!which.has(node.info.signo)) return;
        queue_.remove(node);
        drop(node);
    });
    set_ = set_.without(which);
}

bool PendingSignals::withdraw(QueuedSignal& node) {
    bool here = false, more = false;
    for (QueuedSignal& other : queue_) {
        if (&other == &node)
            here = true;
        else if (other.info.signo == node.info.signo)
            more = true;
    }
    if (!here) return false;
    queue_.remove(node);
    if (!more) set_.remove(node.info.signo);
    return true;
}

} // namespace drupe::process
