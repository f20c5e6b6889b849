// SPDX-License-Identifier: BSD-2-Clause
// What the hypervisor has for firmware (QEMU's -fw_cfg), below /sys/firmware/qemu_fw_cfg as Linux
// shows it: by_key/KEY and by_name/NAME with key, name, size and raw. Here both are directories.
#pragma once

#include <drupe/drivers/classes.h>

namespace drupe::image {

/// At boot; the device is asked when somebody looks there.
void offer_firmware_files(drivers::FirmwareItems& items);

} // namespace drupe::image
