// SPDX-License-Identifier: BSD-2-Clause
// Character devices by number. Opening an inode of that kind asks here.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/vfs/file.h>

#include <cstdint>

namespace drupe::vfs {

struct DeviceFile {
    std::uint32_t major;
    std::uint32_t minor;
    const char* name;   // the node's path below /dev
    std::uint32_t mode; // the node's permissions
    Result<RefPtr<File>> (*open)(Dentry& dentry, std::uint32_t flags);
    DeviceFile* next = nullptr;
};

/// The record lives for ever. Device file systems made before or after show a node for it.
void register_device_file(DeviceFile& device);
DeviceFile* find_device_file(std::uint64_t device);
DeviceFile* first_device_file();
/// Told of every device, those registered before and after. One listener (the device file system).
void set_device_file_listener(void (*added)(DeviceFile& device));

} // namespace drupe::vfs
