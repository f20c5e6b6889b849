// SPDX-License-Identifier: BSD-2-Clause
// ZAP, the attribute tables ZFS uses for directories and everything else with names: micro (one
// block, 64-bit values, short names) and fat (hashed leaves). The reader works over any function
// that gives it a block, the builder gives the blocks of a finished table; neither knows objects.
#pragma once

#include <drupe/zfs/array.h>

namespace drupe::zfs {

inline constexpr std::uint64_t zbt_leaf = (1ull << 63) + 0;
inline constexpr std::uint64_t zbt_header = (1ull << 63) + 1;
inline constexpr std::uint64_t zbt_micro = (1ull << 63) + 3;
inline constexpr std::uint64_t zap_magic = 0x2f52ab2ab;
inline constexpr std::uint32_t zap_leaf_magic = 0x2ab1eaf;
inline constexpr std::size_t mzap_entry_size = 64;
inline constexpr std::size_t mzap_name_size = 50; // with the NUL
inline constexpr std::size_t zap_max_name = 256;  // ZAP_MAXNAMELEN, with the NUL
inline constexpr std::size_t zap_chunk_size = 24;
inline constexpr std::size_t zap_chunk_bytes = 21;

/// The hash of `name` (without a NUL): its top 28 bits, the others zero.
std::uint64_t zap_hash(std::uint64_t salt, std::string_view name);

/// The blocks of the object a ZAP lies in.
class BlockView {
public:
    /// Block `index` of the object, block_size() bytes that stay valid until the next call.
    virtual Result<Bytes> block(std::uint64_t index) = 0;
    virtual std::size_t block_size() const = 0;
    virtual std::uint64_t block_count() const = 0;
    /// The first block at or after `index` that may hold something, or block_count().
    virtual Result<std::uint64_t> next_data(std::uint64_t index) { return index; }

protected:
    ~BlockView() = default;
};

/// One entry. The views stay valid until the next call to the cursor or the block view.
struct ZapEntry {
    std::string_view name;      // without the NUL; for keys of 64-bit words, the words big-endian
    unsigned integer_size = 8;  // of the values
    std::uint64_t integers = 0; // number of values
    std::uint64_t value = 0;    // the first one, where it has at most 8 bytes
    Bytes values;               // all of them, big-endian (fat), or empty (micro)
    std::uint64_t hash = 0;     // 0 for micro entries
    std::uint32_t cd = 0;
};

class ZapReader {
public:
    /// Reads the header. Errc::corrupt, Errc::not_supported (normalised or foreign tables are read
    /// by walking them; only lookup() is refused), or the block view's error.
    static Result<ZapReader> open(BlockView& view);

    /// Looks `name` up by its hash. Errc::not_found, Errc::corrupt.
    Result<ZapEntry> lookup(std::string_view name);
    /// The value of a one-integer entry.
    Result<std::uint64_t> u64(std::string_view name);

    /// Walks all entries, in the order they lie in. `position` starts at 0. False at the end.
    Result<bool> next(std::uint64_t& position, ZapEntry& entry);

    bool is_micro() const { return micro_; }
    std::uint64_t salt() const { return salt_; }
    /// What the header claims; for a micro table, counted by walking it.
    std::uint64_t claimed_entries() const { return entries_; }
    std::uint64_t flags() const { return flags_; }
    /// The leaf that holds hashes beginning like `hash`.
    Result<std::uint64_t> leaf_of(std::uint64_t hash);

private:
    Result<bool> next_micro(std::uint64_t& position, ZapEntry& entry);
    Result<bool> next_fat(std::uint64_t& position, ZapEntry& entry);
    Result<ZapEntry> lookup_fat(std::string_view name);
    Result<ZapEntry> entry_at(Bytes leaf, std::size_t chunk);
    Result<Bytes> leaf(std::uint64_t block);

    BlockView* view_ = nullptr;
    bool micro_ = false;
    unsigned block_shift_ = 0;
    std::uint64_t salt_ = 0, normalization_ = 0, flags_ = 0, entries_ = 0;
    std::uint64_t table_block_ = 0, table_blocks_ = 0, table_shift_ = 0, free_block_ = 0;
    // Name and values of an entry are strung together from chunks here.
    Buffer name_, values_;
};

/// An entry to be written: `name` without NUL, values as integers of `integer_size` bytes in the
/// machine's order. For one 64-bit value leave `values` empty and set `value`.
struct ZapItem {
    std::string_view name;
    std::uint64_t value = 0;
    unsigned integer_size = 8;
    Bytes values{};
};

/// A finished table: `blocks` holds whole blocks of `block_size`, the object's content.
struct ZapImage {
    Buffer blocks;
    std::size_t block_size = 0;
};

/// Builds the smallest table for `items`, whose names differ and are 1 to 255 bytes long: micro if
/// they allow it, fat with 16 KiB blocks, or larger ones where the pointer table would otherwise
/// leave the first block (some boot loaders read no others). Errc::no_memory, Errc::too_big.
Result<ZapImage> build_zap(std::span<const ZapItem> items, std::uint64_t salt);

} // namespace drupe::zfs
