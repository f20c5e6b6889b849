// SPDX-License-Identifier: BSD-2-Clause
// Errors of the tool: one sentence for the user, thrown. Results of the format library become such
// sentences here.
#pragma once

#include <drupe/base/result.h>
#include <filetree/tree.h>

#include <fmt/format.h>
#include <string>
#include <string_view>

namespace drupe::mkzfs {

using Error = filetree::Error;

/// The words for an error of the format library.
std::string_view words_for(Errc errc);

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Text with control characters and backslashes as \xHH: names hold any byte, terminals obey some.
std::string printable(std::string_view text);

/// The value of a result whose failure needs no more context than `what`.
template <class T>
T must(Result<T> result, std::string_view what) {
    if (!result.ok()) fail("{}: {}", what, words_for(result.error()));
    if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

} // namespace drupe::mkzfs
