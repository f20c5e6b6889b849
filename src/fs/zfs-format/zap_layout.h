// SPDX-License-Identifier: BSD-2-Clause
// The layout of a fat ZAP's leaf, shared by reader and builder: a 48-byte header, a hash table of
// 16-bit chunk numbers, then chunks of 24 bytes.
#pragma once

#include <drupe/zfs/bytes.h>
#include <drupe/zfs/zap.h>

#include <bit>

namespace drupe::zfs {

inline constexpr unsigned chunk_free = 253;
inline constexpr unsigned chunk_entry = 252;
inline constexpr unsigned chunk_array = 251;
inline constexpr std::size_t chain_end = 0xffff;
inline constexpr std::size_t leaf_header_size = 48;
inline constexpr std::uint8_t leaf_flag_cd_sorted = 1;
inline constexpr std::uint64_t zap_flag_uint64_key = 2;
inline constexpr std::uint64_t zap_flag_pre_hashed_key = 4;

constexpr std::size_t leaf_buckets(unsigned block_shift) {
    return std::size_t{1} << (block_shift - 5);
}
constexpr std::size_t leaf_chunks(unsigned block_shift) {
    return ((std::size_t{1} << block_shift) - 2 * leaf_buckets(block_shift)) / zap_chunk_size - 2;
}

/// A leaf block of at least 1 << block_shift bytes.
struct LeafView {
    Bytes block;
    unsigned block_shift;

    std::size_t chunk_count() const { return leaf_chunks(block_shift); }
    const std::byte* chunk(std::size_t i) const {
        return &block[leaf_header_size + 2 * leaf_buckets(block_shift) + i * zap_chunk_size];
    }
    unsigned prefix_length() const { return load_le<std::uint16_t>(&block[32]); }
    std::size_t bucket_of(std::uint64_t hash) const {
        unsigned shift = 64 - (block_shift - 5) - prefix_length();
        return hash >> (shift & 63) & (leaf_buckets(block_shift) - 1);
    }
    std::size_t bucket(std::size_t i) const {
        return load_le<std::uint16_t>(&block[leaf_header_size + 2 * i]);
    }
};

} // namespace drupe::zfs
