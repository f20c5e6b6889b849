// SPDX-License-Identifier: BSD-2-Clause
// syslog(2): the kernel's own log, as dmesg reads it.
#include <drupe/arch/user_access.h>
#include <drupe/base/relaxed.h>
#include <drupe/process/process.h>
#include <drupe/syscall/handlers.h>
#include <drupe/trace/log.h>

#include <algorithm>

namespace drupe::syscall {
namespace {

// [linux] include/linux/syslog.h
enum Action : int {
    close_log = 0,
    open_log = 1,
    read_next = 2,
    read_all = 3,
    read_clear = 4,
    clear = 5,
    console_off = 6,
    console_on = 7,
    console_level = 8,
    size_unread = 9,
    size_buffer = 10,
};

// Bytes ever logged: what `clear` hid, and what the reader of read_next has seen.
constinit Relaxed<std::uint64_t> cleared{0};
constinit Relaxed<std::uint64_t> seen{0};

/// Lines from `cursor` on into at most `size` bytes, whole lines only; moves the cursor.
Result<std::uint64_t> copy_lines(std::uint64_t& cursor, VirtAddr out, std::uint64_t size) {
    std::uint64_t done = 0;
    for (;;) {
        char line[trace::longest_line];
        std::uint64_t next = cursor;
        const std::size_t length = trace::read_log(next, line);
        if (length == 0 || done + length > size) return done;
        TRY(arch::copy_to_user(out + done, line, length));
        done += length;
        cursor = next;
    }
}

/// The position from which on the log fits into `size` bytes: dmesg wants the last lines.
std::uint64_t start_of_last(std::uint64_t from, std::uint64_t size) {
    char line[trace::longest_line];
    std::uint64_t total = 0;
    for (std::uint64_t cursor = from; const std::size_t n = trace::read_log(cursor, line);)
        total += n;
    while (total > size) {
        const std::size_t n = trace::read_log(from, line);
        if (n == 0) break;
        total -= std::min<std::uint64_t>(total, n);
    }
    return from;
}

} // namespace

Result<std::uint64_t> syslog(int action, VirtAddr out, int size) {
    if (!process::current_process().credentials.is_privileged()) return Errc::not_permitted;
    const bool reads = action == read_next || action == read_all || action == read_clear;
    if (reads && (raw(out) == 0 || size < 0)) return Errc::invalid;
    const auto room = static_cast<std::uint64_t>(size);
    switch (action) {
    case close_log:
    case open_log:
    case console_off:
    case console_on: return 0;
    case console_level:
        if (size < 1 || size > 8) return Errc::invalid;
        trace::set_console_level(static_cast<LogLevel>(size - 1));
        return 0;
    case clear: cleared = trace::log_end(); return 0;
    case size_buffer: return trace::log_end() - trace::log_begin();
    case size_unread: return trace::log_end() - std::max(seen.load(), trace::log_begin());
    case read_next: {
        // Nobody waits here for a line to come: what follows the log polls /proc/kmsg's successor.
        std::uint64_t cursor = seen;
        const std::uint64_t done = TRY(copy_lines(cursor, out, room));
        seen = cursor;
        return done;
    }
    case read_all:
    case read_clear: {
        std::uint64_t cursor = start_of_last(cleared, room);
        const std::uint64_t done = TRY(copy_lines(cursor, out, room));
        if (action == read_clear) cleared = trace::log_end();
        return done;
    }
    default: return Errc::invalid;
    }
}

} // namespace drupe::syscall
