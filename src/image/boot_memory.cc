// SPDX-License-Identifier: BSD-2-Clause
#include "boot_memory.h"

#include <drupe/mm/frames.h>
#include <drupe/mm/kernel_space.h>

namespace drupe::image {
namespace {

// Everything that may be reserved: the firmware's list, and image, tables, device tree, initrd.
struct RangeList {
    static constexpr std::size_t capacity = decltype(drivers::MachineInfo::reserved)::capacity + 4;
    PhysRange ranges[capacity] = {};
    std::size_t count = 0;

    void add(PhysRange range) {
        if (range.bytes != 0) ranges[count++] = range;
    }
    std::span<const PhysRange> all() const { return {ranges, count}; }
};

constinit RangeList reserved;

} // namespace

Result<void> take_memory(const arch::BootInfo& boot, const drivers::MachineInfo& machine,
                         std::size_t device_tree_bytes) {
    if (machine.memory.count == 0) return Errc::corrupt;
    for (const PhysRange& range : machine.reserved.all()) reserved.add(range);
    reserved.add({boot.image, arch::image_bytes()});
    reserved.add({boot.device_tree, device_tree_bytes});
    if (machine.initrd) reserved.add(*machine.initrd);
    const std::span<const PhysRange> ram = machine.memory.all();
    reserved.add(TRY(arch::build_direct_map(boot, ram, reserved.all())));
    return mm::kernel_space_init(arch::kernel_root_table(), ram, reserved.all());
}

const ImageAppendix* appendix(const arch::BootInfo& boot) {
    const PhysAddr at = boot.image + align_up(arch::kernel_bytes(), page_size);
    if (raw(at) + sizeof(ImageAppendix) > raw(boot.image) + arch::image_bytes()) return nullptr;
    const auto* found = static_cast<const ImageAppendix*>(mm::phys_to_virt(at));
    return found->magic == ImageAppendix::expected_magic ? found : nullptr;
}

std::span<std::byte> boot_archive(const arch::BootInfo& boot, const drivers::MachineInfo& machine) {
    const ImageAppendix* behind = appendix(boot);
    if (behind && behind->bootfs_bytes != 0)
        return {static_cast<std::byte*>(mm::phys_to_virt(boot.image + behind->bootfs_offset)),
                behind->bootfs_bytes};
    if (!machine.initrd || machine.initrd->bytes == 0) return {};
    return {static_cast<std::byte*>(mm::phys_to_virt(machine.initrd->base)), machine.initrd->bytes};
}

} // namespace drupe::image
