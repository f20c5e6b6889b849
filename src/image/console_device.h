// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include <drupe/init/start_config.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/fd_table.h>
namespace drupe::image {
Result<void> add_devices(vfs::TaskContext& kernel);
Result<RefPtr<vfs::FdTable>> open_console(vfs::TaskContext& kernel,
                                          const init::StartConfig& config);
} // namespace drupe::image
