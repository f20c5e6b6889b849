// SPDX-License-Identifier: BSD-2-Clause
// What the kernel says: lines that go into a ring in memory and, when important enough, to the
// console. Any context, from before the first console to inside a crash report.
#pragma once

#include <drupe/base/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe {

/// Linux's numbers, which dmesg shows.
enum class LogLevel : std::uint8_t {
    fatal = 0,
    error = 3,
    warning = 4,
    notice = 5,
    info = 6,
    debug = 7
};

namespace trace {

/// Where console bytes go. Called with interrupts masked and one caller at a time; must not log.
using ConsoleWriter = void (*)(std::string_view bytes);
/// Installs or replaces the writer. The first one is also given the lines that came before.
void install_console(ConsoleWriter writer);
/// Lines of this level and more important ones reach the console. Default: notice.
void set_console_level(LogLevel least_important);
/// How the kernel's own lines reach the console: as lines of text, or each as a frame
/// `ESC ] drupe;log;TEXT ESC \` inside a program's unchanged bytes (docs/bootfs.md).
enum class LineForm : std::uint8_t { plain, framed };
void set_console_line_form(LineForm form);

/// Bytes to the console as they are: a program's output takes this way, so that it and the kernel's
/// lines do not mix inside a line. Does nothing before a console is installed.
void write_console(std::string_view bytes);

/// Adds a line without its prefix and end; what is too long is cut. Use log().
void add_line(LogLevel level, std::string_view text);

/// The lines as /proc/kmsg shows them ("<6>[    1.234567] text\n"), from the `cursor`-th byte ever
/// logged on; moves the cursor behind what was returned. A cursor into what has been overwritten
/// moves to the oldest line. 0: nothing new. `buffer` should hold a longest line.
inline constexpr std::size_t longest_line = 288;
std::size_t read_log(std::uint64_t& cursor, std::span<char> buffer);
/// The cursor of the oldest line that is kept, and of the next to come.
std::uint64_t log_begin();
std::uint64_t log_end();

/// From here on nothing waits for the log's lock: another CPU may have died holding it.
void enter_crash();

} // namespace trace

template <class... Args>
void log(LogLevel level, std::string_view format, const Args&... args) {
    char line[256];
    trace::add_line(level, format_into(line, format, args...));
}

} // namespace drupe
