// SPDX-License-Identifier: BSD-2-Clause
// [linux] ipc/sem.c: sets and their table, values, waiting.
#include "semaphores_internal.h"

#include <drupe/process/process.h>

#include <algorithm>
#include <new>

namespace drupe::ipc {

constinit SemaphoreLimits semaphore_limits{{32000}, {1'024'000'000}, {500}, {32000}};

namespace {

constinit std::atomic<std::uint32_t> total{0}; // semaphores of all sets

class SetMaker final : public ObjectTable::Maker {
public:
    explicit SetMaker(std::uint32_t count) : count_(count) {}
    Result<RefPtr<Object>> make(Key key, std::uint32_t flags) override {
        if (count_ == 0) return Errc::invalid;
        if (total.load(std::memory_order_relaxed) + count_ > semaphore_limits.all)
            return Errc::no_space;
        return SemaphoreSet::create(key, flags, count_);
    }
    Result<void> check(const Object& found) override {
        return static_cast<const SemaphoreSet&>(found).count < count_ ? Errc::invalid
                                                                      : Result<void>{};
    }

private:
    std::uint32_t count_;
};

RefPtr<SemaphoreSet> as_set(RefPtr<Object> object) {
    return RefPtr<SemaphoreSet>::adopt(static_cast<SemaphoreSet*>(object.leak()));
}

} // namespace

SemaphoreSet::SemaphoreSet(Key k, std::uint32_t flags, std::uint32_t n, Semaphore* semaphores,
                           OwnPtr<Queues> queues)
    : Object(k, flags), count(n), semaphores_(semaphores), queues_(std::move(queues)) {
    total.fetch_add(count, std::memory_order_relaxed);
}

SemaphoreSet::~SemaphoreSet() {
    total.fetch_sub(count, std::memory_order_relaxed);
    delete[] semaphores_;
}

Result<RefPtr<Object>> SemaphoreSet::create(Key key, std::uint32_t flags, std::uint32_t count) {
    OwnPtr<Queues> queues = TRY(make_own<Queues>());
    auto* semaphores = new (std::nothrow) Semaphore[count];
    if (!semaphores) return Errc::no_memory;
    auto* set = new (std::nothrow) SemaphoreSet(key, flags, count, semaphores, std::move(queues));
    if (set) return RefPtr<Object>::adopt(set);
    delete[] semaphores;
    return Errc::no_memory;
}

void SemaphoreSet::finish(Pending& pending, Errc outcome) {
    (pending.alters() ? queues_->altering : queues_->for_zero).remove(pending);
    pending.outcome = outcome;
    if (outcome == Errc::ok) operated_ = seconds_now();
    pending.done.store(true, std::memory_order_relaxed);
    // It stays until its thread has had the mutex, which brings the rest.
    pending.woken.wake_one();
}

void SemaphoreSet::settle() {
    for (bool again = true; again;) {
        again = false;
        for (Pending* next = queues_->for_zero.front(); next;) {
            Pending& pending = *next;
            next = queues_->for_zero.next(pending);
            const Errc outcome = attempt(pending);
            if (outcome != Errc::restart) finish(pending, outcome);
        }
        for (Pending* next = queues_->altering.front(); next && !again;) {
            Pending& pending = *next;
            next = queues_->altering.next(pending);
            const Errc outcome = attempt(pending);
            if (outcome == Errc::restart) continue;
            finish(pending, outcome);
            again = outcome == Errc::ok; // it may have made way for any that came before
        }
    }
}

void SemaphoreSet::set_values(std::uint32_t first, std::span<const std::uint16_t> values) {
    const std::int32_t pid = caller_pid();
    for (std::uint32_t i = 0; i < values.size(); i++) semaphores_[first + i] = {values[i], pid};
    for (Undo& undo : queues_->undos)
        std::fill_n(undo.adjustments().begin() + first, values.size(), std::int16_t{0});
    changed = seconds_now();
    settle();
}

std::uint32_t SemaphoreSet::waiters(std::uint32_t number, Waits what) {
    std::uint32_t found = 0;
    const auto look = [&](Pending& pending) {
        const bool for_zero = pending.blocking->change == 0;
        if (pending.blocking->number == number && for_zero == (what == Waits::for_zero)) found++;
    };
    queues_->for_zero.for_each_safe(look);
    queues_->altering.for_each_safe(look);
    return found;
}

Result<void> SemaphoreSet::remove() {
    {
        sched::MutexGuard guard(mutex);
        TRY(check_owner());
        if (is_removed) return Errc::removed;
        is_removed = true;
        while (Pending* pending = queues_->for_zero.front()) finish(*pending, Errc::removed);
        while (Pending* pending = queues_->altering.front()) finish(*pending, Errc::removed);
    }
    TRY(table_of<SemaphoreSet>())->remove(*this);
    return {};
}

Result<void> SemaphoreSet::operate(std::span<const SemaphoreOp> ops, Nanos deadline) {
    Pending pending{.ops = ops, .undo = nullptr, .pid = caller_pid(), .hook = {}, .woken = {}};
    if (pending.undoes()) pending.undo = TRY(UndoRecord::entry_for(*this));
    for (const SemaphoreOp& op : ops)
        if (op.number >= count) return Errc::file_too_large;
    {
        sched::MutexGuard guard(mutex);
        const bool alters = pending.alters();
        TRY(check_access(alters ? want_write : want_read));
        if (is_removed) return Errc::removed;
        const Errc outcome = attempt(pending);
        if (outcome == Errc::ok) {
            operated_ = seconds_now();
            if (alters) settle();
            return {};
        }
        if (outcome != Errc::restart) return outcome;
        (alters ? queues_->altering : queues_->for_zero).push_back(pending);
    }
    return wait(pending, deadline);
}

Result<void> SemaphoreSet::wait(Pending& pending, Nanos deadline) {
    const Result<void> waited = pending.woken.wait_until(
        [&] { return pending.done.load(std::memory_order_relaxed); }, deadline);
    sched::MutexGuard guard(mutex); // whoever finished it has let go of it now
    if (pending.done.load(std::memory_order_relaxed))
        return pending.outcome == Errc::ok ? Result<void>{} : pending.outcome;
    (pending.alters() ? queues_->altering : queues_->for_zero).remove(pending);
    return waited.error() == Errc::timed_out ? Errc::would_block : Errc::interrupted;
}

Result<int> get_semaphores(Key key, std::int32_t count, std::uint32_t flags) {
    if (count < 0 || static_cast<std::uint32_t>(count) > semaphore_limits.each)
        return Errc::invalid;
    SetMaker maker(static_cast<std::uint32_t>(count));
    return TRY(table_of<SemaphoreSet>())->get(key, flags, semaphore_limits.sets, maker);
}

Result<RefPtr<SemaphoreSet>> find_semaphores(int id) {
    return as_set(TRY(TRY(table_of<SemaphoreSet>())->find(id)));
}

Result<RefPtr<SemaphoreSet>> semaphores_at(int index) {
    return as_set(TRY(TRY(table_of<SemaphoreSet>())->at_index(index)));
}

RefPtr<SemaphoreSet> next_semaphores(std::uint32_t& index) {
    const Result<ObjectTable*> table = table_of<SemaphoreSet>();
    return table.ok() ? as_set(table.value()->next(index)) : nullptr;
}

SemaphoreUse semaphore_use() {
    const Result<ObjectTable*> table = table_of<SemaphoreSet>();
    if (!table.ok()) return {};
    return {table.value()->count(), total.load(std::memory_order_relaxed),
            table.value()->highest_index()};
}

} // namespace drupe::ipc
