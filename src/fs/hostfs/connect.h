// SPDX-License-Identifier: BSD-2-Clause
// How a mount comes to its server, whatever the protocol.
#pragma once

#include "server.h"

#include <drupe/share/device.h>

#include <string_view>
#include <utility>

namespace drupe::hostfs {

/// A server of type S on the device with that tag, which has agreed to `terms`. wrong_device, busy,
/// no_memory, and what S::agree says.
template <class S, class... Terms>
Result<RefPtr<Server>> connect(std::string_view tag, share::Protocol protocol, Terms... terms) {
    share::Device* device = share::Device::find(tag);
    if (!device || device->protocol() != protocol) return Errc::wrong_device;
    if (!device->claim()) return Errc::busy;
    auto made = make_ref<S>(*device);
    if (!made) {
        device->give_back();
        return made.error();
    }
    RefPtr<S> server = made.take_unchecked();
    TRY(server->agree(terms...));
    return RefPtr<Server>(std::move(server));
}

} // namespace drupe::hostfs
