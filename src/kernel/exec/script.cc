// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/exec/script.h>

namespace drupe::exec {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view ends_name{" \t\0", 3};

std::string_view trim(std::string_view text) {
    while (!text.empty() && blanks.find(text.front()) != text.npos) text.remove_prefix(1);
    while (!text.empty() && blanks.find(text.back()) != text.npos) text.remove_suffix(1);
    return text;
}

} // namespace

Result<ScriptLine> parse_script(std::span<const char> start) {
    if (!is_script(start)) return Errc::not_executable;
    std::string_view line(start.data() + 2, start.size() - 2);
    const std::size_t newline = line.find('\n');
    // Without a newline in sight the argument may be cut off, the interpreter's name may not: it
    // would be another name.
    const bool is_cut = newline == line.npos && start.size() >= script_line_bytes;
    line = line.substr(0, newline);
    const std::size_t first = line.find_first_not_of(blanks);
    if (first == line.npos) return Errc::not_executable;
    line.remove_prefix(first);
    const std::size_t end = line.find_first_of(ends_name);
    if (end == 0 || (end == line.npos && is_cut)) return Errc::not_executable;
    ScriptLine result{line.substr(0, end), {}};
    if (end != line.npos && line[end] != '\0') {
        line = trim(line.substr(end));
        result.option = line.substr(0, line.find('\0'));
    }
    return result;
}

} // namespace drupe::exec
