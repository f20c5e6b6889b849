// SPDX-License-Identifier: BSD-2-Clause
// The numbers that files carry: modes, open flags, times. They are Linux's, because inodes on
// boot archives and the system calls use the same ones; nothing here is errno.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace drupe::vfs {

/// st_mode: kind in the upper four bits, then set-id and sticky, then permissions.
enum Mode : std::uint32_t {
    mode_kind = 0170000,
    mode_fifo = 0010000,
    mode_char = 0020000,
    mode_directory = 0040000,
    mode_block = 0060000,
    mode_regular = 0100000,
    mode_symlink = 0120000,
    mode_socket = 0140000,
    mode_setuid = 04000,
    mode_setgid = 02000,
    mode_sticky = 01000,
    mode_permissions = 0777,
    mode_changeable = 07777,
};
constexpr std::uint32_t kind_of(std::uint32_t mode) { return mode & mode_kind; }
/// d_type of directory entries (DT_REG …) is the kind's four bits.
constexpr std::uint8_t directory_entry_type(std::uint32_t mode) {
    return static_cast<std::uint8_t>(mode >> 12 & 15);
}

/// Open flags with arm64's values ([linux] arch/arm64/include/uapi/asm/fcntl.h differs from x86 in
/// direct, directory, nofollow and largefile).
enum OpenFlag : std::uint32_t {
    open_access_mode = 3, // 0 read, 1 write, 2 both; 3 is "neither" to ioctl-only openers
    open_read_only = 0,
    open_write_only = 1,
    open_read_write = 2,
    open_create = 0100,
    open_exclusive = 0200,
    open_no_terminal = 0400,
    open_truncate = 01000,
    open_append = 02000,
    open_nonblock = 04000,
    open_data_sync = 010000,
    open_async = 020000,
    open_directory = 040000,
    open_no_follow = 0100000,
    open_direct = 0200000,
    open_large_file = 0400000,
    open_no_atime = 01000000,
    open_cloexec = 02000000,
    open_sync = 04010000,
    open_path = 010000000,
    open_temporary = 020000000 | open_directory, // O_TMPFILE
};

/// A point of wall-clock time. Seconds are signed: files may be older than 1970.
struct Timestamp {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
    friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
};
/// The wall clock now. Any context.
Timestamp wall_now();

/// Largest file size and offset.
inline constexpr std::uint64_t max_file_size = INT64_MAX;
inline constexpr std::size_t max_name = 255;
inline constexpr std::size_t max_path = 4096; // with its NUL

constexpr std::uint64_t make_device(std::uint32_t major, std::uint32_t minor) {
    return (minor & 0xff) | (std::uint64_t{major & 0xfff} << 8) |
           (std::uint64_t{minor & ~0xffu} << 12) | (std::uint64_t{major & ~0xfffu} << 32);
}
constexpr std::uint32_t device_major(std::uint64_t device) {
    return static_cast<std::uint32_t>((device >> 8 & 0xfff) | (device >> 32 & ~0xfffull));
}
constexpr std::uint32_t device_minor(std::uint64_t device) {
    return static_cast<std::uint32_t>((device & 0xff) | (device >> 12 & ~0xffull));
}

} // namespace drupe::vfs
