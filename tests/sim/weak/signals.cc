// SPDX-License-Identifier: BSD-2-Clause
// What a thread of a program looks at without a lock, on its way back to the program.
#include "sockets.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/trap.h>
#include <drupe/process/return_to_user.h>
#include <drupe/process/signal.h>
#include <drupe/process/task_table.h>

using namespace drupe;
using process::SigInfo;

namespace {

void return_to_program() {
    arch::TrapFrame frame;
    process::on_return_to_user(frame);
}

/// All threads of the program stand still.
bool is_stopped(process::Process& program) {
    IrqGuard tasks{process::tasks_lock()};
    return program.reports_stop;
}

/// The thread that is told first: nothing that the teller did for another stands in between.
weak::Scenario stopped{
    "a thread that is told to look sees that its program is stopped", [](std::uint64_t seed) {
        weak::sockets::play(seed, 3, [] {
            process::Process& program = weak::Program::instance().process();
            weak::kernel::Threads others;
            others.start(1, [] {
                const weak::Program::Part part;
                {
                    IrqGuard tasks{process::tasks_lock()};
                    (void)process::send_signal_locked(process::current_user(),
                                                      SigInfo::from_kernel(process::sigstop));
                }
                return_to_program();
            });
            others.start(2, [&program] {
                while (!is_stopped(program)) arch::cpu_relax();
                IrqGuard tasks{process::tasks_lock()};
                (void)process::send_signal_locked(program, SigInfo::from_kernel(process::sigcont));
            });
            while (!sched::current().has_interrupt()) arch::cpu_relax();
            return_to_program();
        });
    }};

} // namespace
