// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/share/device.h>

namespace drupe::share {
namespace {
constinit Device* first = nullptr;
} // namespace

void Device::add(Device& device) {
    device.next_ = first;
    first = &device;
}

Device* Device::find(std::string_view tag) {
    for (Device* at = first; at; at = at->next_)
        if (at->tag() == tag) return at;
    return nullptr;
}

} // namespace drupe::share
