// SPDX-License-Identifier: BSD-2-Clause
#include "strace_args.h"

#include "strace_names.h"

#include <drupe/arch/syscall_abi.h>
#include <drupe/arch/user_access.h>
#include <drupe/syscall/errno.h>

namespace drupe::syscall {
namespace {

constexpr std::size_t shown_bytes = 32;  // of a buffer; of a path twice as many
constexpr std::size_t shown_entries = 4; // of a vector

void print_bytes(FormatSink& out, const char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; i++) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        if (c == '"' || c == '\\')
            format_to(out, "\\{}", bytes[i]);
        else if (c == '\n')
            out.put("\\n");
        else if (c == '\t')
            out.put("\\t");
        else if (c == '\r')
            out.put("\\r");
        else if (c == 0)
            out.put("\\0");
        else if (c < 0x20 || c >= 0x7f)
            format_to(out, "\\x{:02x}", static_cast<unsigned>(c));
        else
            out.put({bytes + i, 1});
    }
}

void print_address(FormatSink& out, std::uint64_t value) {
    if (value == 0)
        out.put("NULL");
    else
        format_to(out, "{:#x}", value);
}

void print_buffer(FormatSink& out, VirtAddr at, std::uint64_t count) {
    char bytes[shown_bytes];
    const std::size_t n = count < sizeof bytes ? count : sizeof bytes;
    if (raw(at) == 0 || !arch::copy_from_user(bytes, at, n).ok())
        return print_address(out, raw(at));
    out.put("\"");
    print_bytes(out, bytes, n);
    out.put(count > n ? "\"..." : "\"");
}

void print_string(FormatSink& out, VirtAddr at) {
    char text[2 * shown_bytes];
    if (raw(at) == 0) return out.put("NULL");
    auto length = arch::copy_string_from_user(text, at, sizeof text);
    const bool is_cut = !length.ok() && length.error() == Errc::name_too_long;
    if (!length.ok() && !is_cut) return print_address(out, raw(at));
    out.put("\"");
    print_bytes(out, text, is_cut ? sizeof text : length.value());
    out.put(is_cut ? "\"..." : "\"");
}

void print_strings(FormatSink& out, VirtAddr vector) {
    if (raw(vector) == 0) return out.put("NULL");
    out.put("[");
    for (std::size_t i = 0;; i++) {
        auto text = arch::get_user<VirtAddr>(vector + i * sizeof(VirtAddr));
        if (!text.ok() || raw(text.value()) == 0) break;
        if (i > 0) out.put(", ");
        if (i == shown_entries) {
            out.put("...");
            break;
        }
        print_string(out, text.value());
    }
    out.put("]");
}

template <class Entry, class Print>
void print_entries(FormatSink& out, VirtAddr at, std::uint64_t count, Print print) {
    if (raw(at) == 0) return out.put("NULL");
    out.put("[");
    for (std::size_t i = 0; i < count && i <= shown_entries; i++) {
        if (i > 0) out.put(", ");
        auto entry = arch::get_user<Entry>(at + i * sizeof(Entry));
        if (i == shown_entries || !entry.ok()) {
            out.put("...");
            break;
        }
        print(entry.value());
    }
    out.put("]");
}

struct IoVector {
    std::uint64_t base, length;
};
struct PollEntry {
    std::int32_t fd;
    std::uint16_t events, revents;
};
struct Timespec {
    std::int64_t seconds, nanoseconds;
};
struct SigAction {
    std::uint64_t handler, flags, restorer, mask;
};

void print_timespec(FormatSink& out, VirtAddr at) {
    auto time = arch::get_user<Timespec>(at);
    if (raw(at) == 0 || !time.ok()) return print_address(out, raw(at));
    format_to(out, "{{{}.{:09}}", time.value().seconds,
              static_cast<std::uint64_t>(time.value().nanoseconds));
}

void print_signal_set(FormatSink& out, VirtAddr at) {
    auto set = arch::get_user<std::uint64_t>(at);
    if (raw(at) == 0 || !set.ok()) return print_address(out, raw(at));
    const bool is_inverted = __builtin_popcountll(set.value()) > 32;
    const std::uint64_t bits = is_inverted ? ~set.value() : set.value();
    out.put(is_inverted ? "~[" : "[");
    bool is_first = true;
    for (int signal = 1; signal <= 64; signal++) {
        if ((bits >> (signal - 1) & 1) == 0) continue;
        if (!is_first) out.put(" ");
        is_first = false;
        print_signal(out, signal);
    }
    out.put("]");
}

void print_action(FormatSink& out, VirtAddr at) {
    auto action = arch::get_user<SigAction>(at);
    if (raw(at) == 0 || !action.ok()) return print_address(out, raw(at));
    if (action.value().handler <= 1)
        out.put(action.value().handler == 0 ? "{SIG_DFL" : "{SIG_IGN");
    else
        format_to(out, "{{{:#x}", action.value().handler);
    format_to(out, ", flags {:#x}, mask {:#x}}", action.value().flags, action.value().mask);
}

