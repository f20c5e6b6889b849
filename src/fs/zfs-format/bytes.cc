// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/ondisk.h>

namespace drupe::zfs {

bool is_zero(Bytes bytes) {
    // Data differs from zero early or not at all: compare the buffer with itself one word further.
    if (bytes.size() < 16) {
        for (std::byte b : bytes)
            if (b != std::byte{0}) return false;
        return true;
    }
    if (load_le<std::uint64_t>(bytes.data()) != 0) return false;
    return std::memcmp(bytes.data(), bytes.data() + 8, bytes.size() - 8) == 0;
}

void embedded_payload(const Blkptr& bp, MutableBytes out) {
    // All words but the property word and the birth time carry data.
    std::byte raw[sizeof bp];
    store(raw, bp);
    std::memcpy(out.data(), raw, 48);
    std::memcpy(out.data() + 48, raw + 56, 24);
    std::memcpy(out.data() + 72, raw + 88, 40);
}

} // namespace drupe::zfs
