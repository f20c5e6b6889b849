// SPDX-License-Identifier: BSD-2-Clause
// The console device ([virtio] "Console Device"): ports, and messages about them. Ports that the
// device announces before it has the driver's attention for other things are there; those plugged
// in later are refused.
#include "console_port.h"

#include <drupe/drivers/device.h>
#include <drupe/mm/frames.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/clock.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace drupe::virtio {
namespace {

enum Feature : std::uint64_t { has_size = 1 << 0, has_ports = 1 << 1 };
enum Field : std::size_t { columns = 0, rows = 2, port_count = 4 };
// [virtio] "Multiport Device Operation"
enum Event : std::uint16_t {
    device_ready = 0,
    port_add = 1,
    port_remove = 2,
    port_ready = 3,
    console_port = 4,
    resize = 5,
    port_open = 6,
    port_name = 7,
};
struct Message {
    std::uint32_t port;
    std::uint16_t event;
    std::uint16_t value;
};
static_assert(sizeof(Message) == 8);
constexpr std::uint32_t no_port = 0xffffffff;

constexpr std::uint16_t most_ports = 7; // of which PCI has queues
constexpr std::uint16_t control_in = 2, control_out = 3;
constexpr std::uint16_t control_count = 16;
constexpr std::uint32_t control_bytes = page_size / control_count;

class ConsoleDevice final : public drivers::Device {
public:
    explicit ConsoleDevice(Transport& transport) : transport_(transport) {}
    Result<void> init();
    drivers::Console* host_console() override {
        for (ConsolePort& port : ports_)
            if (port.is_started() && port.is_console()) return &port;
        return nullptr;
    }
    tty::PortDevice* next_port(const tty::PortDevice* last) override;

private:
    Result<void> init_control(std::uint64_t features);
    void listen();
    bool take_message();
    void obey(const Message& message, std::span<const char> rest);
    void announce(std::uint32_t id);
    void send(std::uint32_t port, Event event, std::uint16_t value);
    /// Whether the device has taken every message.
    bool reclaim();
    void reclaim_locked() REQUIRES(lock_);
    static void on_interrupt(void* self, std::uint16_t queue);

