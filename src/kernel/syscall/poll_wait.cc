// SPDX-License-Identifier: BSD-2-Clause
#include "poll_wait.h"

#include <drupe/time/clock.h>

#include <new>
#include <utility>

namespace drupe::syscall {

Result<void> PollWait::wait_for(Nanos deadline, bool& is_ready) {
    for (;;) {
        sched::prepare_to_wait();
        if (was_woken()) break;
        if (sched::interrupted()) {
            sched::finish_wait();
            return Errc::restart_no_handler;
        }
        if (deadline != Nanos::never() && time::now() >= deadline) {
            sched::finish_wait();
            is_ready = false;
            return {};
        }
        sched::block(deadline);
    }
    sched::finish_wait();
    is_ready = true;
    return {};
}

void PollWait::watch(sched::WaitQueue& queue) {
    Entry* entry = nullptr;
    if (few_used_ < few) {
        entry = new (&few_[few_used_++]) Entry(*this, queue);
    } else {
        entry = new (std::nothrow) Entry(*this, queue);
        if (!entry) {
            failed_ = true;
            return;
        }
        entry->is_allocated = true;
    }
    entry->next = entries_;
    entries_ = entry;
    queue.add(*entry);
}

void PollWait::clear() {
    while (Entry* entry = std::exchange(entries_, entries_ ? entries_->next : nullptr)) {
        entry->queue.remove(*entry);
        const bool allocated = entry->is_allocated;
        if (allocated)
            delete entry;
        else
            entry->~Entry();
    }
    few_used_ = 0;
}

} // namespace drupe::syscall
