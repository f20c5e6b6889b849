// SPDX-License-Identifier: BSD-2-Clause
#include "content.h"

#include "failure.h"

#include <drupe/zfs/checksum.h>
#include <drupe/zfs/zap.h>

#include <filetree/host_file.h>

#include <algorithm>
#include <cstring>

namespace drupe::mkzfs {

using filetree::Inode;
using filetree::Kind;
using zfs::Bytes;
using zfs::MutableBytes;

void Job::clear() {
    bytes = 0;
    segments.clear();
    blocks.clear();
    out_used = 0;
    embedded.clear();
}

std::size_t file_block_size(std::uint64_t size, std::size_t record_size) {
    if (size > record_size) return record_size;
    return size == 0 ? zfs::sector_size : zfs::round_up(size, zfs::sector_size);
}

std::uint64_t file_block_count(std::uint64_t size, std::size_t record_size) {
    return (size + record_size - 1) / record_size;
}

MutableBytes Encoder::room(Job& job, std::size_t bytes) {
    if (job.out.size() < job.out_used + bytes) job.out.resize(job.out_used + bytes);
    return {&job.out[job.out_used], bytes};
}

// Encodes one block into the job's buffer.
void Encoder::emit(Job& job, const Encoding& how, std::uint64_t index, Bytes data) {
    std::size_t padded = zfs::round_up(data.size(), std::uint64_t{1} << ashift_);
    MutableBytes out = room(job, padded);
    Encoded e = encode_block(codecs_, how, {ashift_, true}, data, out);
    if (e.is_embedded()) {
        job.blocks.push_back({index,
                              static_cast<std::uint32_t>(data.size()),
                              static_cast<std::uint32_t>(e.psize),
                              job.embedded.size(),
                              e.compress,
                              true,
                              {}});
        job.embedded.insert(job.embedded.end(), out.begin(),
                            out.begin() + static_cast<std::ptrdiff_t>(e.psize));
        return;
    }
    if (e.compress == zfs::Compress::off) {
        std::memcpy(out.data(), data.data(), data.size());
        std::memset(out.data() + data.size(), 0, padded - data.size());
    }
    job.blocks.push_back({index, static_cast<std::uint32_t>(data.size()),
                          static_cast<std::uint32_t>(e.psize), job.out_used, e.compress, false,
                          must(checksum_of(how.checksum, out.first(e.psize)), "checksum")});
    job.out_used += zfs::round_up(e.psize, std::uint64_t{1} << ashift_);
}

// A block that was read to where it stays.
void Encoder::emit_in_place(Job& job, std::uint64_t index, std::size_t at, std::size_t lsize) {
    Bytes data{&job.out[at], lsize};
    job.blocks.push_back({index, static_cast<std::uint32_t>(lsize),
                          static_cast<std::uint32_t>(lsize), at, zfs::Compress::off, false,
                          must(checksum_of(dataset_.data.checksum, data), "checksum")});
}

void Encoder::run_file(Job& job, Segment& s) {
    const Inode& inode = *nodes_.nodes[s.node].inode;
    filetree::HostFile file{inode.source};
    if (file.size() != inode.size) fail("{}: it changed while it was read", inode.source);
    if (s.ends_node) s.dxattr = read_xattrs(file.fd(), inode.source);
    if (s.count == 0) return;
    std::size_t size = file_block_size(inode.size, dataset_.record_size);
    std::uint64_t begin = s.first * size, bytes = std::min(inode.size - begin, s.count * size);
    std::size_t whole = s.count * size, unit = std::size_t{1} << ashift_;
    // Uncompressed blocks stay where they are read to; the others pass through a buffer.
    bool in_place =
        dataset_.data.compress == zfs::Compress::off && (s.count == 1 || size % unit == 0);
    std::size_t base = job.out_used;
    MutableBytes data;
    if (in_place) {
        data = room(job, zfs::round_up(whole, unit));
    } else {
        in_.resize(std::max(in_.size(), whole));
        data = {in_.data(), whole};
    }
    file.read(begin, data.first(bytes));
    std::memset(data.data() + bytes, 0, data.size() - bytes);
    if (in_place) job.out_used += data.size();
    // What only fills up the last of several blocks, or a file's only sector, is not stored: ZLE,
    // which every reader knows.
    Encoding tail = dataset_.data;
    if (tail.compress == zfs::Compress::off) tail.compress = zfs::Compress::zle;
    for (std::uint64_t i = 0; i < s.count; ++i) {
        Bytes block = Bytes{data}.subspan(i * size, size);
        if (zfs::is_zero(block)) continue;
        std::uint64_t index = s.first + i;
        bool is_tail = (index + 1) * size > inode.size && (index > 0 || size == zfs::sector_size);
        if (!in_place) {
            emit(job, dataset_.data, index, block);
        } else if (is_tail) {
            in_.assign(block.begin(), block.end());
            job.out_used = base + i * size;
            emit(job, tail, index, in_);
        } else {
            emit_in_place(job, index, base + i * size, size);
        }
    }
}

void Encoder::run_directory(Job& job, Segment& s) {
    const Node& node = nodes_.nodes[s.node];
    const Directory& directory = nodes_.directories[node.directory];
    std::vector<zfs::ZapItem> items;
    items.reserve(directory.entries.size());
    for (const DirectoryEntry& e : directory.entries) items.push_back({e.name, e.value});
    std::uint64_t salt = nodes_.object_of(s.node) * 0x9e3779b97f4a7c15 | 1;
    zfs::ZapImage image = must(zfs::build_zap(items, salt), "a directory");
    s.block_size = image.block_size;
    s.total_blocks = image.blocks.size() / image.block_size;
    for (std::uint64_t i = 0; i < s.total_blocks; ++i)
        emit(job, metadata_, i,
             Bytes{image.blocks.span()}.subspan(i * image.block_size, image.block_size));
}

void Encoder::run(Job& job) {
    for (Segment& s : job.segments) {
        const Inode& inode = *nodes_.nodes[s.node].inode;
        s.blocks_begin = job.blocks.size();
        if (inode.kind == Kind::file) {
            run_file(job, s);
        } else {
            if (inode.kind == Kind::directory) run_directory(job, s);
            if (!inode.source.empty()) s.dxattr = read_xattrs(-1, inode.source);
        }
        s.blocks_end = job.blocks.size();
    }
}

} // namespace drupe::mkzfs
