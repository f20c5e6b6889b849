// SPDX-License-Identifier: BSD-2-Clause
// The PL031 real-time clock ([arm/pl031] DDI 0224): whole seconds since 1970, 32 bits.
#pragma once

#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>

namespace drupe::drivers {

class Pl031 final : public Device, public RealTimeClock {
public:
    explicit Pl031(volatile void* base) : base_(base) {}
    RealTimeClock* clock() override { return this; }
    Result<Nanos> read_time() override;

private:
    volatile void* base_;
};

} // namespace drupe::drivers
