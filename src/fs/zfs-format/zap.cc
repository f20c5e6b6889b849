// SPDX-License-Identifier: BSD-2-Clause
// The ZAP reader. Every index that comes from the disk is checked before it is used, and every
// chain is bounded by the number of chunks a leaf can hold.
#include "zap_layout.h"

#include <drupe/zfs/zap.h>

namespace drupe::zfs {

namespace {

constexpr std::uint64_t crc64_polynomial = 0xc96c5795d7870f42; // ECMA-182, reflected

struct Crc64Table {
    std::uint64_t word[256] = {};
    constexpr Crc64Table() {
        for (unsigned i = 0; i < 256; ++i) {
            std::uint64_t v = i;
            for (int k = 0; k < 8; ++k) v = v >> 1 ^ ((v & 1) != 0 ? crc64_polynomial : 0);
            word[i] = v;
        }
    }
};
constexpr Crc64Table crc64_table;

constexpr unsigned hash_bits = 28;

std::uint64_t load_integer(const std::byte* p, unsigned size) {
    std::uint64_t v = 0;
    for (unsigned i = 0; i < size; ++i) v = v << 8 | static_cast<std::uint8_t>(p[i]);
    return v;
}

// Strings the bytes of a chunk chain together.
Result<void> gather(const LeafView& leaf, std::size_t chunk, std::size_t length, Buffer& out) {
    out.clear();
    TRY(out.reserve(length));
    while (out.size() < length) {
        if (chunk >= leaf.chunk_count()) return Errc::corrupt;
        const std::byte* c = leaf.chunk(chunk);
        if (static_cast<unsigned>(c[0]) != chunk_array) return Errc::corrupt;
        std::size_t n =
            length - out.size() < zap_chunk_bytes ? length - out.size() : zap_chunk_bytes;
        TRY(out.append({c + 1, n}));
        chunk = load_le<std::uint16_t>(c + 22);
    }
    return {};
}

} // namespace

std::uint64_t zap_hash(std::uint64_t salt, std::string_view name) {
    std::uint64_t h = salt;
    for (char c : name) h = h >> 8 ^ crc64_table.word[(h ^ static_cast<std::uint8_t>(c)) & 0xff];
    return h & ~((1ull << (64 - hash_bits)) - 1);
}

Result<ZapReader> ZapReader::open(BlockView& view) {
    Bytes b = TRY(view.block(0));
    ZapReader r;
    r.view_ = &view;
    if (b.size() < 128) return Errc::corrupt;
    std::uint64_t type = load_le<std::uint64_t>(&b[0]);
    if (type == zbt_micro) {
        r.micro_ = true;
        r.salt_ = load_le<std::uint64_t>(&b[8]);
        r.normalization_ = load_le<std::uint64_t>(&b[16]);
        std::uint64_t position = 0;
        ZapEntry e;
        while (TRY(r.next_micro(position, e))) ++r.entries_;
        return r;
    }
    if (type != zbt_header || load_le<std::uint64_t>(&b[8]) != zap_magic) return Errc::corrupt;
    if (!std::has_single_bit(b.size()) || b.size() < 512) return Errc::corrupt;
    r.block_shift_ = high_bit(b.size()) - 1;
    r.table_block_ = load_le<std::uint64_t>(&b[16]);
    r.table_blocks_ = load_le<std::uint64_t>(&b[24]);
    r.table_shift_ = load_le<std::uint64_t>(&b[32]);
    r.free_block_ = load_le<std::uint64_t>(&b[56]);
    r.entries_ = load_le<std::uint64_t>(&b[72]);
    r.salt_ = load_le<std::uint64_t>(&b[80]);
    r.normalization_ = load_le<std::uint64_t>(&b[88]);
    r.flags_ = load_le<std::uint64_t>(&b[96]);
    bool embedded = r.table_blocks_ == 0;
    if (r.table_shift_ > 40 || (embedded && r.table_shift_ != r.block_shift_ - 4u))
        return Errc::corrupt;
    if (r.table_blocks_ > ~r.table_block_) return Errc::corrupt;
    return r;
}

Result<bool> ZapReader::next(std::uint64_t& position, ZapEntry& entry) {
    return micro_ ? next_micro(position, entry) : next_fat(position, entry);
}

Result<bool> ZapReader::next_micro(std::uint64_t& position, ZapEntry& entry) {
    Bytes b = TRY(view_->block(0));
    for (; (position + 2) * mzap_entry_size <= b.size(); ++position) {
        const std::byte* e = &b[(position + 1) * mzap_entry_size];
        if (e[14] == std::byte{0}) continue;
        std::string_view name = text_of({e + 14, mzap_name_size});
        std::size_t end = name.find('\0');
        if (end == std::string_view::npos) return Errc::corrupt;
        entry = {};
        entry.name = name.substr(0, end);
        entry.value = load_le<std::uint64_t>(e);
        entry.integers = 1;
        entry.cd = load_le<std::uint32_t>(e + 8);
        ++position;
        return true;
    }
    return false;
}

Result<Bytes> ZapReader::leaf(std::uint64_t index) {
    if (index == 0 || index >= view_->block_count()) return Errc::corrupt;
    Bytes b = TRY(view_->block(index));
    if (b.size() != std::size_t{1} << block_shift_) return Errc::corrupt;
    if (load_le<std::uint64_t>(&b[0]) != zbt_leaf ||
        load_le<std::uint32_t>(&b[24]) != zap_leaf_magic)
        return Errc::corrupt;
    return b;
}

Result<ZapEntry> ZapReader::entry_at(Bytes block, std::size_t index) {
    LeafView leaf{block, block_shift_};
    if (index >= leaf.chunk_count()) return Errc::corrupt;
    const std::byte* c = leaf.chunk(index);
    if (static_cast<unsigned>(c[0]) != chunk_entry) return Errc::corrupt;
    ZapEntry e;
    e.integer_size = static_cast<unsigned>(c[1]);
    std::size_t name_length = load_le<std::uint16_t>(c + 6);
    if ((flags_ & zap_flag_uint64_key) != 0) name_length *= 8;
    e.integers = load_le<std::uint16_t>(c + 10);
    e.cd = load_le<std::uint32_t>(c + 12);
    e.hash = load_le<std::uint64_t>(c + 16);
    if (e.integer_size == 0 || e.integer_size > 8 || !std::has_single_bit(e.integer_size) ||
        name_length == 0)
        return Errc::corrupt;
    TRY(gather(leaf, load_le<std::uint16_t>(c + 4), name_length, name_));
    TRY(gather(leaf, load_le<std::uint16_t>(c + 8), e.integers * e.integer_size, values_));
    bool text = (flags_ & zap_flag_uint64_key) == 0;
    if (text && name_[name_length - 1] != std::byte{0}) return Errc::corrupt;
    e.name = text_of(Bytes{name_.data(), name_length - (text ? 1 : 0)});
    e.values = values_.span();
    if (e.integers != 0) e.value = load_integer(values_.data(), e.integer_size);
    return e;
}

// The position packs block and chunk: block << 16 | chunk.
Result<bool> ZapReader::next_fat(std::uint64_t& position, ZapEntry& entry) {
    std::uint64_t block = position >> 16 == 0 ? 1 : position >> 16;
    std::size_t chunk = position & 0xffff;
    for (;; ++block, chunk = 0) {
        // Neither holes nor a table beyond counting are gone through step by step.
        if (chunk == 0) block = TRY(view_->next_data(block));
        if (block >= table_block_ && block - table_block_ < table_blocks_)
            block = table_block_ + table_blocks_;
        if (block >= view_->block_count() || block >= free_block_) break;
        Bytes b = TRY(view_->block(block));
        if (b.size() != std::size_t{1} << block_shift_) return Errc::corrupt;
        if (load_le<std::uint64_t>(&b[0]) != zbt_leaf) continue; // an old copy of the table
        LeafView leaf{b, block_shift_};
        for (; chunk < leaf.chunk_count(); ++chunk) {
            if (static_cast<unsigned>(leaf.chunk(chunk)[0]) != chunk_entry) continue;
            entry = TRY(entry_at(b, chunk));
            position = block << 16 | (chunk + 1);
            return true;
        }
    }
    position = block << 16;
    return false;
}

Result<std::uint64_t> ZapReader::leaf_of(std::uint64_t hash) {
    std::uint64_t index = table_shift_ == 0 ? 0 : hash >> (64 - table_shift_);
    std::size_t per_block = std::size_t{1} << (block_shift_ - 3);
    if (table_blocks_ == 0) {
        Bytes b = TRY(view_->block(0));
        return load_le<std::uint64_t>(&b[b.size() / 2 + index * 8]);
    }
    std::uint64_t block = index / per_block;
    if (block >= table_blocks_ || table_block_ + block >= view_->block_count())
        return Errc::corrupt;
    Bytes b = TRY(view_->block(table_block_ + block));
    if (b.size() != std::size_t{1} << block_shift_) return Errc::corrupt;
    return load_le<std::uint64_t>(&b[index % per_block * 8]);
}

Result<ZapEntry> ZapReader::lookup_fat(std::string_view name) {
    std::uint64_t hash = zap_hash(salt_, name);
    Bytes b = TRY(leaf(TRY(leaf_of(hash))));
    LeafView view{b, block_shift_};
    std::size_t chunk = view.bucket(view.bucket_of(hash));
    for (std::size_t steps = 0; chunk != chain_end; ++steps) {
        if (chunk >= view.chunk_count() || steps > view.chunk_count()) return Errc::corrupt;
        const std::byte* c = view.chunk(chunk);
        if (static_cast<unsigned>(c[0]) != chunk_entry) return Errc::corrupt;
        if (load_le<std::uint64_t>(c + 16) == hash) {
            ZapEntry e = TRY(entry_at(b, chunk));
            if (e.name == name) return e;
        }
        chunk = load_le<std::uint16_t>(c + 2);
    }
    return Errc::not_found;
}

Result<ZapEntry> ZapReader::lookup(std::string_view name) {
    if (micro_) {
        std::uint64_t position = 0;
        ZapEntry e;
        while (TRY(next_micro(position, e)))
            if (e.name == name) return e;
        return Errc::not_found;
    }
    if (normalization_ != 0 || (flags_ & zap_flag_pre_hashed_key) != 0) return Errc::not_supported;
    return lookup_fat(name);
}

Result<std::uint64_t> ZapReader::u64(std::string_view name) {
    ZapEntry e = TRY(lookup(name));
    if (e.integer_size != 8 || e.integers < 1) return Errc::corrupt;
    return e.value;
}

} // namespace drupe::zfs
