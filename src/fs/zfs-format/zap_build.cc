// SPDX-License-Identifier: BSD-2-Clause
// The ZAP builder: the whole table is known, so leaves come out full, in the order of their hash
// prefixes, and no block is ever rewritten.
#include "zap_layout.h"

#include <drupe/zfs/ondisk.h>
#include <drupe/zfs/zap.h>

#include <algorithm>

namespace drupe::zfs {

namespace {

constexpr unsigned fat_block_shift = 14;     // fzap_default_block_shift
constexpr unsigned max_fat_block_shift = 17; // SPA_OLD_MAXBLOCKSIZE
constexpr unsigned max_prefix_length = 28;   // the hash has no more bits

struct Slot { // an item in hash order
    std::uint64_t hash;
    std::uint32_t item;
    std::uint32_t cd;
};

struct Leaf {
    std::uint64_t prefix;
    std::uint32_t prefix_length;
    std::uint32_t first, count; // slots
};

std::size_t chunks_for(std::size_t bytes) {
    return (bytes + zap_chunk_bytes - 1) / zap_chunk_bytes;
}

std::size_t value_bytes(const ZapItem& i) { return i.values.empty() ? 8 : i.values.size(); }

std::size_t chunks_of(const ZapItem& i) {
    return 1 + chunks_for(i.name.size() + 1) + chunks_for(value_bytes(i));
}

bool fits_micro(std::span<const ZapItem> items) {
    if ((items.size() + 1) * mzap_entry_size > old_max_block_size) return false;
    for (const ZapItem& i : items)
        if (i.name.size() >= mzap_name_size || !i.values.empty() || i.integer_size != 8)
            return false;
    return true;
}

Result<Array<Slot>> sorted_slots(std::span<const ZapItem> items, std::uint64_t salt) {
    auto slots = TRY(Array<Slot>::zeroed(items.size()));
    for (std::size_t i = 0; i < items.size(); ++i)
        slots[i] = {zap_hash(salt, items[i].name), static_cast<std::uint32_t>(i), 0};
    std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) {
        return a.hash != b.hash ? a.hash < b.hash : a.item < b.item;
    });
    // Entries of equal hash are told apart by a number of their own.
    for (std::size_t i = 1; i < slots.size(); ++i)
        if (slots[i].hash == slots[i - 1].hash) slots[i].cd = slots[i - 1].cd + 1;
    return slots;
}

Result<ZapImage> build_micro(std::span<const ZapItem> items, std::span<const Slot> slots,
                             std::uint64_t salt) {
    ZapImage image;
    image.block_size = round_up((items.size() + 1) * mzap_entry_size, sector_size);
    TRY(image.blocks.resize(image.block_size));
    std::byte* b = image.blocks.data();
    store_le(b, zbt_micro);
    store_le(b + 8, salt);
    for (const Slot& s : slots) {
        // In the caller's order, so that a listing of the block reads naturally.
        std::byte* e = b + (s.item + 1) * mzap_entry_size;
        const ZapItem& item = items[s.item];
        store_le(e, item.value);
        store_le(e + 8, s.cd);
        std::memcpy(e + 14, item.name.data(), item.name.size());
    }
    return image;
}

// Splits hash ranges until each fits one leaf.
class LeafPlan {
public:
    LeafPlan(std::span<const ZapItem> items, std::span<const Slot> slots, unsigned block_shift)
        : items_(items), slots_(slots), capacity_(leaf_chunks(block_shift)) {}

    Result<void> split(std::uint32_t first, std::uint32_t count, std::uint64_t prefix,
                       unsigned length) {
        std::size_t chunks = 0;
        for (std::uint32_t i = first; i < first + count; ++i)
            chunks += chunks_of(items_[slots_[i].item]);
        if (chunks <= capacity_) {
            longest = std::max(longest, length);
            return leaves.push({prefix, length, first, count});
        }
        if (length == max_prefix_length) return Errc::too_big;
        std::uint64_t border = (prefix << 1 | 1) << (63 - length);
        const Slot* middle =
            std::lower_bound(slots_.data() + first, slots_.data() + first + count, border,
                             [](const Slot& s, std::uint64_t h) { return s.hash < h; });
        auto left = static_cast<std::uint32_t>(middle - (slots_.data() + first));
        TRY(split(first, left, prefix << 1, length + 1));
        return split(first + left, count - left, prefix << 1 | 1, length + 1);
    }

    Array<Leaf> leaves;
    unsigned longest = 0;

private:
    std::span<const ZapItem> items_;
    std::span<const Slot> slots_;
    std::size_t capacity_;
};

// Fills one leaf block; chunks are taken in order, the rest form the free list.
class LeafWriter {
public:
    LeafWriter(std::byte* block, unsigned block_shift, const Leaf& leaf)
        : b_(block),
          shift_(block_shift), view_{{block, std::size_t{1} << block_shift}, block_shift} {
        store_le(b_, zbt_leaf);
        store_le(b_ + 16, leaf.prefix);
        store_le(b_ + 24, zap_leaf_magic);
        store_le(b_ + 32, static_cast<std::uint16_t>(leaf.prefix_length));
        std::memset(b_ + leaf_header_size, 0xff, 2 * leaf_buckets(shift_));
    }

