// SPDX-License-Identifier: BSD-2-Clause
// From the machine's description to memory that can be allocated.
#pragma once

#include <drupe/arch/boot.h>
#include <drupe/base/image_layout.h>
#include <drupe/base/result.h>
#include <drupe/drivers/machine.h>

#include <cstddef>
#include <span>

namespace drupe::image {

/// Builds the direct map and starts the frame allocator. Once. corrupt: firmware's description
/// leaves no RAM; no_memory: too little of it.
Result<void> take_memory(const arch::BootInfo& boot, const drivers::MachineInfo& machine,
                         std::size_t device_tree_bytes);

/// What tools/mkimage put behind the kernel; null when nothing. From take_memory on.
const ImageAppendix* appendix(const arch::BootInfo& boot);

/// The boot file system: appended to the image, else the initrd; empty when there is neither. Its
/// frames are reserved and given to who unpacks it.
std::span<std::byte> boot_archive(const arch::BootInfo& boot, const drivers::MachineInfo& machine);

} // namespace drupe::image
