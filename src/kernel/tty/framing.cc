// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/tty/framing.h>

namespace drupe::tty {

FrameDecoder::Step FrameDecoder::decode(std::string_view input, std::span<char> output) {
    constexpr char dle = 0x10;
    Step step{0, 0};
    while (step.taken < input.size()) {
        const char c = input[step.taken];
        if (state_ == State::before) {
            if (c == 'B') state_ = State::data;
        } else if (state_ == State::data && c == dle) {
            state_ = State::escaped;
        } else if (state_ == State::data || (state_ == State::escaped && c == dle)) {
            if (step.given == output.size()) return step;
            output[step.given++] = c;
            state_ = State::data;
        } else if (state_ == State::escaped) {
            command(c);
        } else if (state_ == State::rows || state_ == State::columns) {
            window_digit(c);
        }
        step.taken++;
    }
    return step;
}

void FrameDecoder::command(char c) {
    arriving_ = {};
    state_ = c == 'E' ? State::ended : c == 'W' ? State::rows : State::data;
}

void FrameDecoder::window_digit(char c) {
    std::uint16_t& number = state_ == State::rows ? arriving_.rows : arriving_.columns;
    if (c >= '0' && c <= '9') {
        number = static_cast<std::uint16_t>(number * 10 + (c - '0'));
    } else if (c == ';' && state_ == State::rows) {
        state_ = State::columns;
    } else {
        if (c == ';') window_ = arriving_;
        state_ = State::data;
    }
}

} // namespace drupe::tty