    Transport& transport_;
    std::uint16_t port_count_ = 0; // with queues
    ConsolePort ports_[most_ports];
    std::atomic<bool> is_booting_{true};
    Queue* in_ = nullptr; // of messages; null: the device has none
    Queue* out_ = nullptr;
    SpinLock<LockRank::device_queue> lock_;
    char* arriving_ GUARDED_BY(lock_) = nullptr; // a frame
    Message* leaving_ GUARDED_BY(lock_) = nullptr;
    std::uint32_t is_leaving_ GUARDED_BY(lock_) = 0; // a bit for each message the device has
};

Result<void> ConsoleDevice::init() {
    const std::uint64_t features = TRY(negotiate(transport_, has_size | has_ports));
    const bool is_multiple = (features & has_ports) != 0;
    const std::uint32_t offered = is_multiple ? transport_.read_field(Field::port_count, 4) : 1;
    if (offered == 0) return Errc::not_supported;
    for (; port_count_ < std::min<std::uint32_t>(offered, most_ports); port_count_++)
        TRY(ports_[port_count_].init(transport_, port_count_, features));
    if (is_multiple) TRY(init_control(features));
    TRY(transport_.attach(on_interrupt, this));
    virtio::start(transport_);
    if (is_multiple) {
        listen();
    } else {
        TRY(ports_[0].start([](void*, std::uint32_t, bool) {}, this));
        ports_[0].make_console();
        ports_[0].set_connected(true);
        is_booting_.store(false, std::memory_order_relaxed);
    }
    if ((features & has_size) != 0 && ports_[0].is_console())
        ports_[0].set_window(
            {.rows = static_cast<std::uint16_t>(transport_.read_field(Field::rows, 2)),
             .columns = static_cast<std::uint16_t>(transport_.read_field(Field::columns, 2))});
    return {};
}

Result<void> ConsoleDevice::init_control(std::uint64_t features) {
    const PhysAddr in = TRY(mm::alloc_frames()), out = TRY(mm::alloc_frames());
    in_ = TRY(make_queue(transport_, control_in, control_count, 0, features));
    out_ = TRY(make_queue(transport_, control_out, control_count, 0, features));
    IrqGuard guard{lock_};
    arriving_ = static_cast<char*>(mm::phys_to_virt(in));
    leaving_ = static_cast<Message*>(mm::phys_to_virt(out));
    for (unsigned n = 0; n < in_->place().size; n++) {
        char* const at = arriving_ + n * control_bytes;
        const Piece piece{mm::virt_to_phys(at), control_bytes};
        TRY(in_->add({}, {&piece, 1}, at));
    }
    return {};
}

/// What the device has to say at first, and to what we answer. The rest comes by interrupt.
void ConsoleDevice::listen() {
    {
        IrqGuard guard{lock_};
        if (in_->publish()) transport_.notify(control_in);
        out_->silence_interrupts();
    }
    send(no_port, device_ready, 1);
    // A device that has taken all our messages has answered them: then nothing more is to come.
    for (unsigned tries = 0; tries < 2000; tries++) {
        const bool is_heard = reclaim();
        while (take_message()) {}
        if (is_heard && reclaim()) break;
        static_cast<void>(sched::sleep_until(time::now() + Nanos{500'000}));
    }
    is_booting_.store(false, std::memory_order_relaxed);
    while (take_message()) {}
}

/// False: there is none; the next interrupts.
bool ConsoleDevice::take_message() {
    char text[control_bytes];
    std::size_t count = 0;
    {
        IrqGuard guard{lock_};
        const auto first = in_->take();
        if (first.ok() && !first.value() && !in_->expect_interrupt()) return false;
        const auto got = first.ok() && first.value() ? first : in_->take();
        if (!got.ok() || !got.value()) return got.ok();
        auto* const at = static_cast<char*>(got.value()->owner);
        count = got.value()->written;
        std::memcpy(text, at, count);
        const Piece piece{mm::virt_to_phys(at), control_bytes};
        static_cast<void>(in_->add({}, {&piece, 1}, at));
        if (in_->publish()) transport_.notify(control_in);
    }
    Message message;
    if (count < sizeof message) return true;
    std::memcpy(&message, text, sizeof message);
    obey(message, std::span<const char>(text).first(count).subspan(sizeof message));
    return true;
}

/// A name that can stand below /dev.
bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && name != "." && name != ".." &&
           std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127 && c != '/'; });
}

/// The device is not trusted: what makes no sense is passed over.
void ConsoleDevice::obey(const Message& message, std::span<const char> rest) {
    if (message.event == port_add) return announce(message.port);
    if (message.port >= port_count_ || !ports_[message.port].is_started()) return;
    ConsolePort& port = ports_[message.port];
    const bool is_booting = is_booting_.load(std::memory_order_relaxed);
    switch (message.event) {
    case port_remove: return port.vanish();
    case console_port:
        if (!is_booting || message.value == 0) return;
        port.make_console();
        return send(message.port, port_open, 1);
    case port_open: return port.set_connected(message.value != 0);
    case port_name: {
        std::string_view name(rest.data(), rest.size());
        name = name.substr(0, name.find('\0'));
        if (is_booting && port.label().empty() && is_name(name)) port.set_label(name);
        return;
    }
    case resize: {
        std::uint16_t size[2]; // columns, rows
        if (rest.size() < sizeof size) return;
        std::memcpy(size, rest.data(), sizeof size);
        return port.set_window({.rows = size[1], .columns = size[0]});
    }
    default: return;
    }
}

void ConsoleDevice::announce(std::uint32_t id) {
    const bool is_ours = id < port_count_ && is_booting_.load(std::memory_order_relaxed);
    const auto tell = [](void* self, std::uint32_t port, bool is_open) {
        static_cast<ConsoleDevice*>(self)->send(port, port_open, is_open);
    };
    if (is_ours && ports_[id].is_started()) return; // it has been said
    const bool is_ready = is_ours && ports_[id].start(tell, this).ok();
    if (!is_ready) log(LogLevel::warning, "port {} of a console device is left out", id);
    send(id, port_ready, is_ready);
}

void ConsoleDevice::reclaim_locked() {
    for (;;) {
        const auto got = out_->take();
        if (!got.ok() || !got.value()) return;
        is_leaving_ &= ~(1u << (static_cast<Message*>(got.value()->owner) - leaving_));
    }
}
bool ConsoleDevice::reclaim() {
    IrqGuard guard{lock_};
    reclaim_locked();
    return is_leaving_ == 0;
}

/// A device that does not look at its messages gets no more of them.
void ConsoleDevice::send(std::uint32_t port, Event event, std::uint16_t value) {
    IrqGuard guard{lock_};
    reclaim_locked();
    const int n = std::countr_one(is_leaving_);
    if (n >= control_count) return;
    Message& message = leaving_[n];
    message = {.port = port, .event = event, .value = value};
    const Piece piece{mm::virt_to_phys(&message), sizeof message};
    if (!out_->add({&piece, 1}, {}, &message)) return;
    is_leaving_ |= 1u << n;
    if (out_->publish()) transport_.notify(control_out);
}

tty::PortDevice* ConsoleDevice::next_port(const tty::PortDevice* last) {
    for (std::uint32_t n = last ? last->number() + 1 : 0; n < port_count_; n++)
        if (ports_[n].is_started() && !ports_[n].is_console()) return &ports_[n];
    return nullptr;
}

void ConsoleDevice::on_interrupt(void* context, std::uint16_t) {
    auto& self = *static_cast<ConsoleDevice*>(context);
    if (self.is_booting_.load(std::memory_order_relaxed)) return; // who boots looks by itself
    while (self.in_ && self.take_message()) {}
    for (std::uint16_t n = 0; n < self.port_count_; n++) self.ports_[n].on_interrupt();
}

Result<OwnPtr<drivers::Device>> probe(const drivers::DeviceNode& node, drivers::MapDevice) {
    if (!node.transport) return Errc::invalid;
    auto device = TRY(make_own<ConsoleDevice>(*node.transport));
    if (auto up = device->init(); !up) {
        give_up(*node.transport);
        static_cast<void>(device.leak()); // its handler may be attached
        return up.error();
    }
    return OwnPtr<drivers::Device>(device.leak());
}

constexpr std::string_view models[] = {"virtio,device3"};

} // namespace

DRUPE_DRIVER(virtio_console) = {"virtio-console", models, drivers::DeviceClass::console, probe};

} // namespace drupe::virtio
