// SPDX-License-Identifier: BSD-2-Clause
// How a function interrupts: by messages (MSI-X, or one of MSI), or by a line that it may share.
#include "host.h"
#include "registers.h"

#include <drupe/arch/io.h>
#include <drupe/sync/spin_lock.h>

#include <algorithm>

namespace drupe::pci {
namespace {

constexpr unsigned most_messages = 32;
// Message Control, in the upper half of the capability's first word.
constexpr std::uint32_t msix_on = 1u << 31, msi_on = 1u << 16, msi_is_wide = 1u << 23;
constexpr std::uint32_t msi_count = 7u << 20;
enum Entry : unsigned { low = 0, high = 4, data = 8, control = 12 }; // of the table of MSI-X

void put(volatile char* at, std::uint32_t value) { arch::mmio_write<std::uint32_t>(at, value); }

} // namespace

struct Function::LineUser {
    irq::Handler handler;
    void* context;
    LineUser* next;
};
/// Lines go to the first CPU, which runs the only thread while users are added.
struct Function::Line {
    irq::IrqNumber number;
    Line* next;
    LineUser* users;
};

/// A conventional bridge sends on what is behind it under a number of its own, which several may
/// share.
bool Function::has_own_number() const {
    const Function* at = bridge_;
    while (at && at->is_port()) at = at->bridge_;
    return !at;
}

Result<unsigned> Function::start_messages(drivers::MapDevice map_device) {
    if (!has_own_number()) return Errc::not_supported;
    irq::MessageController* const controller = host_.messages(number_, message_device_);
    if (!controller) return Errc::not_supported;
    unsigned count = 1;
    volatile char* table = nullptr;
    unsigned at = capability(cap_msix);
    if (at != 0) {
        count = std::min((read(at) >> 16 & 0x7ff) + 1, most_messages);
        const std::uint32_t place = read(at + 4);
        table = static_cast<volatile char*>(
            TRY(map(place & 7, place & ~7u, std::uint64_t{count} * 16, map_device)));
    } else if (at = capability(cap_msi); at == 0) {
        return Errc::not_supported;
    }
    TRY(controller->add_device(message_device_, count));
    messages_ = controller;
    message_capability_ = at;
    table_ = table;
    if (!table) return count;
    for (unsigned i = 0; i < count; i++) put(table_entry(i) + control, 1);
    write(at, msix_on);
    return count;
}

void Function::stop_messages() { write(message_capability_, 0); }

Result<void> Function::attach_message(unsigned index, irq::Handler handler, void* context,
                                      std::uint32_t cpu) {
    const irq::Message message = TRY(messages_->allocate(message_device_, index));
    TRY(irq::attach(message.number, irq::Trigger::edge, handler, context, cpu));
    show(message.number, irq::Trigger::edge);
    const auto lower = static_cast<std::uint32_t>(raw(message.address));
    const auto upper = static_cast<std::uint32_t>(raw(message.address) >> 32);
    if (table_) {
        volatile char* const entry = table_entry(index);
        put(entry + low, lower);
        put(entry + high, upper);
        put(entry + data, message.data);
        put(entry + control, 0);
        return {};
    }
    const unsigned at = message_capability_;
    const std::uint32_t first = read(at);
    const bool is_wide = (first & msi_is_wide) != 0;
    if (!is_wide && upper != 0) return Errc::not_supported;
    write(at + 4, lower);
    if (is_wide) write(at + 8, upper);
    write(at + (is_wide ? 12 : 8), message.data);
    write(at, (first & ~msi_count) | msi_on);
    return {};
}

// [pci] bridges: a line of a device behind goes on as one that its slot moves it to.
std::optional<drivers::Interrupt> Function::find_line() const {
    unsigned pin = read(interrupt_pin) >> 8 & 0xff;
    if (pin < 1 || pin > 4) return std::nullopt;
    const Function* at = this;
    for (; at->bridge_; at = at->bridge_) pin = (pin - 1 + at->slot()) % 4 + 1;
    const drivers::DeviceNode& host = host_.node();
    const std::uint32_t child[4] = {std::uint32_t{at->number_} << 8, 0, 0, pin};
    return host.source ? host.source->routed_interrupt(host.key, child) : std::nullopt;
}

Result<void> Function::attach_line(irq::Handler handler, void* context) {
    static constinit SpinLock<LockRank::device> lock;
    static constinit Line* lines = nullptr;
    const auto found = find_line();
    if (!found) return Errc::not_supported;
    auto user = TRY(make_own<LineUser>(LineUser{handler, context, nullptr}));
    Line* line = lines;
    while (line && line->number != found->number) line = line->next;
    if (!line) {
        line = TRY(make_own<Line>(Line{found->number, lines, nullptr})).leak();
        lines = line;
        TRY(irq::attach(
            found->number, found->trigger,
            [](void* shared) {
                for (LineUser* at = static_cast<Line*>(shared)->users; at; at = at->next)
                    at->handler(at->context);
            },
            line));
    }
    {
        IrqGuard guard{lock};
        user->next = line->users;
        line->users = user.leak();
    }
    show(found->number, found->trigger);
    set_command(no_line, false);
    return {};
}

void Function::show(irq::IrqNumber number, irq::Trigger trigger) {
    if (node_.interrupt_count < drivers::DeviceNode::max_interrupts)
        node_.interrupts[node_.interrupt_count++] = {number, trigger};
}

} // namespace drupe::pci
