// SPDX-License-Identifier: BSD-2-Clause
// Why a program could not be started: one sentence for a person, and the exit status that shells
// use for it.
#pragma once

#include <drupe/base/format.h>

#include <array>
#include <string_view>

namespace drupe::exec {

class FailureReport {
public:
    static constexpr int not_found = 127, not_runnable = 126;

    template <class... Args>
    void say(int status, std::string_view format, const Args&... args) {
        status_ = status;
        length_ = format_into(text_, format, args...).size();
    }
    /// Like "program not found: x". Empty as long as nothing was said. Cut off when too long.
    std::string_view text() const { return {text_.data(), length_}; }
    int status() const { return status_; }

private:
    std::array<char, 256> text_;
    std::size_t length_ = 0;
    int status_ = not_runnable;
};

} // namespace drupe::exec
