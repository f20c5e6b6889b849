// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/io.h>
#include <drupe/drivers/pl031.h>

namespace drupe::drivers {

Result<Nanos> Pl031::read_time() {
    // [arm/pl031] RTCDR at offset 0. A clock that was never set starts at 0, which is no answer.
    const auto seconds = arch::mmio_read<std::uint32_t>(base_);
    if (seconds == 0) return Errc::io;
    return Nanos::from_seconds(seconds);
}

namespace {

constexpr std::string_view models[] = {"arm,pl031"};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    auto clock = TRY(make_own<Pl031>(TRY(node.map(0, map_device))));
    return OwnPtr<Device>(clock.leak());
}

} // namespace

DRUPE_DRIVER(pl031) = {"pl031", models, DeviceClass::clock, probe};

} // namespace drupe::drivers
