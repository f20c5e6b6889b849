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
            state_ = c == 'E' ? State::ended : State::data;
        }
        step.taken++;
    }
    return step;
}

} // namespace drupe::tty
