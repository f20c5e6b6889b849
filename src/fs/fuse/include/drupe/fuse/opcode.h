// SPDX-License-Identifier: BSD-2-Clause
// What FUSE's requests ask for ([linux] uapi/linux/fuse.h).
#pragma once

#include <cstdint>

namespace drupe::fuse {

enum class Opcode : std::uint32_t {
    lookup = 1,
    forget = 2, // no answer
    get_attributes = 3,
    set_attributes = 4,
    readlink = 5,
    symlink = 6,
    mknod = 8,
    mkdir = 9,
    unlink = 10,
    rmdir = 11,
    rename = 12,
    link = 13,
    open = 14,
    read = 15,
    write = 16,
    statfs = 17,
    release = 18,
    fsync = 20,
    setxattr = 21,
    getxattr = 22,
    listxattr = 23,
    removexattr = 24,
    flush = 25,
    init = 26,
    opendir = 27,
    readdir = 28,
    releasedir = 29,
    fsyncdir = 30,
    create = 35,
    destroy = 38,
    fallocate = 43,
    rename2 = 45,
    lseek = 46,
};

/// The mounted directory's number.
inline constexpr std::uint64_t root_node = 1;

} // namespace drupe::fuse
