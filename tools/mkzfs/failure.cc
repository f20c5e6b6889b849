// SPDX-License-Identifier: BSD-2-Clause
#include "failure.h"

namespace drupe::mkzfs {

std::string_view words_for(Errc errc) {
    switch (errc) {
    case Errc::no_memory: return "out of memory";
    case Errc::corrupt: return "it is damaged";
    case Errc::not_supported: return "it uses something this program does not know";
    case Errc::not_found: return "there is no such thing";
    case Errc::io: return "it cannot be read";
    case Errc::too_big: return "it is too large";
    default: return "it is not valid";
    }
}

std::string printable(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == 127 || c == '\\')
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return out;
}

} // namespace drupe::mkzfs
