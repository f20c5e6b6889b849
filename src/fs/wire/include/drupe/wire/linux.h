// SPDX-License-Identifier: BSD-2-Clause
// What servers of files say in Linux's words, whatever their protocol: error numbers, kinds of
// files, names. Pure; what a server sends is not trusted.
#pragma once

#include <drupe/base/result.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drupe::wire {

inline constexpr std::size_t longest_name = 255, longest_target = 4095;
inline constexpr std::uint64_t largest_file = INT64_MAX;
inline constexpr std::uint32_t kind_mask = 0170000, kind_directory = 0040000;

/// Does a mode name a kind of file that there is?
bool is_kind(std::uint32_t mode);
/// Can it be one name in a directory?
bool is_name(std::string_view name);
/// Can a symbolic link lead there?
bool is_target(std::string_view target);

/// What an error number means; those without a name here are io.
Errc error_of(std::uint32_t number);

} // namespace drupe::wire
