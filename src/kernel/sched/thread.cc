// SPDX-License-Identifier: BSD-2-Clause
// A thread's life apart from running: numbers, creation, names, destruction.
#include "scheduler.h"

#include <drupe/arch/irq_state.h>
#include <drupe/base/assert.h>

#include <algorithm>
#include <new>

alignas(drupe::sched::Thread) char drupe_boot_thread[sizeof(drupe::sched::Thread)];

namespace drupe::sched {
namespace {

/// Only names threads in reports: programs see the numbers of kernel/process.
constinit std::atomic<std::uint32_t> last_id{0};

} // namespace

static_assert(offsetof(ThreadHeader, cpu) == thread_cpu_offset);
static_assert(offsetof(ThreadHeader, work) == 8 && offsetof(ThreadHeader, kernel_stack_top) == 24);

Thread::Thread() {
    // stack_guard and cpu are not touched: the boot thread's are in use while it is constructed.
    work.store(0, std::memory_order_relaxed);
    entry_kind = 0;
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
    thread->id_ = last_id.fetch_add(1, std::memory_order_relaxed) + 1;
    thread->set_name(name);
    thread->entry_ = entry;
    thread->argument_ = arg;
    thread->stack_guard = current().stack_guard;
    thread->cpu = current().cpu;
    thread->kernel_stack_top = reinterpret_cast<std::uintptr_t>(thread->stack_top_);
    arch::context_init(thread->saved, thread->stack_top_, &Scheduler::first_run, thread.get());
    return thread;
}

// Not analysed: nobody else knows the CPU yet.
Result<Thread*> Scheduler::create_idle(Cpu& cpu) NO_THREAD_SAFETY_ANALYSIS {
    RefPtr<Thread> idle = TRY(create("idle", nullptr, nullptr));
    idle->is_idle_ = true;
    idle->cpu = &cpu;
    idle->state_.store(ThreadState::running, std::memory_order_relaxed);
    cpu.running = cpu.idle = idle.get();
    return idle.leak();
}

void Thread::destroy(Thread* thread) { Scheduler::destroy(thread); }

void Scheduler::destroy(Thread* thread) {
    DRUPE_ASSERT(thread->state() == ThreadState::dead || thread->state() == ThreadState::created);
    arch::context_release(thread->saved);
    if (thread->stack_top_) hooks.stacks.release(thread->stack_top_);
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

void Thread::set_affinity(const CpuMask& mask) { Scheduler::set_affinity(*this, mask); }

void Thread::post_work(std::uint32_t flags) {
    // Behind what they are set for: pairs with the acquire in process::on_return_to_user().
    work.fetch_or(flags, std::memory_order_release);
    // The flags before the look at the state in wake(): pairs with the fence in prepare_to_wait().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((flags & work_signal) != 0) wake(*this);
    if (!is_alone() && this != &current()) Scheduler::notice_work(*this);
}

} // namespace drupe::sched
