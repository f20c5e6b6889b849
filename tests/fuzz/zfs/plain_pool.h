// SPDX-License-Identifier: BSD-2-Clause
// A pool in memory whose blocks are stored as they are, so that a fuzz target can change any word
// of any structure. repair() then makes every checksum on the way up to the label right again:
// readers meet the change itself, not a bad checksum. undo() takes it back.
#pragma once

#include <drupe/zfs/object.h>

#include <map>
#include <utility>
#include <vector>

namespace drupe::fuzz {

class PlainPool final : public zfs::BlockSource {
public:
    /// Copies the pool on `image`, with all its datasets. Only its first label is kept.
    PlainPool(zfs::BlockSource& image, zfs::Codecs& codecs);

    /// Places of the words of structure (all but files' content) that are not zero.
    const std::vector<std::size_t>& words() const { return words_; }
    /// Places of all words of dnodes in use.
    const std::vector<std::size_t>& dnode_words() const { return dnode_words_; }
    std::size_t end() const { return area_.size(); }
    std::uint64_t word(std::size_t at) const { return zfs::load_le<std::uint64_t>(&area_[at]); }
    /// Changes the eight bytes at `at`, at most end() - 8.
    void change(std::size_t at, std::uint64_t value);
    void repair();
    void undo();

    /// Beyond end() all is zero.
    Result<void> read(std::uint64_t offset, zfs::MutableBytes out) override;
    std::uint64_t size() const override { return device_size_; }
    /// Calls of read() since the last undo().
    std::size_t reads() const { return reads_; }

private:
    struct Block {
        std::size_t begin = 0, size = 0;   // in area_
        std::vector<std::size_t> pointers; // to it: their places in area_
        bool is_content = false, is_dnodes = false, is_dirty = false;
    };
    struct Found { // a pointer of a block being copied: its place there and the block it leads to
        std::size_t offset, child;
    };
    using Content = std::vector<std::byte>;

    std::size_t add(const zfs::Blkptr& bp);
    void add_children(const zfs::Blkptr& bp, Content& content, std::vector<Found>& found);
    void add_dnode(Content& content, std::size_t at, std::vector<Found>& found);
    void add_pointer(Content& content, std::size_t at, std::vector<Found>& found);
    void find_words();
    void set_checksum(std::size_t pointer);
    void seal_label();
    Block* block_of(std::size_t at);

    zfs::BlockReader reader_;
    std::uint64_t device_size_;
    std::vector<std::byte> area_;                // the device up to its last block
    std::vector<Block> blocks_;                  // children before parents
    std::map<std::uint64_t, std::size_t> known_; // offset on the image -> block
    std::vector<std::size_t> pointers_;          // places of all pointers, ascending
    std::vector<std::size_t> words_, dnode_words_;
    std::vector<std::pair<std::size_t, std::uint64_t>> journal_; // place, old word
    bool is_label_changed_ = false;
    std::size_t reads_ = 0;
};

} // namespace drupe::fuzz
