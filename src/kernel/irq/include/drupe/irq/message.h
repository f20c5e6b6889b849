// SPDX-License-Identifier: BSD-2-Clause
// Interrupts that a device sends as a write to memory. Implemented by what turns such writes into
// interrupts of the chip, used by buses whose devices can write them.
#pragma once

#include <drupe/base/units.h>
#include <drupe/irq/irq_chip.h>

namespace drupe::irq {

/// What the device is to write, and the edge-triggered interrupt that this makes.
struct Message {
    PhysAddr address;
    std::uint32_t data;
    IrqNumber number;
};

/// Context of all: thread, interrupts as they are.
class MessageController {
public:
    /// Announces a device by the number its writes carry; once for each. `count`: the messages it
    /// will have. not_supported: no such number, or not so many; no_memory; io: does not answer.
    virtual Result<void> add_device(std::uint32_t device, unsigned count) = 0;
    /// Message `index` of the device, once for each. no_space: all interrupts are given away; io.
    virtual Result<Message> allocate(std::uint32_t device, unsigned index) = 0;

    /// As firmware refers to it.
    std::uint32_t handle = 0;
    MessageController* next = nullptr; // of all that were added

protected:
    ~MessageController() = default;
};

/// It stays for ever. Boot thread.
void add_message_controller(MessageController& controller);
/// Null: there is none of that handle.
MessageController* message_controller(std::uint32_t handle);

} // namespace drupe::irq
