// SPDX-License-Identifier: BSD-2-Clause
// Programs on the simulated machine: C++ functions that make system calls and have handlers. What a
// CPU does on the way back to a program (leave by the frame, run a handler, repeat a call) is done
// here by hand.
#pragma once

#include "../support/test_memory.h"
#include <drupe/arch/host/program.h>
#include <drupe/arch/syscall_abi.h>
#include <drupe/base/result.h>
#include <drupe/process/lifecycle.h>
#include <drupe/process/return_to_user.h>
#include <drupe/process/signal.h>
#include <sim/machine.h>

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace sim {

using drupe::Result;
using drupe::VirtAddr;
using drupe::process::Pid;
using drupe::process::SigInfo;
using drupe::process::WaitStatus;
using Word = std::uint64_t;

template <class T>
VirtAddr at(T* pointer) {
    return VirtAddr{reinterpret_cast<std::uint64_t>(pointer)};
}

/// The program side of one thread.
class Program {
public:
    explicit Program(drupe::arch::TrapFrame& frame) : frame_(frame) {}
    /// A system call: what the program sees in its result register.
    std::int64_t call(const std::function<Result<Word>()>& handler);
    /// The program computes for a while; signals arrive.
    void compute(std::int64_t nanoseconds = 1000);
    drupe::arch::TrapFrame& frame() { return frame_; }

private:
    std::int64_t enter(const std::function<Result<Word>()>& handler);
    void leave();
    drupe::arch::TrapFrame& frame_;
};

using Body = std::function<void(Program&)>;
using Handler = std::function<void(Program&, int signo, const SigInfo& info)>;

/// A machine with programs. One at a time.
class Programs {
public:
    explicit Programs(Options options = {});
    ~Programs();
    /// Starts the machine's program; run() then runs until nothing is left to do.
    void start(Body main);
    bool run();
    /// An address that means this function, for a thread's start or a handler.
    Word entry(Body body);
    Word handler(Handler handler);
    /// A stack in the "program's memory"; its top.
    Word stack(std::size_t bytes = 16384);

    drupe::testing::TestMemory memory;
    Machine machine;
    std::optional<WaitStatus> ended; // of the machine's program
    std::vector<std::unique_ptr<char[]>> stacks;
    std::exception_ptr failure; // of a check inside a program; the programs are stopped then
};

/// clone(2) with a new thread or process that runs `body`.
std::int64_t clone(Program& caller, Word flags, Body body, Word child_tid = 0);
inline constexpr Word thread_flags = 0x3d0f00; // as glibc's pthread_create
inline constexpr Word fork_flags = 17;

} // namespace sim
