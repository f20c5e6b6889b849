// SPDX-License-Identifier: BSD-2-Clause
// A thread: what the scheduler switches between. Programs' threads carry a user part
// (kernel/process); kernel threads have none.
#pragma once

#include <drupe/arch/context.h>
#include <drupe/arch/cpu.h>
#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/sched/pi_thread.h>
#include <drupe/sched/run_queue.h>
#include <drupe/sync/cpu_core.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drupe::process {
class Process;
struct UserThread;
} // namespace drupe::process
namespace drupe::mm {
class AddressSpace;
}
namespace drupe::arch {
struct TrapFrame;
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
    alignas(16) arch::Context saved; // 32: context_switch finds entry_kind in front of it
};

/// `blocked` while still running on a CPU means: has announced a wait, may still find it needless.
enum class ThreadState : std::uint8_t { created, runnable, running, blocked, dead };

/// CPUs a thread may run on.
struct CpuMask {
    std::uint64_t bits[(DRUPE_MAX_CPUS + 63) / 64];
    static constexpr CpuMask all() {
        CpuMask mask{};
        for (std::uint64_t& word : mask.bits) word = ~std::uint64_t{0};
        return mask;
    }
    bool has(std::uint32_t cpu) const {
        return cpu < DRUPE_MAX_CPUS && (bits[cpu / 64] >> cpu % 64 & 1) != 0;
    }
    void add(std::uint32_t cpu) { bits[cpu / 64] |= std::uint64_t{1} << cpu % 64; }
};

class Thread : public ThreadHeader, public Entity, public RefCounted<Thread> {
public:
    using Entry = void (*)(void*);
    static constexpr std::size_t stack_bytes = 16 * 1024;

    /// A thread that will call entry(arg) once started, with interrupts on; when entry returns, the
    /// thread ends. no_memory. May sleep.
    static Result<RefPtr<Thread>> create(std::string_view name, Entry entry, void* arg);
    static void destroy(Thread* thread);

    /// Makes a created thread runnable. It keeps itself alive until it has ended.
    void start();

    /// For reports; 0 is the boot CPU's idle thread. Programs' thread ids are kernel/process's.
    std::uint32_t id() const { return id_; }
    std::string_view name() const { return name_; }
    /// Keeps the first 15 bytes.
    void set_name(std::string_view name);
    ThreadState state() const { return state_.load(std::memory_order_relaxed); }
    bool is_idle() const { return is_idle_; }
    /// CPU time used so far, up to now when running. Any context.
    Nanos cpu_time() const;
    /// How often it lost the CPU because it blocked or yielded, and against its will.
    std::uint64_t voluntary_switches() const { return voluntary_switches_; }
    std::uint64_t involuntary_switches() const { return involuntary_switches_; }

    /// Takes effect at once. The caller has checked the ranges. Any context.
    void set_parameters(Policy policy, int realtime_priority, int nice);
    /// Where it may run; at least one CPU that runs threads. Takes effect at once, for a thread
    /// that runs in the kernel when it leaves it. Any context.
    void set_affinity(const CpuMask& mask);
    const CpuMask& affinity() const { return affinity_; }

    /// Sets work flags; with work_signal an interruptible wait ends. A CPU that runs the thread's
    /// program is made to notice. Any context.
    void post_work(std::uint32_t flags);

    arch::Context& context() { return saved; }
    arch::TrapFrame* user_frame =
        nullptr; // the program's registers, when inside the kernel by a full entry
    process::Process* process = nullptr;       // null: a kernel thread
    process::UserThread* user = nullptr;       // null: a kernel thread
    mm::AddressSpace* address_space = nullptr; // active while it runs; null: keeps the last one

    /// Above 0: user_access fails with Errc::fault where it would have to bring a page in. The
    /// upcall arch::on_user_access_fault looks at it first.
    std::uint32_t user_faults_off = 0;

    /// True when a signal (or a kill) should end an interruptible wait. Set by kernel/process.
    bool has_interrupt() const { return (work.load(std::memory_order_relaxed) & work_signal) != 0; }

    PiThread pi;
    std::atomic<bool> reset_on_fork{false}; // Parameters::reset_on_fork; alone, so relaxed

    ListHook process_hook; // the process's list of threads

private:
    friend class Scheduler;
    Thread();
    std::uint32_t id_ = 0;
    std::atomic<ThreadState> state_{ThreadState::created}; // changes under its CPU's queue lock
    bool is_idle_ = false;
    char name_[16] = {};
    Nanos arrived_at_{0}; // on its CPU, from another
    std::uint64_t voluntary_switches_ = 0;
    std::uint64_t involuntary_switches_ = 0;
    CpuMask affinity_ = CpuMask::all(); // changes under its CPU's queue lock
    Entry entry_ = nullptr;
    void* argument_ = nullptr;
    void* stack_top_ = nullptr; // null: a stack that is not ours to free
};

inline Thread& current() { return *static_cast<Thread*>(arch::thread_pointer()); }

/// Makes user_access possible under a spin lock: it fails where it would have to sleep.
class UserFaultsOff {
public:
    UserFaultsOff() { ++current().user_faults_off; }
    ~UserFaultsOff() { --current().user_faults_off; }
    UserFaultsOff(const UserFaultsOff&) = delete;
    UserFaultsOff& operator=(const UserFaultsOff&) = delete;
};

/// Makes a blocked thread runnable; no-op on one that is not blocked. Any context.
void wake(Thread& thread);
/// Lets others run; returns at once when there are none. Context: thread.
void yield();
/// A place inside a long kernel path where another thread may take over. Context: thread, no spin
/// lock held.
void preempt_point();
/// Switches when work_reschedule is set. Interrupts masked; they are again on return.
void schedule_if_needed();
/// Ends the running thread; its stack is freed by the thread that runs next.
[[noreturn]] void exit_current();
/// Runnable and running threads of all CPUs, idle ones not counted.
std::size_t runnable_count();

} // namespace drupe::sched
