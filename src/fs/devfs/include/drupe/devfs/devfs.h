// SPDX-License-Identifier: BSD-2-Clause
// The file system for /dev: a file system in memory that begins with a node for every character
// device, and with the links programs expect.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/vfs/file_system.h>

namespace drupe::devfs {

/// Registers null, zero, full, random and urandom, and "devtmpfs" for mount(2). Once, at boot.
void register_types();

/// An instance. Devices registered later appear in it too, as long as it is the latest one.
Result<RefPtr<vfs::FileSystem>> create();

} // namespace drupe::devfs
