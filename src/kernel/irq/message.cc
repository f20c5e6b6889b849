// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/irq/message.h>

namespace drupe::irq {
namespace {

constinit MessageController* first = nullptr;

} // namespace

void add_message_controller(MessageController& controller) {
    controller.next = first;
    first = &controller;
}

MessageController* message_controller(std::uint32_t handle) {
    MessageController* at = first;
    while (at && at->handle != handle) at = at->next;
    return at;
}

} // namespace drupe::irq