    void add(const ZapItem& item, const Slot& slot) {
        std::size_t at = next_++;
        std::byte value[8];
        store_be64(value, item.value);
        Bytes values = item.values.empty() ? Bytes{value} : item.values;
        std::size_t name = chain(bytes_of(item.name), 1, 1);
        std::size_t first = chain(values, item.values.empty() ? 1 : item.integer_size, 0);
        std::byte* c = chunk(at);
        c[0] = std::byte{chunk_entry};
        c[1] = static_cast<std::byte>(item.integer_size);
        store_le(c + 4, static_cast<std::uint16_t>(name));
        store_le(c + 6, static_cast<std::uint16_t>(item.name.size() + 1));
        store_le(c + 8, static_cast<std::uint16_t>(first));
        store_le(c + 10, static_cast<std::uint16_t>(values.size() / item.integer_size));
        store_le(c + 12, slot.cd);
        store_le(c + 16, slot.hash);
        insert_sorted(at, slot);
        ++entries_;
    }

    void finish() {
        std::size_t total = leaf_chunks(shift_);
        store_le(b_ + 28, static_cast<std::uint16_t>(total - next_));
        store_le(b_ + 30, static_cast<std::uint16_t>(entries_));
        store_le(b_ + 34, static_cast<std::uint16_t>(next_ == total ? chain_end : next_));
        for (std::size_t i = next_; i < total; ++i) {
            chunk(i)[0] = std::byte{chunk_free};
            store_le(chunk(i) + 22, static_cast<std::uint16_t>(i + 1 == total ? chain_end : i + 1));
        }
    }

private:
    std::byte* chunk(std::size_t i) { return const_cast<std::byte*>(view_.chunk(i)); }

    // Writes integers of `size` bytes big-endian into a chain of chunks, then `zeros` zero bytes.
    std::size_t chain(Bytes data, unsigned size, std::size_t zeros) {
        std::size_t length = data.size() + zeros, head = next_;
        for (std::size_t done = 0; done < length;) {
            std::byte* c = chunk(next_++);
            c[0] = std::byte{chunk_array};
            std::size_t n = std::min(length - done, zap_chunk_bytes);
            for (std::size_t i = 0; i < n; ++i, ++done) {
                std::size_t from = done / size * size + (size - 1 - done % size);
                c[1 + i] = done < data.size() ? data[from] : std::byte{0};
            }
            store_le(c + 22, static_cast<std::uint16_t>(done < length ? next_ : chain_end));
        }
        return head;
    }

    // Chains are kept in the order of `cd`, as OpenZFS keeps them.
    void insert_sorted(std::size_t at, const Slot& slot) {
        std::byte* link = b_ + leaf_header_size + 2 * view_.bucket_of(slot.hash);
        while (load_le<std::uint16_t>(link) != chain_end) {
            std::byte* other = chunk(load_le<std::uint16_t>(link));
            if (load_le<std::uint32_t>(other + 12) > slot.cd) break;
            link = other + 2;
        }
        store_le(chunk(at) + 2, load_le<std::uint16_t>(link));
        store_le(link, static_cast<std::uint16_t>(at));
    }

    std::byte* b_;
    unsigned shift_;
    LeafView view_;
    std::size_t next_ = 0, entries_ = 0;
};

struct TablePlace {
    std::uint64_t block = 0, blocks = 0;
    unsigned shift = 0;
};

void write_header(std::byte* b, const TablePlace& table, std::uint64_t free_block,
                  std::size_t leaves, std::size_t entries, std::uint64_t salt) {
    store_le(b, zbt_header);
    store_le(b + 8, zap_magic);
    store_le(b + 16, table.block);
    store_le(b + 24, table.blocks);
    store_le(b + 32, std::uint64_t{table.shift});
    store_le(b + 56, free_block);
    store_le(b + 64, std::uint64_t{leaves});
    store_le(b + 72, std::uint64_t{entries});
    store_le(b + 80, salt);
}

Result<ZapImage> build_fat(std::span<const ZapItem> items, std::span<const Slot> slots,
                           std::uint64_t salt) {
    unsigned shift = fat_block_shift;
    LeafPlan plan{items, slots, shift};
    TRY(plan.split(0, static_cast<std::uint32_t>(slots.size()), 0, 0));
    while (plan.longest > shift - 4 && shift < max_fat_block_shift) {
        plan = LeafPlan{items, slots, ++shift};
        TRY(plan.split(0, static_cast<std::uint32_t>(slots.size()), 0, 0));
    }
    std::size_t size = std::size_t{1} << shift, leaves = plan.leaves.size();
    TablePlace table{0, 0, shift - 4};
    if (plan.longest > table.shift) {
        table = {1 + leaves, 0, plan.longest};
        table.blocks = round_up(std::uint64_t{8} << table.shift, size) >> shift;
    }
    ZapImage image;
    image.block_size = size;
    TRY(image.blocks.resize(size * (1 + leaves + table.blocks)));
    std::byte* b = image.blocks.data();
    write_header(b, table, 1 + leaves + table.blocks, leaves, items.size(), salt);
    std::byte* pointers = table.blocks == 0 ? b + size / 2 : b + table.block * size;
    for (std::size_t l = 0; l < leaves; ++l) {
        const Leaf& leaf = plan.leaves[l];
        LeafWriter writer{b + (1 + l) * size, shift, leaf};
        for (std::uint32_t i = leaf.first; i < leaf.first + leaf.count; ++i)
            writer.add(items[slots[i].item], slots[i]);
        writer.finish();
        std::size_t span = std::size_t{1} << (table.shift - leaf.prefix_length);
        for (std::size_t i = 0; i < span; ++i)
            store_le(pointers + (leaf.prefix * span + i) * 8, std::uint64_t{1 + l});
    }
    return image;
}

} // namespace

Result<ZapImage> build_zap(std::span<const ZapItem> items, std::uint64_t salt) {
    Array<Slot> slots = TRY(sorted_slots(items, salt));
    if (fits_micro(items)) return build_micro(items, slots.span(), salt);
    return build_fat(items, slots.span(), salt);
}

} // namespace drupe::zfs
