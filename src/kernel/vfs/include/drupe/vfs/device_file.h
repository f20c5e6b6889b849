// SPDX-License-Identifier: BSD-2-Clause
// Devices by kind and number. Opening an inode of such a kind asks here.
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
    std::uint32_t kind = mode_char; // or mode_block
    /// Makes what was written to it lasting. io. Null: nothing is delayed.
    Result<void> (*sync)(DeviceFile& device) = nullptr;
    /// FOLDER/NAME below /dev: a link to the node there. Null: none.
    const char* alias = nullptr;
    DeviceFile* next = nullptr;
};

/// The record lives for ever. Device file systems made before or after show a node for it.
void register_device_file(DeviceFile& device);
DeviceFile* find_device_file(std::uint32_t kind, std::uint64_t number);
DeviceFile* first_device_file();
/// Syncs every device. Context: thread.
void sync_devices();
/// Told of every device, those registered before and after. One listener (the device file system).
void set_device_file_listener(void (*added)(DeviceFile& device));

} // namespace drupe::vfs
