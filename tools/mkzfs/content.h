// SPDX-License-Identifier: BSD-2-Clause
// The work that threads do side by side: reading files, building directories, compressing and
// checksumming their blocks. Where a block goes is decided later, in order, by whoever commits.
#pragma once

#include "nodes.h"
#include "settings.h"

#include <drupe/zfs/array.h>

#include <string>
#include <vector>

namespace drupe::mkzfs {

/// One encoded block, waiting in its job's buffer for a place.
struct BlockOut {
    std::uint64_t index = 0; // in its object
    std::uint32_t lsize = 0, psize = 0;
    std::size_t at = 0; // in Job::out, padded to whole units there; in Job::embedded
    zfs::Compress compress = zfs::Compress::off;
    bool is_embedded = false; // goes into its pointer and needs no place
    zfs::CksumValue cksum{};
};

/// A part of one node's content: consecutive blocks. Nodes without content have one empty segment.
struct Segment {
    std::uint32_t node = 0;
    std::uint64_t first = 0, count = 0; // blocks of a file
    bool ends_node = false;
    // Filled in by the encoder:
    std::size_t blocks_begin = 0, blocks_end = 0; // in Job::blocks
    std::size_t block_size = 0;                   // of a directory's table
    std::uint64_t total_blocks = 0;               // of a directory's table
    zfs::Buffer dxattr;                           // extended attributes, on the node's last segment
};

/// What one thread does at a time: about a mebibyte.
struct Job {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::vector<Segment> segments;
    std::vector<BlockOut> blocks;
    std::vector<std::byte> out;
    std::size_t out_used = 0;
    std::vector<std::byte> embedded;

    void clear();
};

/// How many bytes a file's blocks have: a multiple of a sector for a small file, else the record
/// size.
std::size_t file_block_size(std::uint64_t size, std::size_t record_size);
std::uint64_t file_block_count(std::uint64_t size, std::size_t record_size);

/// One for each thread.
class Encoder {
public:
    Encoder(const NodeList& nodes, const DatasetSettings& dataset, const Encoding& metadata,
            unsigned ashift, zfs::Codecs& codecs)
        : nodes_(nodes), dataset_(dataset), metadata_(metadata), ashift_(ashift), codecs_(codecs) {}

    /// Throws Error.
    void run(Job& job);

private:
    void run_file(Job& job, Segment& segment);
    void run_directory(Job& job, Segment& segment);
    void emit(Job& job, const Encoding& how, std::uint64_t index, zfs::Bytes data);
    void emit_in_place(Job& job, std::uint64_t index, std::size_t at, std::size_t lsize);
    zfs::MutableBytes room(Job& job, std::size_t bytes);

    const NodeList& nodes_;
    const DatasetSettings& dataset_;
    const Encoding& metadata_;
    unsigned ashift_;
    zfs::Codecs& codecs_;
    std::vector<std::byte> in_;
};

/// The extended attributes of a host file as ZFS packs them; empty when there are none. `fd` or,
/// when that is negative, `path` (not followed).
zfs::Buffer read_xattrs(int fd, const std::string& path);

} // namespace drupe::mkzfs
