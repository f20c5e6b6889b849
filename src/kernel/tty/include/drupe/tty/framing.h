// SPDX-License-Identifier: BSD-2-Clause
// The host's way to send a program any bytes and an end over a serial line (docs/bootfs.md, "The
// console"): DLE (0x10) introduces a command. Pure.
#pragma once

#include <drupe/tty/termios.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace drupe::tty {

class FrameDecoder {
public:
    struct Step {
        std::size_t taken; // of the input
        std::size_t given; // to the output
    };
    /// Decodes until one of both ends. Everything before the stream's beginning and after its end
    /// is taken and gives nothing; so does a command that nobody knows.
    Step decode(std::string_view input, std::span<char> output);
    bool is_at_end() const { return state_ == State::ended; }
    /// The newest window of the host's terminal since the last call.
    std::optional<WindowSize> take_window() { return std::exchange(window_, std::nullopt); }

private:
    void command(char c);
    void window_digit(char c);

    // The beginning is DLE B, but the DLE may get lost before the receiver is ready: the B decides.
    enum class State : std::uint8_t { before, data, escaped, rows, columns, ended };
    State state_ = State::before;
    WindowSize arriving_;
    std::optional<WindowSize> window_;
};

} // namespace drupe::tty
