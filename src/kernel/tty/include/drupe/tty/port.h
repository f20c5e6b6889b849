// SPDX-License-Identifier: BSD-2-Clause
// A byte stream to the host beside the console: what its driver gives, and its file below /dev, as
// Linux's virtio console ports have it: one opener at a time, who reads the end of file while
// nobody listens on the host.
#pragma once

#include <drupe/base/result.h>
#include <drupe/sched/wait_queue.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::tty {

class PortDevice {
public:
    struct State {
        bool has_input, has_room;
        bool is_connected; // somebody listens on the host
        bool is_gone;      // unplugged, or its device is beyond trust
    };
    /// What the host calls it; may be empty. Checked: no '/', no control characters, no "." or
    /// "..".
    virtual std::string_view label() const = 0;
    virtual std::uint32_t number() const = 0;
    // None of these waits. Any context.
    virtual std::size_t receive(std::span<char> buffer) = 0;
    /// How many bytes there was room for; they are with the device soon.
    virtual std::size_t send(std::string_view bytes) = 0;
    /// Returns when the device has all of it: a machine's last words. Nobody else uses the port.
    virtual void send_now(std::string_view bytes) = 0;
    virtual State state() = 0;
    /// Tells the host whether somebody listens here.
    virtual void set_open(bool is_open) = 0;

    sched::WaitQueue changed; // woken when the state may have

protected:
    ~PortDevice() = default;
};

/// Makes vportDEVICEpNUMBER (major 242) and, when it has a name that is not taken, the link
/// virtio-ports/NAME. The port lives for ever. no_memory. Context: thread, while the machine boots.
Result<void> add_port(PortDevice& port, std::uint32_t device);

} // namespace drupe::tty
