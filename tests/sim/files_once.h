// SPDX-License-Identifier: BSD-2-Clause
// The file room's start, once for all tests of a program.
#pragma once

#include <drupe/devfs/devfs.h>
#include <drupe/ipc/queue_files.h>
#include <drupe/net/unix.h>
#include <drupe/proc/proc.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/vfs/init.h>

namespace sim {

/// Context: memory is there (Programs exists).
inline bool init_files() {
    static const bool done = [] {
        if (!drupe::vfs::init().ok() || !drupe::net::init_unix().ok()) return false;
        drupe::ramfs::register_types();
        drupe::devfs::register_types();
        drupe::proc::register_types();
        drupe::ipc::register_types();
        return true;
    }();
    return done;
}

} // namespace sim
