// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace drupe::devfs {

/// null, zero, full, random, urandom.
void register_memory_devices();

} // namespace drupe::devfs
