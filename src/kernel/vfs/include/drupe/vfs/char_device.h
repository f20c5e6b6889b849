// SPDX-License-Identifier: BSD-2-Clause
// Character devices by number. Opening an inode of that kind asks here.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/vfs/file.h>

#include <cstdint>

namespace drupe::vfs {

struct CharDevice {
    std::uint32_t major;
    std::uint32_t minor;
    const char* name;   // the node's path below /dev
    std::uint32_t mode; // the node's permissions
    Result<RefPtr<File>> (*open)(Dentry& dentry, std::uint32_t flags);
    CharDevice* next = nullptr;
};

/// The record lives for ever. Device file systems made before or after show a node for it.
void register_char_device(CharDevice& device);
CharDevice* find_char_device(std::uint64_t device);
CharDevice* first_char_device();
/// Told of every device, those registered before and after. One listener (the device file system).
void set_char_device_listener(void (*added)(CharDevice& device));

} // namespace drupe::vfs