void print_descriptor(FormatSink& out, std::uint64_t word) {
    const auto fd = static_cast<std::int32_t>(word);
    constexpr std::int32_t at_fdcwd = -100;
    if (fd == at_fdcwd)
        out.put("AT_FDCWD");
    else
        format_to(out, "{}", fd);
}

/// Numbers of all sorts; false: the kind is none.
bool print_number(FormatSink& out, ArgKind kind, std::uint64_t word) {
    switch (kind) {
    case ArgKind::int_:
    case ArgKind::pid_:
    case ArgKind::fd_: format_to(out, "{}", static_cast<std::int32_t>(word)); return true;
    case ArgKind::id_:
    case ArgKind::uint_: format_to(out, "{}", static_cast<std::uint32_t>(word)); return true;
    case ArgKind::long_:
    case ArgKind::off_: format_to(out, "{}", static_cast<std::int64_t>(word)); return true;
    case ArgKind::size_: format_to(out, "{}", word); return true;
    case ArgKind::hex_: format_to(out, "{:#x}", static_cast<std::uint32_t>(word)); return true;
    case ArgKind::ulong_: format_to(out, "{:#x}", word); return true;
    case ArgKind::ptr_: print_address(out, word); return true;
    case ArgKind::dirfd_: print_descriptor(out, word); return true;
    case ArgKind::mode_: {
        char digits[12];
        std::size_t at = sizeof digits;
        auto value = static_cast<std::uint32_t>(word);
        do digits[--at] = static_cast<char>('0' + value % 8);
        while ((value /= 8) != 0);
        format_to(out, "0{}", std::string_view(digits + at, sizeof digits - at));
        return true;
    }
    default: return false;
    }
}

/// What an output argument shows: nothing when the call failed, so the address.
void print_output(FormatSink& out, ArgKind kind, std::uint64_t word, const std::int64_t* result) {
    const VirtAddr at{word};
    if (!result || *result < 0 || word == 0) return print_address(out, word);
    if (kind == ArgKind::outbuf_) return print_buffer(out, at, static_cast<std::uint64_t>(*result));
    if (kind == ArgKind::outstr_) return print_string(out, at);
    if (kind == ArgKind::outtimespec_) return print_timespec(out, at);
    print_entries<std::int32_t>(out, at, 2, [&](std::int32_t fd) { format_to(out, "{}", fd); });
}

} // namespace

bool is_output(ArgKind kind) {
    return kind == ArgKind::outbuf_ || kind == ArgKind::outstr_ || kind == ArgKind::outtimespec_ ||
           kind == ArgKind::outfds_;
}

void print_argument(FormatSink& out, const RowInfo& row, const CallWords& call, std::size_t index,
                    const std::int64_t* result) {
    const ArgKind kind = row.kinds[index];
    const std::uint64_t word = call.args[index];
    // The number of bytes or entries stands behind the address in every call.
    const std::uint64_t following = index + 1 < call.args.size() ? call.args[index + 1] : 0;
    const VirtAddr at{word};
    if (print_number(out, kind, word) || print_named(out, kind, word)) return;
    if (is_output(kind)) return print_output(out, kind, word, result);
    switch (kind) {
    case ArgKind::path_:
    case ArgKind::str_: return print_string(out, at);
    case ArgKind::argv_: return print_strings(out, at);
    case ArgKind::buf_: return print_buffer(out, at, following);
    case ArgKind::iov_:
        return print_entries<IoVector>(
            out, at, following, [&](IoVector v) { print_buffer(out, VirtAddr{v.base}, v.length); });
    case ArgKind::pollfds_:
        return print_entries<PollEntry>(out, at, following, [&](PollEntry p) {
            format_to(out, "{{{}, {:#x}}", p.fd, p.events);
        });
    case ArgKind::timespec_: return print_timespec(out, at);
    case ArgKind::sigset_: return print_signal_set(out, at);
    case ArgKind::sigaction_: return print_action(out, at);
    case ArgKind::futexword_: {
        print_address(out, word);
        if (auto value = arch::get_user<std::uint32_t>(at); value.ok())
            format_to(out, "[{}]", value.value());
        return;
    }
    default: return print_address(out, word);
    }
}

void print_result(FormatSink& out, const RowInfo& row, std::int64_t result) {
    constexpr std::int64_t last_errno = 4095;
    if (result < 0 && result >= -last_errno) {
        const std::string_view name = errno_name(-result);
        if (name.empty())
            format_to(out, "{}", result);
        else
            format_to(out, "-1 {}", name);
    } else if (row.gives_address)
        format_to(out, "{:#x}", static_cast<std::uint64_t>(result));
    else
        format_to(out, "{}", result);
}

} // namespace drupe::syscall
