// SPDX-License-Identifier: BSD-2-Clause
// The keys and window sizes of the host's terminal, framed: handed to a terminal of ours.
#pragma once

#include <drupe/tty/framing.h>
#include <drupe/tty/input_pump.h>
#include <drupe/tty/tty.h>

namespace drupe::tty {

class FramedKeys final : public InputReceiver {
public:
    explicit FramedKeys(Tty& tty) : tty_(tty) {}
    std::size_t receive(std::string_view bytes) override;

private:
    Tty& tty_;
    FrameDecoder decoder_;
};

} // namespace drupe::tty
