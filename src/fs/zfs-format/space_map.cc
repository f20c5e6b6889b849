// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/space_map.h>

namespace drupe::zfs {

namespace {
constexpr std::uint64_t max_run = 1 << 15; // of a one-word entry
constexpr unsigned prefix_debug = 2, prefix_two_words = 3;
} // namespace

Result<void> encode_space_map(Buffer& out, const SpaceMapEntry& e, unsigned shift) {
    std::uint64_t offset = e.offset >> shift, left = e.length >> shift;
    while (left != 0) {
        std::uint64_t run = left < max_run ? left : max_run;
        std::byte word[8];
        store_le(word, offset << 16 | static_cast<std::uint64_t>(e.type) << 15 | (run - 1));
        TRY(out.append(word));
        offset += run;
        left -= run;
    }
    return {};
}

Result<bool> decode_space_map(Bytes& rest, SpaceMapEntry& e, unsigned shift) {
    while (rest.size() >= 8) {
        std::uint64_t word = load_le<std::uint64_t>(rest.data());
        rest = rest.subspan(8);
        unsigned prefix = word >> 62;
        if (prefix == prefix_debug) continue;
        e = {};
        if (prefix == prefix_two_words) {
            if (rest.size() < 8) return Errc::corrupt;
            std::uint64_t second = load_le<std::uint64_t>(rest.data());
            rest = rest.subspan(8);
            e.vdev = word & 0xffffff;
            e.length = ((word >> 24 & 0xfffffffff) + 1) << shift;
            e.type = static_cast<SpaceMapEntry::Type>(second >> 63);
            e.offset = (second & ~(1ull << 63)) << shift;
        } else {
            e.offset = (word >> 16 & ((1ull << 47) - 1)) << shift;
            e.length = ((word & 0x7fff) + 1) << shift;
            e.type = static_cast<SpaceMapEntry::Type>(word >> 15 & 1);
        }
        return true;
    }
    if (!rest.empty()) return Errc::corrupt;
    return false;
}

} // namespace drupe::zfs
