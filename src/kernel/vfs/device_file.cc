// SPDX-License-Identifier: BSD-2-Clause
// The list of devices. Registered at boot, by one thread, never taken away.
#include <drupe/vfs/device_file.h>

namespace drupe::vfs {
namespace {
constinit DeviceFile* devices = nullptr;
using Listener = void (*)(DeviceFile&);
constinit Listener listener = nullptr;
} // namespace

void register_device_file(DeviceFile& device) {
    DeviceFile** end = &devices;
    while (*end) end = &(*end)->next;
    *end = &device;
    if (listener) listener(device);
}

DeviceFile* find_device_file(std::uint32_t kind, std::uint64_t number) {
    for (DeviceFile* at = devices; at; at = at->next)
        if (at->kind == kind && make_device(at->major, at->minor) == number) return at;
    return nullptr;
}

DeviceFile* first_device_file() { return devices; }

void sync_devices() {
    for (DeviceFile* at = devices; at; at = at->next)
        if (at->sync) static_cast<void>(at->sync(*at));
}

void set_device_file_listener(void (*added)(DeviceFile&)) {
    listener = added;
    for (DeviceFile* at = devices; at; at = at->next) added(*at);
}

} // namespace drupe::vfs
