// SPDX-License-Identifier: BSD-2-Clause
// A thread's life apart from running: numbers, creation, names, destruction.
#include "scheduler.h"

#include <drupe/arch/irq_state.h>
#include <drupe/base/assert.h>

#include <algorithm>
#include <bit>
#include <new>

alignas(drupe::sched::Thread) char drupe_boot_thread[sizeof(drupe::sched::Thread)];

namespace drupe::sched {
namespace {

constexpr std::uint32_t id_limit = 32768;

/// Free numbers are searched from behind the last one given out, so a number comes back late.
struct Ids {
    SpinLock<LockRank::thread_ids> lock;
    std::uint32_t last GUARDED_BY(lock) = 0;
    std::uint64_t used[id_limit / 64] GUARDED_BY(lock) = {1}; // 0 is nobody
};
constinit Ids ids;

} // namespace

Result<std::uint32_t> allocate_id() {
    IrqGuard guard{ids.lock};
    std::uint32_t at = (ids.last + 1) % id_limit;
    for (std::uint32_t seen = 0; seen <= id_limit;) {
        const std::uint64_t free = ~ids.used[at / 64] >> at % 64;
        if (free != 0) {
            at += static_cast<std::uint32_t>(std::countr_zero(free));
            ids.used[at / 64] |= std::uint64_t{1} << at % 64;
            ids.last = at;
            return at;
        }
        seen += 64 - at % 64;
        at = (at / 64 + 1) * 64 % id_limit;
    }
    return Errc::would_block;
}

void free_id(std::uint32_t id) {
    IrqGuard guard{ids.lock};
    DRUPE_ASSERT(id != 0 && id < id_limit && (ids.used[id / 64] >> id % 64 & 1) != 0);
    ids.used[id / 64] &= ~(std::uint64_t{1} << id % 64);
}

static_assert(offsetof(ThreadHeader, cpu) == thread_cpu_offset);
static_assert(offsetof(ThreadHeader, work) == 8 && offsetof(ThreadHeader, kernel_stack_top) == 24);

Thread::Thread() {
    // stack_guard is not touched: the boot thread's is in use while it is constructed.
    work.store(0, std::memory_order_relaxed);
    entry_kind = 0;
    cpu = nullptr;
    kernel_stack_top = 0;
}

Result<RefPtr<Thread>> Thread::create(std::string_view name, Entry entry, void* arg) {
    return Scheduler::create(name, entry, arg);
}

Result<RefPtr<Thread>> Scheduler::create(std::string_view name, Thread::Entry entry, void* arg) {
    DRUPE_ASSERT(hooks.stacks.allocate != nullptr);
    auto thread = RefPtr<Thread>::adopt(new (std::nothrow) Thread);
    if (!thread) return Errc::no_memory;
    thread->stack_top_ = TRY(hooks.stacks.allocate());
    thread->id_ = TRY(allocate_id());
    thread->set_name(name);
    thread->entry_ = entry;
    thread->argument_ = arg;
    thread->stack_guard = current().stack_guard;
    thread->kernel_stack_top = reinterpret_cast<std::uintptr_t>(thread->stack_top_);
    arch::context_init(thread->saved, thread->stack_top_, &Scheduler::first_run, thread.get());
    return thread;
}

void Thread::destroy(Thread* thread) { Scheduler::destroy(thread); }

void Scheduler::destroy(Thread* thread) {
    DRUPE_ASSERT(thread->state() == ThreadState::dead || thread->state() == ThreadState::created);
    if (thread->stack_top_) hooks.stacks.release(thread->stack_top_);
    if (thread->id_ != 0) free_id(thread->id_);
    delete thread;
}

void Thread::set_name(std::string_view name) {
    const std::size_t n = std::min(name.size(), sizeof name_ - 1);
    std::fill(std::copy_n(name.begin(), n, name_), name_ + sizeof name_, '\0');
}

void Thread::start() { Scheduler::start(*this); }
Nanos Thread::cpu_time() const { return Scheduler::cpu_time(*this); }
void Thread::set_parameters(Policy policy, int realtime_priority, int nice) {
    Scheduler::set_parameters(*this, policy, realtime_priority, nice);
}

void Thread::post_work(std::uint32_t flags) {
    // The flags before the look at the state in wake(): pairs with the fence in prepare_to_wait().
    work.fetch_or(flags, std::memory_order_seq_cst);
    if ((flags & work_signal) != 0) wake(*this);
    if (cpu && this != &current() && state() == ThreadState::running && hooks.kick &&
        cpu != current().cpu)
        hooks.kick(cpu->index);
}

} // namespace drupe::sched
