// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/ondisk.h>

#include <algorithm>

namespace drupe::zfs {

namespace {

// All words of an embedded pointer but the property word and the birth time carry data.
struct Part {
    std::size_t at, length;
};
constexpr Part payload_parts[] = {{0, 48}, {56, 24}, {88, 40}};

} // namespace

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
    std::byte raw[sizeof bp];
    store(raw, bp);
    std::size_t done = 0;
    for (auto [at, length] : payload_parts) {
        std::memcpy(out.data() + done, raw + at, length);
        done += length;
    }
}

Blkptr embedded_blkptr(ObjectType type, std::size_t lsize, Compress compress, Bytes payload,
                       std::uint64_t birth) {
    std::byte raw[sizeof(Blkptr)] = {};
    Bytes rest = payload;
    for (auto [at, length] : payload_parts) {
        std::size_t n = std::min(length, rest.size());
        if (n != 0) std::memcpy(raw + at, rest.data(), n);
        rest = rest.subspan(n);
    }
    auto bp = load<Blkptr>(raw);
    bp.prop = 1ull << 63 | static_cast<std::uint64_t>(type) << 48 | 1ull << 39 |
              static_cast<std::uint64_t>(compress) << 32 | (payload.size() - 1) << 25 | (lsize - 1);
    bp.birth = birth;
    return bp;
}

} // namespace drupe::zfs
