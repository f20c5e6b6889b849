// SPDX-License-Identifier: BSD-2-Clause
#include "console_port.h"

#include <drupe/arch/cpu.h>
#include <drupe/mm/frames.h>

#include <algorithm>
#include <cstring>

namespace drupe::virtio {

Result<void> PortBuffers::init() {
    static_assert(count * bytes == page_size);
    memory_ = static_cast<char*>(mm::phys_to_virt(TRY(mm::alloc_frames())));
    return {};
}
Piece PortBuffers::piece(unsigned n, std::size_t length) const {
    return {mm::virt_to_phys(at(n)), static_cast<std::uint32_t>(length)};
}

// [virtio] "Console Device", "Virtqueues": two for port 0, two for control, two for each further.
Result<void> ConsolePort::init(Transport& transport, std::uint32_t number, std::uint64_t features) {
    transport_ = &transport;
    number_ = number;
    in_index_ = static_cast<std::uint16_t>(number == 0 ? 0 : 2 * number + 2);
    const auto out = static_cast<std::uint16_t>(in_index_ + 1);
    in_ = TRY(make_queue(transport, in_index_, PortBuffers::count, 0, features));
    out_ = TRY(make_queue(transport, out, PortBuffers::count, 0, features));
    return {};
}

Result<void> ConsolePort::start(SetOpen tell, void* context) {
    TRY(arriving_.init());
    TRY(leaving_.init());
    set_open_ = tell;
    context_ = context;
    for (std::uint8_t n = 0; n < PortBuffers::count; n++) free_[free_count_++] = n;
    out_->silence_interrupts();
    is_started_ = true;
    IrqGuard guard{lock_};
    for (unsigned n = 0; n < PortBuffers::count; n++) give(n);
    return {};
}

void ConsolePort::set_label(std::string_view label) {
    label_bytes_ = static_cast<std::uint8_t>(std::min(label.size(), sizeof label_));
    std::memcpy(label_, label.data(), label_bytes_);
}

void ConsolePort::set_connected(bool is_connected) {
    {
        IrqGuard guard{lock_};
        is_connected_ = is_connected;
    }
    changed.wake_all();
}

void ConsolePort::set_window(Window window) {
    {
        IrqGuard guard{lock_};
        window_ = window;
    }
    if (on_input_) on_input_(input_context_);
}

void ConsolePort::vanish() {
    {
        IrqGuard guard{lock_};
        is_gone_ = true;
        is_connected_ = false;
    }
    changed.wake_all();
}

/// To the device, to be filled.
void ConsolePort::give(unsigned n) {
    const Piece piece = arriving_.piece(n, PortBuffers::bytes);
    static_cast<void>(in_->add({}, {&piece, 1}, arriving_.at(n)));
    if (in_->publish()) transport_->notify(in_index_);
}

/// Whether there is something to read. If not, the next arrival interrupts.
bool ConsolePort::fetch() {
    while (begin_ == end_) {
        const auto got = in_->take();
        if (!got.ok()) {
            is_gone_ = true;
            return false;
        }
        if (!got.value()) {
            if (in_->expect_interrupt()) continue;
            return false;
        }
        current_ = arriving_.number(got.value()->owner);
        begin_ = 0;
        end_ = got.value()->written;
        if (end_ == 0) give(current_);
    }
    return true;
}

std::size_t ConsolePort::receive(std::span<char> buffer) {
    IrqGuard guard{lock_};
    std::size_t moved = 0;
    while (moved < buffer.size() && is_started_ && fetch()) {
        const std::size_t piece = std::min<std::size_t>(end_ - begin_, buffer.size() - moved);
        std::memcpy(buffer.data() + moved, arriving_.at(current_) + begin_, piece);
        moved += piece;
        begin_ += static_cast<std::uint32_t>(piece);
        if (begin_ == end_) give(current_);
    }
    return moved;
}

/// Buffers that the device is done with.
void ConsolePort::reclaim() {
    for (;;) {
        const auto got = out_->take();
        if (!got.ok() || !got.value()) return;
        free_[free_count_++] = static_cast<std::uint8_t>(leaving_.number(got.value()->owner));
    }
}

std::size_t ConsolePort::put(std::string_view bytes) {
    std::size_t moved = 0;
    reclaim();
    while (!bytes.empty() && free_count_ != 0) {
        const std::uint8_t n = free_[free_count_ - 1];
        const std::size_t piece = std::min<std::size_t>(bytes.size(), PortBuffers::bytes);
        std::memcpy(leaving_.at(n), bytes.data(), piece);
        const Piece given = leaving_.piece(n, piece);
        if (!out_->add({&given, 1}, {}, leaving_.at(n))) break;
        free_count_--;
        bytes.remove_prefix(piece);
        moved += piece;
    }
    if (out_->publish()) transport_->notify(static_cast<std::uint16_t>(in_index_ + 1));
    return moved;
}

std::size_t ConsolePort::send(std::string_view bytes) {
    IrqGuard guard{lock_};
    return put(bytes);
}

void ConsolePort::set_open(bool is_open) {
    set_open_(context_, number_, is_open);
    // The host may have held input back. QEMU looks again when it hears of room, not of listeners.
    if (is_open) transport_->notify(in_index_);
}

tty::PortDevice::State ConsolePort::state() {
    IrqGuard guard{lock_};
    const bool has_input = is_started_ && fetch();
    do reclaim();
    while (free_count_ == 0 && out_->expect_interrupt());
    if (free_count_ != 0) out_->silence_interrupts();
    return {.has_input = has_input,
            .has_room = free_count_ != 0,
            .is_connected = is_connected_,
            .is_gone = is_gone_ || out_->is_broken()};
}

void ConsolePort::on_interrupt() {
    if (!is_started_) return;
    changed.wake_all();
    if (on_input_) on_input_(input_context_);
}

void ConsolePort::send_now(std::string_view bytes) {
    constexpr unsigned patience = 100'000'000;
    for (unsigned tries = 0; tries < patience && !out_->is_broken(); tries++) {
        bytes.remove_prefix(put(bytes));
        if (bytes.empty() && free_count_ == PortBuffers::count) return;
        arch::cpu_relax();
    }
}

Result<void> ConsolePort::enable_input(InputHandler handler, void* context) {
    input_context_ = context;
    on_input_ = handler;
    handler(context); // what came before
    return {};
}

std::optional<drivers::Console::Window> ConsolePort::take_window() {
    IrqGuard guard{lock_};
    return std::exchange(window_, std::nullopt);
}

} // namespace drupe::virtio
