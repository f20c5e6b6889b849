// SPDX-License-Identifier: BSD-2-Clause
// What waits at a set of semaphores, and what is to be taken back of it.
#pragma once

#include <drupe/ipc/semaphores.h>
#include <drupe/sched/wait_queue.h>

namespace drupe::ipc {

/// Somebody's operations that wait, on his stack. All but `done` under the set's mutex.
struct SemaphoreSet::Pending {
    std::span<const SemaphoreOp> ops;
    Undo* undo;
    std::int32_t pid;
    const SemaphoreOp* blocking = nullptr; // the first that cannot be done
    ListHook hook;
    Errc outcome = Errc::ok; // valid with `done`
    std::atomic<bool> done{false};
    sched::WaitQueue woken;

    bool alters() const {
        for (const SemaphoreOp& op : ops)
            if (op.change != 0) return true;
        return false;
    }
    bool undoes() const {
        for (const SemaphoreOp& op : ops)
            if (op.flags & SemaphoreOp::undo) return true;
        return false;
    }
};

/// What those that share a record did to one set. The adjustments follow the object; they are under
/// the set's mutex, as is `set_hook`; `record_hook` is the record's.
struct SemaphoreSet::Undo {
    static Result<Undo*> create(SemaphoreSet& set);
    static void destroy(Undo* undo);
    std::span<std::int16_t> adjustments() {
        return {reinterpret_cast<std::int16_t*>(this + 1), set->count};
    }
    RefPtr<SemaphoreSet> set;
    ListHook set_hook, record_hook;
};

struct SemaphoreSet::Queues {
    IntrusiveList<Pending, &Pending::hook> for_zero, altering;
    IntrusiveList<Undo, &Undo::set_hook> undos;
};

/// One for those that share CLONE_SYSVSEM.
class UndoRecord final : public process::SemaphoreUndo::Record {
public:
    ~UndoRecord() override;
    /// The caller's entry for `set`. no_memory, removed.
    static Result<SemaphoreSet::Undo*> entry_for(SemaphoreSet& set);

private:
    using Undo = SemaphoreSet::Undo;
    Undo* find(const SemaphoreSet& set);
    void forget_removed();
    IntrusiveList<Undo, &Undo::record_hook> undos_;
};

} // namespace drupe::ipc
