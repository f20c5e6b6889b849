// SPDX-License-Identifier: BSD-2-Clause
// A process with one thread on the simulated machine, to call handlers as a program does. Its
// memory is the test's own.
#pragma once

#include <catch2/catch.hpp>

#include <drupe/mm/address_space.h>
#include <drupe/process/process.h>
#include <drupe/process/task_table.h>
#include <drupe/sched/futex.h>
#include <drupe/time/clock.h>
#include <sim/machine.h>
#include <support/test_memory.h>

#include <functional>

namespace drupe::test {

class Caller {
public:
    Caller() : process_(process::Process::create(nullptr).value()) {
        process_->pid = 100;
        process_->actions = make_ref<process::SignalActions>().value();
        auto space = mm::AddressSpace::create();
        process_->image = process::Image::create(std::move(space).value()).value();
    }

    /// Runs `body` as a program's thread; true when it came to its end.
    bool run(std::function<void()> body) {
        machine.spawn("program", [this, body] {
            sched::Thread& self = sched::current();
            process::UserThread user(*process_);
            user.thread = &self;
            user.tid = 100;
            self.process = process_.get();
            self.user = &user;
            self.address_space = nullptr;
            {
                IrqGuard guard{process::tasks_lock()};
                process_->threads.push_back(self);
                process::add_process_locked(*process_);
                process::add_thread_locked(user);
            }
            body();
            process_->timers = nullptr;
            IrqGuard guard{process::tasks_lock()};
            process_->threads.remove(self);
            process::remove_thread_locked(user);
            process::remove_process_locked(*process_);
            process_->pending.clear(process::SignalSet::all());
            self.user = nullptr;
            self.process = nullptr;
        });
        return machine.run();
    }
    /// The word's key, for kernel threads of a test to wait with.
    sched::FutexKey key(std::uint32_t& word) {
        return {&process_->image->space(), reinterpret_cast<std::uintptr_t>(&word)};
    }
    process::Process& process() { return *process_; }
    /// Takes the signal out if it is pending.
    bool took(int signo) {
        const bool pending = process_->pending.set().has(signo);
        if (pending) process_->pending.take(process::SignalSet{signo});
        sched::current().work.fetch_and(~std::uint32_t{sched::work_signal});
        return pending;
    }

private:
    testing::TestMemory memory_{64};

public:
    sim::Machine machine;

private:
    RefPtr<process::Process> process_;
};

/// Where a handler finds the test's object.
template <class T>
VirtAddr at(T& object) {
    return VirtAddr{reinterpret_cast<std::uintptr_t>(&object)};
}
inline constexpr VirtAddr nowhere{8}; // never readable

} // namespace drupe::test
