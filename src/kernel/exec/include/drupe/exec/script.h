// SPDX-License-Identifier: BSD-2-Clause
// The first line of a script: "#!" INTERPRETER [ONE ARGUMENT]. Pure.
#pragma once

#include <drupe/base/result.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace drupe::exec {

/// Linux looks at as many bytes (BINPRM_BUF_SIZE).
inline constexpr std::size_t script_line_bytes = 256;

struct ScriptLine {
    std::string_view interpreter; // not empty, no NUL
    std::string_view option;      // the rest of the line, trimmed; may be empty
};

inline bool is_script(std::span<const char> start) {
    return start.size() >= 2 && start[0] == '#' && start[1] == '!';
}
/// `start`: the first bytes of a script, at most script_line_bytes. The result borrows from it.
/// not_executable: no interpreter, or its name may be cut off.
Result<ScriptLine> parse_script(std::span<const char> start);

} // namespace drupe::exec
