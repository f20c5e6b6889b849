// SPDX-License-Identifier: BSD-2-Clause
// The structures of FUSE's requests ([linux] uapi/linux/fuse.h, version 7.31). They travel in the
// byte order of the machine and without padding of the compiler's.
#pragma once

#include <drupe/fuse/opcode.h>

#include <bit>
#include <cstdint>

namespace drupe::fuse {

static_assert(std::endian::native == std::endian::little);

struct RequestHeader {
    std::uint32_t bytes;
    Opcode opcode;
    std::uint64_t unique, node;
    std::uint32_t uid, gid, pid, padding;
};
static_assert(sizeof(RequestHeader) == 40);
/// What the two sides agree on.
enum InitFlag : std::uint32_t {
    init_async_read = 1u << 0,
    init_big_writes = 1u << 5,
    init_dont_mask = 1u << 6,
    init_no_open = 1u << 17,
    init_parallel_directories = 1u << 18,
    init_max_pages = 1u << 22,
    init_no_opendir = 1u << 24,
};
struct InitRequest {
    std::uint32_t major, minor, max_readahead, flags;
};
struct ForgetRequest {
    std::uint64_t lookups;
};
struct GetAttributesRequest {
    std::uint32_t flags, padding;
    std::uint64_t handle;
};
enum SetAttribute : std::uint32_t {
    set_mode = 1,
    set_uid = 2,
    set_gid = 4,
    set_size = 8,
    set_atime = 16,
    set_mtime = 32,
};
struct SetAttributesRequest {
    std::uint32_t valid, padding;
    std::uint64_t handle, size, lock_owner;
    std::uint64_t atime, mtime, ctime;
    std::uint32_t atime_ns, mtime_ns, ctime_ns;
    std::uint32_t mode, unused, uid, gid, unused_too;
};
static_assert(sizeof(SetAttributesRequest) == 88);
struct MknodRequest {
    std::uint32_t mode, rdev, umask, padding;
};
struct MkdirRequest {
    std::uint32_t mode, umask;
};
struct RenameRequest {
    std::uint64_t directory;
};
struct Rename2Request {
    std::uint64_t directory;
    std::uint32_t flags, padding;
};
struct LinkRequest {
    std::uint64_t node;
};
struct OpenRequest {
    std::uint32_t flags, open_flags;
};
struct CreateRequest {
    std::uint32_t flags, mode, umask, open_flags;
};
struct ReleaseRequest {
    std::uint64_t handle;
    std::uint32_t flags, release_flags;
    std::uint64_t lock_owner;
};
struct FlushRequest {
    std::uint64_t handle, padding, lock_owner;
};
struct DataRequest { // read, readdir, write
    std::uint64_t handle, offset;
    std::uint32_t bytes, data_flags;
    std::uint64_t lock_owner;
    std::uint32_t flags, padding;
};
static_assert(sizeof(DataRequest) == 40);
struct FsyncRequest {
    std::uint64_t handle;
    std::uint32_t data_only, padding;
};
struct SetXattrRequest {
    std::uint32_t bytes, flags;
};
struct GetXattrRequest {
    std::uint32_t bytes, padding;
};
struct FallocateRequest {
    std::uint64_t handle, offset, length;
    std::uint32_t mode, padding;
};
struct LseekRequest {
    std::uint64_t handle, offset;
    std::uint32_t whence, padding;
};

} // namespace drupe::fuse
