// SPDX-License-Identifier: BSD-2-Clause
// [linux] ipc/sem.c: one call's operations, all or none of them, and what is taken back when those
// that did them end.
#include "semaphores_internal.h"

#include <drupe/process/user_thread.h>

#include <algorithm>
#include <new>

namespace drupe::ipc {

Errc SemaphoreSet::apply(Pending& pending, const SemaphoreOp& op) {
    Semaphore& semaphore = semaphores_[op.number];
    const int value = semaphore.value + op.change;
    if ((op.change == 0 && semaphore.value != 0) || value < 0) {
        pending.blocking = &op;
        return op.flags & SemaphoreOp::no_wait ? Errc::would_block : Errc::restart;
    }
    if (value > most_value) return Errc::out_of_range;
    if (op.flags & SemaphoreOp::undo) {
        std::int16_t& adjustment = pending.undo->adjustments()[op.number];
        const int wanted = adjustment - op.change;
        if (wanted < -most_value - 1 || wanted > most_value) return Errc::out_of_range;
        adjustment = static_cast<std::int16_t>(wanted);
    }
    semaphore.value = value;
    return Errc::ok;
}

void SemaphoreSet::take_back(Pending& pending, const SemaphoreOp* end) {
    for (const SemaphoreOp* op = pending.ops.data(); op != end; op++) {
        semaphores_[op->number].value -= op->change;
        if (op->flags & SemaphoreOp::undo) {
            std::int16_t& adjustment = pending.undo->adjustments()[op->number];
            adjustment = static_cast<std::int16_t>(adjustment + op->change);
        }
    }
}

Errc SemaphoreSet::attempt(Pending& pending) {
    for (const SemaphoreOp& op : pending.ops) {
        const Errc outcome = apply(pending, op);
        if (outcome == Errc::ok) continue;
        take_back(pending, &op);
        return outcome;
    }
    for (const SemaphoreOp& op : pending.ops) semaphores_[op.number].last_pid = pending.pid;
    return Errc::ok;
}

void SemaphoreSet::apply_undo(Undo& undo) {
    const std::int32_t pid = caller_pid();
    for (std::uint32_t i = 0; i < count; i++) {
        const std::int16_t adjustment = undo.adjustments()[i];
        if (adjustment == 0) continue;
        semaphores_[i] = {std::clamp(semaphores_[i].value + adjustment, 0, most_value), pid};
    }
    operated_ = seconds_now();
    settle();
}

Result<SemaphoreSet::Undo*> SemaphoreSet::Undo::create(SemaphoreSet& set) {
    const std::size_t bytes = sizeof(Undo) + set.count * sizeof(std::int16_t);
    void* memory = ::operator new(bytes, std::nothrow);
    if (!memory) return Errc::no_memory;
    auto* undo = new (memory) Undo;
    undo->set = RefPtr<SemaphoreSet>(&set);
    std::ranges::fill(undo->adjustments(), std::int16_t{0});
    return undo;
}

void SemaphoreSet::Undo::destroy(Undo* undo) {
    {
        sched::MutexGuard guard(undo->set->mutex);
        undo->set->queues_->undos.remove(*undo);
    }
    undo->~Undo();
    ::operator delete(undo);
}

UndoRecord::~UndoRecord() {
    while (Undo* undo = undos_.pop_front()) {
        {
            sched::MutexGuard guard(undo->set->mutex);
            if (!undo->set->is_removed) undo->set->apply_undo(*undo);
        }
        Undo::destroy(undo);
    }
}

SemaphoreSet::Undo* UndoRecord::find(const SemaphoreSet& set) {
    for (Undo& undo : undos_)
        if (undo.set.get() == &set) return &undo;
    return nullptr;
}

// Who sleeps with an entry of a removed set has been woken and does not look at it again.
void UndoRecord::forget_removed() {
    undos_.for_each_safe([this](Undo& undo) {
        {
            sched::MutexGuard guard(undo.set->mutex);
            if (!undo.set->is_removed) return;
        }
        undos_.remove(undo);
        Undo::destroy(&undo);
    });
}

Result<SemaphoreSet::Undo*> UndoRecord::entry_for(SemaphoreSet& set) {
    process::UserThread& self = process::current_user();
    if (!self.semaphore_undo) self.semaphore_undo = TRY(make_ref<process::SemaphoreUndo>());
    process::SemaphoreUndo& shared = *self.semaphore_undo;
    sched::MutexGuard guard(shared.mutex);
    if (!shared.record) shared.record = TRY(make_own<UndoRecord>());
    auto& record = static_cast<UndoRecord&>(*shared.record);
    if (Undo* known = record.find(set)) return known;
    record.forget_removed();
    Undo* undo = TRY(Undo::create(set));
    sched::MutexGuard set_guard(set.mutex);
    set.queues_->undos.push_back(*undo);
    record.undos_.push_back(*undo);
    return undo;
}

} // namespace drupe::ipc
