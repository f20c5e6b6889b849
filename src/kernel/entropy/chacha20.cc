// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/entropy/chacha20.h>

#include <bit>

namespace drupe::entropy {
namespace {

// By reference and with constant indices: then all sixteen words stay in registers.
[[gnu::always_inline]] inline void quarter_round(std::uint32_t& a, std::uint32_t& b,
                                                 std::uint32_t& c, std::uint32_t& d) {
    a += b, d = std::rotl(d ^ a, 16);
    c += d, b = std::rotl(b ^ c, 12);
    a += b, d = std::rotl(d ^ a, 8);
    c += d, b = std::rotl(b ^ c, 7);
}

} // namespace

ChaChaBlock chacha20(const ChaChaKey& key, const ChaChaInput& input) {
    ChaChaBlock start = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (unsigned i = 0; i < 8; i++) start[4 + i] = key[i];
    for (unsigned i = 0; i < 4; i++) start[12 + i] = input[i];
    ChaChaBlock s = start;
    for (unsigned round = 0; round < 20; round += 2) {
        quarter_round(s[0], s[4], s[8], s[12]);
        quarter_round(s[1], s[5], s[9], s[13]);
        quarter_round(s[2], s[6], s[10], s[14]);
        quarter_round(s[3], s[7], s[11], s[15]);
        quarter_round(s[0], s[5], s[10], s[15]);
        quarter_round(s[1], s[6], s[11], s[12]);
        quarter_round(s[2], s[7], s[8], s[13]);
        quarter_round(s[3], s[4], s[9], s[14]);
    }
    for (unsigned i = 0; i < 16; i++) s[i] += start[i];
    return s;
}

} // namespace drupe::entropy
