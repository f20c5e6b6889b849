// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/wire/linux.h>

#include <iterator>

namespace drupe::wire {

bool is_kind(std::uint32_t mode) {
    const std::uint32_t kind = (mode & kind_mask) >> 12;
    return kind < 16 && (0x1556u >> kind & 1) != 0; // 1, 2, 4, 6, 8, 10 and 12
}

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= longest_name && name.find('/') == name.npos &&
           name.find('\0') == name.npos;
}

bool is_target(std::string_view target) {
    return !target.empty() && target.size() <= longest_target && target.find('\0') == target.npos;
}

// [linux] uapi/asm-generic/errno-base.h and errno.h: the numbers that Rlerror carries.
Errc error_of(std::uint32_t number) {
    using enum Errc;
    static constexpr Errc base[] = {io,
                                    not_permitted,
                                    not_found,
                                    no_process,
                                    interrupted,
                                    io,
                                    no_device,
                                    too_big,
                                    not_executable,
                                    bad_descriptor,
                                    no_child,
                                    would_block,
                                    no_memory,
                                    access,
                                    fault,
                                    io,
                                    busy,
                                    exists,
                                    cross_device,
                                    wrong_device,
                                    not_directory,
                                    is_directory,
                                    invalid,
                                    table_full,
                                    too_many_files,
                                    not_terminal,
                                    text_busy,
                                    file_too_large,
                                    no_space,
                                    illegal_seek,
                                    read_only,
                                    too_many_links,
                                    broken_pipe,
                                    out_of_domain,
                                    out_of_range,
                                    deadlock,
                                    name_too_long,
                                    no_locks,
                                    not_implemented,
                                    not_empty,
                                    symlink_loop};
    if (number < std::size(base)) return base[number];
    switch (number) {
    case 61: return no_data;
    case 75: return overflow;
    case 95: return not_supported;
    case 110: return timed_out;
    case 116: return not_found; // the object behind a handle is gone
    case 122: return no_space;  // the quota is
    default: return io;
    }
}

} // namespace drupe::wire
