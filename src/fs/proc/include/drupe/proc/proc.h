// SPDX-License-Identifier: BSD-2-Clause
// /proc and /sys. Nothing in them is kept: names are found, and texts made, when asked for. What
// is about the machine comes from the rooms (vfs/generated_file.h), what is about processes is here.
#pragma once

namespace drupe::proc {

/// Registers "proc" and "sysfs" for mount(2), and the files this room knows itself. Once, at boot.
void register_types();

} // namespace drupe::proc
