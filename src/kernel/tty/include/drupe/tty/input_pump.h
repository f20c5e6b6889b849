// SPDX-License-Identifier: BSD-2-Clause
// Carries bytes from an interrupting device to what reads them. A thread of its own, because what a
// key causes (echo, signals, waking readers) takes locks that no interrupt handler may take.
#pragma once

#include <drupe/base/result.h>
#include <drupe/sched/auto_event.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace drupe::tty {

class InputReceiver {
public:
    /// Takes bytes; how many. When not all, it calls InputPump::notify() once there is room again,
    /// and the rest stays with the device: nothing is lost. Thread context.
    virtual std::size_t receive(std::string_view bytes) = 0;

protected:
    ~InputReceiver() = default;
};

class InputPump {
public:
    /// Bytes the device has, never waiting.
    using Read = std::size_t (*)(std::span<char> buffer);

    /// Starts the thread. Both live as long as the pump, which lives for ever. no_memory.
    Result<void> start(Read read, InputReceiver& receiver);
    /// There may be something to carry. Any context.
    void notify() { work_.set(); }
    /// Carries what can be carried now. The thread's work; tests call it themselves.
    void carry();
    void attach(Read read, InputReceiver& receiver) {
        read_ = read;
        receiver_ = &receiver;
    }

private:
    static void run(void* self);
    Read read_ = nullptr;
    InputReceiver* receiver_ = nullptr;
    sched::AutoEvent work_;
    char held_[64]; // read from the device, not taken yet
    std::size_t held_begin_ = 0, held_end_ = 0;
};

} // namespace drupe::tty
