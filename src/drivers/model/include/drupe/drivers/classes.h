// SPDX-License-Identifier: BSD-2-Clause
// The device classes: what the rest of the system asks of a console or a clock.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drupe::drivers {

/// A byte stream to a person or a host. Output is synchronous and works with interrupts masked,
/// before any other part of the kernel does.
class Console {
public:
    /// Called from the interrupt when bytes arrived; it fetches them with read().
    using InputHandler = void (*)(void* context);

    virtual const char* name() const = 0;
    /// Returns when all bytes are with the device. Callers serialise (LockRank::console).
    virtual void write(std::string_view bytes) = 0;
    /// Bytes that arrived, never waiting. Any context; one caller at a time.
    virtual std::size_t read(std::span<char> buffer) = 0;
    /// From here on `handler` runs, interrupts masked, when there is input. Once; thread context.
    /// not_supported: the device has no interrupt.
    virtual Result<void> enable_input(InputHandler handler, void* context) = 0;
    struct Window {
        std::uint16_t rows, columns;
    };
    /// The size of the window there, when it is known and has changed since the last call. The
    /// input handler runs then too. Any context.
    virtual std::optional<Window> take_window() { return std::nullopt; }

protected:
    ~Console() = default;
};

/// A battery-backed or host-backed clock.
class RealTimeClock {
public:
    /// Time since 1970-01-01 UTC. io: the device gives none.
    virtual Result<Nanos> read_time() = 0;

protected:
    ~RealTimeClock() = default;
};

/// The key that switches the machine off.
class PowerKey {
public:
    /// From the interrupt.
    using Handler = void (*)();
    /// From here on `pressed` runs for each press. Once. Errors of irq::attach.
    virtual Result<void> enable(Handler pressed) = 0;

protected:
    ~PowerKey() = default;
};

/// Who wants to know that the kernel has failed.
class PanicListener {
public:
    /// Context: any. The machine may end in it.
    virtual void tell() = 0;

protected:
    ~PanicListener() = default;
};

struct FirmwareItem {
    std::uint32_t bytes;
    std::uint16_t key;
    char name[56]; // ends with a zero
};

/// Named bytes that the hypervisor has for the machine. Context of all: thread. io: the device does
/// not answer, or says that it failed.
class FirmwareItems {
public:
    /// Bits that say what the device can do.
    virtual Result<std::uint32_t> features() = 0;
    virtual Result<std::uint32_t> count() = 0;
    /// Below count().
    virtual Result<FirmwareItem> item(std::uint32_t number) = 0;
    /// Beyond an item's end zeros are read.
    virtual Result<void> read(std::uint16_t key, std::uint64_t offset, std::span<std::byte> to) = 0;

protected:
    ~FirmwareItems() = default;
};

/// A device that gives random bytes.
class EntropySource {
public:
    /// From the interrupt, with as many bytes as the device felt like giving.
    using Deliver = void (*)(std::span<const std::byte> bytes);

    virtual const char* name() const = 0;
    /// Asks for some bytes; `deliver` runs once when they are there. busy: it has been asked
    /// already; io. Any context.
    virtual Result<void> request(Deliver deliver) = 0;

protected:
    ~EntropySource() = default;
};

} // namespace drupe::drivers
