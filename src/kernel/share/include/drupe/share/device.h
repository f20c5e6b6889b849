// SPDX-License-Identifier: BSD-2-Clause
// What the kernel needs of a device behind which somebody serves files: messages go there, and
// their answers come back. Drivers implement it; what the messages say is the file system's.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::share {

/// Memory that a message lies in, or that its answer goes to. In RAM.
struct Piece {
    PhysAddr at;
    std::uint32_t bytes;
};

/// The submitter's until it is submitted, and again from the call of `done` on.
struct Exchange {
    std::span<const Piece> out{}; // read by the device
    std::span<const Piece> in{};  // written by it, `out` and `in` together at most most_pieces()
    bool is_urgent = false;       // overtakes others where the device has a way for that
    /// Runs once, in any context, interrupts masked; `written` and `outcome` are set. It may free
    /// the exchange.
    void (*done)(Exchange& exchange) = nullptr;
    std::uint32_t written = 0; // at most what `in` has room for
    Errc outcome = Errc::ok;   // io: nobody will answer
    ListHook hook;             // the driver's, while it has the exchange
};

enum class Protocol : std::uint8_t { ninep, fuse };

class Device {
public:
    virtual Protocol protocol() const = 0;
    /// By which it is mounted.
    virtual std::string_view tag() const = 0;
    virtual std::uint32_t most_pieces() const = 0;
    /// Takes the exchange; answers come in any order. Context: any, no spin lock of rank
    /// device_queue or lower held.
    virtual void submit(Exchange& exchange) = 0;

    /// One user at a time: whoever begins a session ends the one before. False: there is one.
    bool claim() { return !is_claimed_.exchange(true, std::memory_order_acquire); }
    void give_back() { is_claimed_.store(false, std::memory_order_release); }

    /// At boot, by one thread; the device lives for ever.
    static void add(Device& device);
    /// The last with this tag, or null.
    static Device* find(std::string_view tag);

private:
    std::atomic<bool> is_claimed_{false}; // release pairs with the next user's acquire
    Device* next_ = nullptr;

protected:
    ~Device() = default;
};

} // namespace drupe::share
