// SPDX-License-Identifier: BSD-2-Clause
// The list of character devices. Registered at boot, by one thread, never taken away.
#include <drupe/vfs/char_device.h>

namespace drupe::vfs {
namespace {
constinit CharDevice* devices = nullptr;
using Listener = void (*)(CharDevice&);
constinit Listener listener = nullptr;
} // namespace

void register_char_device(CharDevice& device) {
    CharDevice** end = &devices;
    while (*end) end = &(*end)->next;
    *end = &device;
    if (listener) listener(device);
}

CharDevice* find_char_device(std::uint64_t device) {
    for (CharDevice* at = devices; at; at = at->next)
        if (make_device(at->major, at->minor) == device) return at;
    return nullptr;
}

CharDevice* first_char_device() { return devices; }

void set_char_device_listener(void (*added)(CharDevice&)) {
    listener = added;
    for (CharDevice* at = devices; at; at = at->next) added(*at);
}

} // namespace drupe::vfs
