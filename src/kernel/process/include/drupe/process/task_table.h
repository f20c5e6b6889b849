// SPDX-License-Identifier: BSD-2-Clause
// Finding processes and threads by number, and walking them, under the tasks lock.
#pragma once

#include <drupe/process/process.h>
#include <drupe/process/tasks_lock.h>

namespace drupe::process {

/// Ids of processes, threads, groups and sessions are one space.
inline constexpr Pid max_pid = 4'194'304;

/// A reference, or null. Zombies are found until they are waited for.
RefPtr<Process> find_process(Pid pid);
Process* find_process_locked(Pid pid) REQUIRES(tasks_lock());
UserThread* find_thread_locked(Pid tid) REQUIRES(tasks_lock());
/// In order of creation; null ends. Start with null.
Process* next_process_locked(Process* previous) REQUIRES(tasks_lock());

/// Calls visit(UserThread&) under the tasks lock; no_process when there is no such thread.
template <class Visit>
Result<void> with_thread(Pid tid, Visit visit) {
    IrqGuard guard{tasks_lock()};
    UserThread* thread = find_thread_locked(tid);
    if (!thread) return Errc::no_process;
    return visit(*thread);
}
namespace detail {
bool with_thread_of(const Process& process, Pid tid, void* visitor,
                    void (*visit)(void* visitor, UserThread& thread));
} // namespace detail
/// Calls visit(UserThread&) for a thread of `process`, which does not leave meanwhile, without the
/// tasks lock; false: it has no such thread.
template <class Visit>
bool with_thread_of(const Process& process, Pid tid, Visit visit) {
    return detail::with_thread_of(process, tid, &visit, [](void* visitor, UserThread& thread) {
        (*static_cast<Visit*>(visitor))(thread);
    });
}
/// Calls visit(Process&) for each under the tasks lock.
template <class Visit>
void for_each_process(Visit visit) {
    IrqGuard guard{tasks_lock()};
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p)) visit(*p);
}

/// A number nobody uses. would_block: all are taken.
Result<Pid> allocate_id_locked() REQUIRES(tasks_lock());
/// This one. invalid: it is no number for a process; not_permitted; exists: somebody uses it.
Result<Pid> claim_id_locked(Pid wanted) REQUIRES(tasks_lock());
void add_process_locked(Process& process) REQUIRES(tasks_lock());
void remove_process_locked(Process& process) REQUIRES(tasks_lock());
/// Not under a signal lock: who finds a thread takes that.
void add_thread_locked(UserThread& thread) REQUIRES(tasks_lock());
void remove_thread_locked(UserThread& thread) REQUIRES(tasks_lock());

} // namespace drupe::process
