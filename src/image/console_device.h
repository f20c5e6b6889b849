// SPDX-License-Identifier: BSD-2-Clause
// The machine's console as the program's standard input and output.
#pragma once

#include <drupe/drivers/classes.h>
#include <drupe/init/start_config.h>
#include <drupe/process/process.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/fd_table.h>

namespace drupe::image {

/// The console that the firmware names becomes the system's, if there is any.
void find_console(const init::StartConfig& config);
/// One that a device offers becomes it when there is no other, or the command line says
/// console=hvc0. Before start_console.
void take_host_console(drivers::Console& console);
/// Starts the terminal and registers its devices.
Result<void> start_console(const init::StartConfig& config);
/// Descriptors 0, 1 and 2 as the configuration asks. After the device nodes exist.
Result<RefPtr<vfs::FdTable>> open_standard_files(vfs::TaskContext& kernel,
                                                 const init::StartConfig& config);
/// The session of `program` owns the terminal from now on, its group in the foreground.
void give_terminal(const process::Process& program);

} // namespace drupe::image
