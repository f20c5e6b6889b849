// SPDX-License-Identifier: BSD-2-Clause
// The texts that list regions of memory and mounts.
#pragma once

#include "process_files.h"

namespace drupe::proc {

Result<void> write_maps(FormatSink& out, process::Process& process, Subject subject);
Result<void> write_smaps(FormatSink& out, process::Process& process, Subject subject);
Result<void> write_mounts(FormatSink& out, process::Process& process, Subject subject);
Result<void> write_mountinfo(FormatSink& out, process::Process& process, Subject subject);

} // namespace drupe::proc
