// SPDX-License-Identifier: BSD-2-Clause
// Two hash tables over ids and one list of all processes. Chains are short: ids are handed out in
// order, so neighbours fall into different buckets. Each bucket of threads has a lock besides, for
// senders within one process.
#include <drupe/process/task_table.h>

#include <array>

namespace drupe::process {
namespace {

constexpr std::size_t buckets = 64;
constexpr std::size_t bucket_of(Pid id) { return static_cast<std::size_t>(id) % buckets; }

struct Tables {
    std::array<Process*, buckets> processes{};
    Process* first = nullptr;
    Process* last = nullptr;
    Pid last_id = 0;
};
constinit SpinLock<LockRank::process> lock;
constinit Tables tables GUARDED_BY(tasks_lock());

/// Changes under the tasks lock and its own: either is enough to read it.
struct ThreadBucket {
    SpinLock<LockRank::thread_table> lock; // taken with interrupts masked: timers send
    UserThread* first = nullptr;

    UserThread* find(Pid tid) const {
        UserThread* at = first;
        while (at && at->tid != tid) at = at->next_by_tid;
        return at;
    }
};
constinit std::array<ThreadBucket, buckets> thread_buckets{};
ThreadBucket& threads_like(Pid tid) { return thread_buckets[bucket_of(tid)]; }

template <class T>
void unlink(T*& head, T& element, T* T::*next) {
    T** at = &head;
    while (*at != &element) {
        DRUPE_ASSERT(*at != nullptr);
        at = &((*at)->*next);
    }
    *at = element.*next;
    element.*next = nullptr;
}

/// A number is taken while anything carries it, a group or session of somebody included.
bool is_taken_locked(Pid id) REQUIRES(tasks_lock()) {
    if (find_thread_locked(id)) return true;
    for (Process* p = tables.first; p; p = p->next_process)
        if (p->pid == id || p->group == id || p->session == id) return true;
    return false;
}

} // namespace

SpinLock<LockRank::process>& tasks_lock() { return lock; }

Process* find_process_locked(Pid pid) {
    for (Process* p = tables.processes[bucket_of(pid)]; p; p = p->next_by_pid)
        if (p->pid == pid) return p;
    return nullptr;
}

UserThread* find_thread_locked(Pid tid) { return threads_like(tid).find(tid); }

bool detail::with_thread_of(const Process& process, Pid tid, void* visitor,
                            void (*visit)(void* visitor, UserThread& thread)) {
    ThreadBucket& bucket = threads_like(tid);
    IrqGuard guard{bucket.lock};
    UserThread* const thread = bucket.find(tid);
    if (!thread || thread->process != &process) return false;
    visit(visitor, *thread);
    return true;
}

RefPtr<Process> find_process(Pid pid) {
    IrqGuard guard{tasks_lock()};
    return RefPtr<Process>(find_process_locked(pid));
}

Process* next_process_locked(Process* previous) {
    return previous ? previous->next_process : tables.first;
}

Result<Pid> allocate_id_locked() {
    for (Pid tries = 0; tries < max_pid; tries++) {
        tables.last_id = tables.last_id + 1 < max_pid ? tables.last_id + 1 : 2;
        if (!is_taken_locked(tables.last_id)) return tables.last_id;
    }
    return Errc::would_block;
}

Result<Pid> claim_id_locked(Pid wanted) {
    if (wanted < 1 || wanted >= max_pid) return Errc::invalid;
    if (!current_process().credentials.is_privileged()) return Errc::not_permitted;
    if (is_taken_locked(wanted)) return Errc::exists;
    return wanted;
}

void add_process_locked(Process& process) {
    process.retain();
    Process*& head = tables.processes[bucket_of(process.pid)];
    process.next_by_pid = head;
    head = &process;
    process.previous_process = tables.last;
    (tables.last ? tables.last->next_process : tables.first) = &process;
    tables.last = &process;
}

void remove_process_locked(Process& process) {
    unlink(tables.processes[bucket_of(process.pid)], process, &Process::next_by_pid);
    Process* before = process.previous_process;
    Process* behind = process.next_process;
    (before ? before->next_process : tables.first) = behind;
    (behind ? behind->previous_process : tables.last) = before;
    process.previous_process = process.next_process = nullptr;
    // The caller holds a reference of its own: the last one must not go under a spin lock.
    DRUPE_ASSERT(process.use_count() > 1);
    process.release();
}

void add_thread_locked(UserThread& thread) {
    ThreadBucket& bucket = threads_like(thread.tid);
    SpinGuard guard{bucket.lock};
    thread.next_by_tid = bucket.first;
    bucket.first = &thread;
}

void remove_thread_locked(UserThread& thread) {
    ThreadBucket& bucket = threads_like(thread.tid);
    SpinGuard guard{bucket.lock};
    unlink(bucket.first, thread, &UserThread::next_by_tid);
}

} // namespace drupe::process
