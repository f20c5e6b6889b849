// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/entropy/chacha20.h>

#include <bit>

namespace drupe::entropy {
namespace {

void quarter_round(ChaChaBlock& s, unsigned a, unsigned b, unsigned c, unsigned d) {
    s[a] += s[b], s[d] = std::rotl(s[d] ^ s[a], 16);
    s[c] += s[d], s[b] = std::rotl(s[b] ^ s[c], 12);
    s[a] += s[b], s[d] = std::rotl(s[d] ^ s[a], 8);
    s[c] += s[d], s[b] = std::rotl(s[b] ^ s[c], 7);
}

} // namespace

ChaChaBlock chacha20(const ChaChaKey& key, const ChaChaInput& input) {
    ChaChaBlock start = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (unsigned i = 0; i < 8; i++) start[4 + i] = key[i];
    for (unsigned i = 0; i < 4; i++) start[12 + i] = input[i];
    ChaChaBlock s = start;
    for (unsigned round = 0; round < 20; round += 2) {
        for (unsigned column = 0; column < 4; column++)
            quarter_round(s, column, 4 + column, 8 + column, 12 + column);
        for (unsigned column = 0; column < 4; column++)
            quarter_round(s, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4,
                          12 + (column + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++) s[i] += start[i];
    return s;
}

} // namespace drupe::entropy
