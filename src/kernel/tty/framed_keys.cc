// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/tty/framed_keys.h>

namespace drupe::tty {

// The decoder, given no room, stops in front of the next key; it goes past a key only when the
// terminal has taken it.
std::size_t FramedKeys::receive(std::string_view bytes) {
    std::size_t taken = 0;
    for (;;) {
        taken += decoder_.decode(bytes.substr(taken), {}).taken;
        if (auto window = decoder_.take_window()) tty_.set_window(*window);
        if (taken == bytes.size() || tty_.receive(bytes.substr(taken, 1)) == 0) return taken;
        char key;
        taken += decoder_.decode(bytes.substr(taken, 1), {&key, 1}).taken;
    }
}

} // namespace drupe::tty
