// SPDX-License-Identifier: BSD-2-Clause
// One port of a console device: a queue in each direction, and what control messages say about it.
#pragma once

#include <drupe/drivers/classes.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/tty/port.h>
#include <drupe/virtio/transport.h>

namespace drupe::virtio {

/// A frame, cut into buffers that the device sees.
class PortBuffers {
public:
    static constexpr std::uint16_t count = 4;
    static constexpr std::uint32_t bytes = 1024;
    /// no_memory.
    Result<void> init();
    char* at(unsigned n) const { return memory_ + n * bytes; }
    Piece piece(unsigned n, std::size_t length) const;
    unsigned number(const void* owner) const {
        return static_cast<unsigned>((static_cast<const char*>(owner) - memory_) / bytes);
    }

private:
    char* memory_ = nullptr;
};

class ConsolePort final : public tty::PortDevice, public drivers::Console {
public:
    /// Tells the host of set_open(). Any context.
    using SetOpen = void (*)(void* context, std::uint32_t port, bool is_open);

    /// The queues, before the device may begin. Errors as make_queue's.
    Result<void> init(Transport& transport, std::uint32_t number, std::uint64_t features);
    /// After that: the port is there. no_memory.
    Result<void> start(SetOpen set_open, void* context);
    bool is_started() const { return is_started_; }
    bool is_console() const { return is_console_; }

    // What control messages say. The first two while the machine boots.
    void make_console() { is_console_ = true; }
    void set_label(std::string_view label);
    void set_connected(bool is_connected);
    void set_window(Window window);
    void vanish();
    /// The device may have used a buffer.
    void on_interrupt();

    std::string_view label() const override { return {label_, label_bytes_}; }
    std::uint32_t number() const override { return number_; }
    std::size_t receive(std::span<char> buffer) override;
    std::size_t send(std::string_view bytes) override;
    State state() override;
    /// Gives up on a device that takes nothing for long.
    void send_now(std::string_view bytes) override;
    void set_open(bool is_open) override;

    const char* name() const override { return "virtio-console"; }
    void write(std::string_view bytes) override { send_now(bytes); }
    std::size_t read(std::span<char> buffer) override { return receive(buffer); }
    Result<void> enable_input(InputHandler handler, void* context) override;
    std::optional<Window> take_window() override;

private:
    bool fetch() REQUIRES(lock_);
    void give(unsigned n) REQUIRES(lock_);
    void reclaim();
    std::size_t put(std::string_view bytes);

    Transport* transport_ = nullptr;
    Queue* in_ = nullptr;
    Queue* out_ = nullptr;
    std::uint16_t in_index_ = 0;
    std::uint32_t number_ = 0;
    SetOpen set_open_ = nullptr;
    void* context_ = nullptr;
    bool is_started_ = false, is_console_ = false;
    char label_[64];
    std::uint8_t label_bytes_ = 0;
    InputHandler on_input_ = nullptr;
    void* input_context_ = nullptr;

    SpinLock<LockRank::device_queue> lock_;
    bool is_connected_ GUARDED_BY(lock_) = false;
    bool is_gone_ GUARDED_BY(lock_) = false;
    std::optional<Window> window_ GUARDED_BY(lock_);
    PortBuffers arriving_, leaving_;
    // What arrived and was not read: a part of one buffer.
    unsigned current_ GUARDED_BY(lock_) = 0;
    std::uint32_t begin_ GUARDED_BY(lock_) = 0, end_ GUARDED_BY(lock_) = 0;
    // The way out: under lock_, or of a console, whose callers serialise and hold a lock below it.
    std::uint8_t free_[PortBuffers::count];
    std::uint8_t free_count_ = 0;
};

} // namespace drupe::virtio
