// SPDX-License-Identifier: BSD-2-Clause
// The frame that makes messages into shared interrupts of a GICv2 ([arm/sbsa] "GICv2m"). Whoever
// can write it can raise any of them.
#include <drupe/arch/io.h>
#include <drupe/drivers/device.h>
#include <drupe/irq/message.h>

namespace drupe::drivers {
namespace {

constexpr std::size_t typer = 0x8, set_spi = 0x40;

class GicV2m final : public Device, public irq::MessageController {
public:
    GicV2m(PhysAddr at, std::uint32_t first, std::uint32_t count)
        : at_(at), next_(first), end_(first + count) {}
    Result<void> add_device(std::uint32_t, unsigned) override { return {}; }
    Result<irq::Message> allocate(std::uint32_t, unsigned) override {
        if (next_ == end_) return Errc::no_space;
        const std::uint32_t number = next_++;
        return irq::Message{at_ + set_spi, number, irq::IrqNumber{number}};
    }

private:
    const PhysAddr at_;
    std::uint32_t next_;
    const std::uint32_t end_;
};

constexpr std::string_view models[] = {"arm,gic-v2m-frame"};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    const std::uint32_t type = arch::mmio_read<std::uint32_t>(
        static_cast<volatile char*>(TRY(node.map(0, map_device))) + typer);
    const std::uint64_t first = node.number("arm,msi-base-spi").value_or(type >> 16 & 0x3ff);
    const std::uint64_t count = node.number("arm,msi-num-spis").value_or(type & 0x3ff);
    if (first < 32 || first > 1019 || count > 1020 - first) return Errc::invalid;
    auto frame = TRY(make_own<GicV2m>(node.regions[0].base, static_cast<std::uint32_t>(first),
                                      static_cast<std::uint32_t>(count)));
    frame->handle = static_cast<std::uint32_t>(node.number("phandle").value_or(0));
    irq::add_message_controller(*frame);
    return OwnPtr<Device>(frame.leak());
}

} // namespace

DRUPE_DRIVER(gicv2m) = {"gicv2m", models, DeviceClass::message_controller, probe};

} // namespace drupe::drivers
