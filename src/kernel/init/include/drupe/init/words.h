// SPDX-License-Identifier: BSD-2-Clause
// A list of texts that lie NUL-terminated one behind the other, of which those count that begin
// with a prefix. A view: nothing is copied.
#pragma once

#include <cstddef>
#include <string_view>

namespace drupe::init {

class Words {
public:
    constexpr Words() = default;
    /// `bytes` ends with a NUL unless empty.
    explicit constexpr Words(std::string_view bytes, std::string_view prefix = {})
        : bytes_(bytes), prefix_(prefix) {}

    /// visit(std::string_view) for each, without prefix and NUL, which follows in memory.
    template <class Visit>
    constexpr void for_each(Visit visit) const {
        for (std::string_view rest = bytes_; !rest.empty();) {
            const std::string_view word = rest.substr(0, rest.find('\0'));
            rest.remove_prefix(word.size() < rest.size() ? word.size() + 1 : rest.size());
            if (word.starts_with(prefix_)) visit(word.substr(prefix_.size()));
        }
    }
    constexpr std::size_t count() const {
        std::size_t n = 0;
        for_each([&](std::string_view) { n++; });
        return n;
    }

private:
    std::string_view bytes_;
    std::string_view prefix_;
};

} // namespace drupe::init
