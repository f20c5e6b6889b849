// SPDX-License-Identifier: BSD-2-Clause
// pvpanic ([qemu] docs/specs/pvpanic): a byte that reads as the events that the hypervisor wants to
// hear of, and is written with one that happened. On PCI, and as registers in the device tree.
#include <drupe/arch/io.h>
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/drivers/pci.h>

namespace drupe::drivers {
namespace {

constexpr std::uint8_t panicked = 1;

class Pvpanic final : public Device, public PanicListener {
public:
    explicit Pvpanic(volatile void* events) : events_(events) {}
    PanicListener* panic_listener() override { return this; }
    void tell() override { arch::mmio_write<std::uint8_t>(events_, panicked); }

private:
    volatile void* const events_;
};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    volatile void* const events =
        TRY(node.function ? node.function->map(0, 0, 1, map_device) : node.map(0, map_device));
    if ((arch::mmio_read<std::uint8_t>(events) & panicked) == 0) return Errc::not_supported;
    return OwnPtr<Device>(TRY(make_own<Pvpanic>(events)).leak());
}

constexpr std::string_view models[] = {"pci1b36,0011", "qemu,pvpanic-mmio"};

} // namespace

DRUPE_DRIVER(pvpanic) = {"pvpanic", models, DeviceClass::other, probe};

} // namespace drupe::drivers
