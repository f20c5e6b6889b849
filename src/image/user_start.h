// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <drupe/init/start_config.h>
#include <drupe/process/lifecycle.h>
#include <drupe/vfs/context.h>

namespace drupe::image {

/// Loads the program and starts it as the machine's. On failure one sentence has been logged and
/// the machine's exit status set as shells do: 127 not found, 126 not to be run.
Result<void> start_user(vfs::TaskContext& kernel, const init::StartConfig& config,
                        RefPtr<vfs::FdTable> files);

/// The status that a failed start gives the machine.
int start_failure_status();

} // namespace drupe::image
