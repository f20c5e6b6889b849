// SPDX-License-Identifier: BSD-2-Clause
// Loading programs: for the machine's first, and for execve.
#pragma once

#include <drupe/arch/trap.h>
#include <drupe/exec/load.h>
#include <drupe/process/credentials.h>
#include <drupe/process/image.h>

namespace drupe::process {

struct LoadedProgram {
    RefPtr<Image> image;
    VirtAddr pc{}, sp{};
};

/// Loads `request`'s program into an address space of its own; the calling thread's stays what it
/// was. load()'s errors and report. Context: thread, no lock held; sleeps.
Result<LoadedProgram> load_program(exec::LoadRequest& request, const Limits& limits,
                                   exec::FailureReport& report);

/// execve(2): the running process goes on as `request`'s program, `frame` with it. Until the new
/// program is loaded nothing has changed. load()'s errors; interrupted: another thread ends or
/// replaces the process.
Result<void> replace_program(arch::TrapFrame& frame, exec::LoadRequest& request,
                             exec::FailureReport& report);

} // namespace drupe::process
