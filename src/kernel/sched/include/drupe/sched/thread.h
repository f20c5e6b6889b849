// SPDX-License-Identifier: BSD-2-Clause
// A thread: what the scheduler switches between. Programs' threads carry a user part
// (kernel/process); kernel threads have none.
#pragma once

#include <drupe/arch/context.h>
#include <drupe/arch/cpu.h>
#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/units.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace drupe::process {
class Process;
struct UserThread;
} // namespace drupe::process
namespace drupe::mm {
class AddressSpace;
}

namespace drupe::sched {

struct Cpu;

/// Reasons to enter on_return_to_user before the program goes on. Set from any CPU.
enum WorkFlag : std::uint32_t {
    work_reschedule = 1u << 0,
    work_signal = 1u << 1,  // a signal may be deliverable
    work_restart = 1u << 2, // a blocked direct call recorded a restart
    work_other = 1u << 3,
};

/// The part whose layout assembly knows (arch/aarch64/asm_offsets.h checks it). Lies at the address
/// the CPU's thread pointer holds.
struct ThreadHeader {
    std::uintptr_t stack_guard;      //  0: -mstack-protector-guard-offset=0
    std::atomic<std::uint32_t> work; //  8: WorkFlag bits
    std::uint32_t entry_kind;        // 12: how the kernel was entered: full frame or direct call
    Cpu* cpu;                        // 16: where it runs or ran last
    std::uintptr_t kernel_stack_top; // 24: SP_EL1 when the program runs
    alignas(16) arch::Context saved;  // 32: context_switch finds entry_kind in front of it
};

enum class ThreadState : std::uint8_t { created, runnable, running, blocked, dead };

class Thread : public ThreadHeader, public RefCounted<Thread> {
public:
    using Entry = void (*)(void*);
    static constexpr std::size_t stack_bytes = 16 * 1024;

    /// A thread that will call entry(arg) once started. no_memory. May sleep.
    static Result<RefPtr<Thread>> create(std::string_view name, Entry entry, void* arg);
    static void destroy(Thread* thread);

    /// Makes a created thread runnable.
    void start();

    std::uint32_t id() const { return id_; }
    std::string_view name() const { return name_; }
    void set_name(std::string_view name);
    ThreadState state() const { return state_; }
    /// CPU time used so far, up to now when running.
    Nanos cpu_time() const;

    arch::Context& context() { return saved; }
    arch::TrapFrame* user_frame =
        nullptr; // the program's registers, when inside the kernel by a full entry
    process::Process* process = nullptr;       // null: a kernel thread
    process::UserThread* user = nullptr;       // null: a kernel thread
    mm::AddressSpace* address_space = nullptr; // active while it runs; null: keeps the last one

    /// True when a signal (or a kill) should end an interruptible wait. Set by kernel/process.
    bool has_interrupt() const { return (work.load(std::memory_order_relaxed) & work_signal) != 0; }

    ListHook run_hook;     // run queue
    ListHook process_hook; // the process's list of threads

private:
    friend class Scheduler;
    Thread() = default;
    std::uint32_t id_ = 0;
    ThreadState state_ = ThreadState::created;
    char name_[16] = {};
};

inline Thread& current() { return *static_cast<Thread*>(arch::thread_pointer()); }

} // namespace drupe::sched
