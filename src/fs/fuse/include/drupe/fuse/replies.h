// SPDX-License-Identifier: BSD-2-Clause
// The structures of FUSE's replies ([linux] uapi/linux/fuse.h, version 7.31).
#pragma once

#include <cstdint>

namespace drupe::fuse {

struct ReplyHeader {
    std::uint32_t bytes;
    std::int32_t error; // negative, or 0
    std::uint64_t unique;
};
static_assert(sizeof(ReplyHeader) == 16);

struct Attributes {
    std::uint64_t ino, size, blocks;
    std::uint64_t atime, mtime, ctime;
    std::uint32_t atime_ns, mtime_ns, ctime_ns;
    std::uint32_t mode, nlink, uid, gid, rdev, block_bytes, flags;
};
static_assert(sizeof(Attributes) == 88);
struct EntryReply {
    std::uint64_t node, generation;
    std::uint64_t entry_valid, attributes_valid;
    std::uint32_t entry_valid_ns, attributes_valid_ns;
    Attributes attributes;
};
static_assert(sizeof(EntryReply) == 128);
struct AttributesReply {
    std::uint64_t valid;
    std::uint32_t valid_ns, padding;
    Attributes attributes;
};
static_assert(sizeof(AttributesReply) == 104);

struct InitReply {
    std::uint32_t major, minor, max_readahead, flags;
    std::uint16_t max_background, congestion_threshold;
    std::uint32_t max_write, time_granularity;
    std::uint16_t max_pages, map_alignment;
    std::uint32_t more_flags, unused[7];
};
static_assert(sizeof(InitReply) == 64);

struct OpenReply {
    std::uint64_t handle;
    std::uint32_t flags, padding;
};
struct CountReply { // write, getxattr
    std::uint32_t bytes, padding;
};
struct StatfsReply {
    std::uint64_t blocks, blocks_free, blocks_available, files, files_free;
    std::uint32_t block_bytes, name_bytes, fragment_bytes, padding, spare[6];
};
static_assert(sizeof(StatfsReply) == 80);
struct LseekReply {
    std::uint64_t offset;
};
/// In a directory's data; the name follows, and zeros up to a multiple of 8 bytes.
struct DirectoryEntry {
    std::uint64_t ino, next;
    std::uint32_t name_bytes, type;
};
static_assert(sizeof(DirectoryEntry) == 24);

} // namespace drupe::fuse
