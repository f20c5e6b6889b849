// SPDX-License-Identifier: BSD-2-Clause
// The log's ring. Its lock is its own, below every ranked lock, because everything may log,
// including the code that checks ranks.
#include <drupe/trace/log.h>

#include <drupe/arch/clock.h>
#include <drupe/arch/cpu.h>
#include <drupe/arch/irq_state.h>

#include <atomic>
#include <cstring>

namespace drupe::trace {
namespace {

constexpr std::size_t ring_bytes = 16 * 1024;
static_assert((ring_bytes & (ring_bytes - 1)) == 0);

struct RecordHeader {
    std::uint64_t ticks;
    std::uint16_t length;
    LogLevel level;
};

constinit std::atomic<std::uint32_t> held{0};
constinit std::atomic<bool> crashing{false};
constinit char ring[ring_bytes] = {};
constinit std::uint64_t begin = 0; // of the oldest record that is whole
constinit std::uint64_t end = 0;
constinit ConsoleWriter console = nullptr;
constinit LogLevel console_level = LogLevel::notice;
constinit LineForm line_form = LineForm::plain;
constinit bool at_line_start = true;

class Guard {
public:
    Guard() : state_(arch::irq_save()) {
        // Acquire pairs with the release store in the destructor.
        while (held.exchange(1, std::memory_order_acquire) != 0) {
            if (crashing.load(std::memory_order_relaxed)) break;
            arch::cpu_relax();
        }
    }
    ~Guard() {
        held.store(0, std::memory_order_release);
        arch::irq_restore(state_);
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

private:
    arch::IrqState state_;
};

void copy_in(std::uint64_t at, const void* from, std::size_t bytes) {
    const std::size_t offset = at % ring_bytes;
    const std::size_t first = bytes < ring_bytes - offset ? bytes : ring_bytes - offset;
    std::memcpy(ring + offset, from, first);
    std::memcpy(ring, static_cast<const char*>(from) + first, bytes - first);
}

void copy_out(std::uint64_t at, void* to, std::size_t bytes) {
    const std::size_t offset = at % ring_bytes;
    const std::size_t first = bytes < ring_bytes - offset ? bytes : ring_bytes - offset;
    std::memcpy(to, ring + offset, first);
    std::memcpy(static_cast<char*>(to) + first, ring, bytes - first);
}

RecordHeader header_at(std::uint64_t at) {
    RecordHeader header;
    copy_out(at, &header, sizeof header);
    return header;
}

void append(LogLevel level, std::string_view text) {
    const RecordHeader header{arch::ticks(), static_cast<std::uint16_t>(text.size()), level};
    const std::uint64_t new_end = end + sizeof header + text.size();
    while (new_end - begin > ring_bytes) begin += sizeof header + header_at(begin).length;
    copy_in(end, &header, sizeof header);
    copy_in(end + sizeof header, text.data(), text.size());
    end = new_end;
}

void emit(std::string_view bytes) {
    if (bytes.empty()) return;
    console(bytes);
    at_line_start = bytes.back() == '\n';
}

// In a stream of a program's bytes a line of the kernel's is a frame, which ./drupe takes out again.
void emit_line(std::string_view text) {
    if (line_form == LineForm::framed) {
        console("\x1b]drupe;log;");
        console(text);
        console("\x1b\\");
        return;
    }
    if (!at_line_start) emit("\r\n");
    emit("drupe: ");
    emit(text);
    emit("\r\n");
}

void replay() {
    char text[256];
    for (std::uint64_t at = begin; at != end;) {
        const RecordHeader header = header_at(at);
        copy_out(at + sizeof header, text, header.length);
        if (header.level <= console_level) emit_line({text, header.length});
        at += sizeof header + header.length;
    }
}

} // namespace

void install_console(ConsoleWriter writer) {
    Guard guard;
    const bool first = !console;
    console = writer;
    if (first && writer) replay();
}

void set_console_level(LogLevel least_important) {
    Guard guard;
    console_level = least_important;
}

void set_console_line_form(LineForm form) {
    Guard guard;
    line_form = form;
}

void write_console(std::string_view bytes) {
    Guard guard;
    if (console) emit(bytes);
}

void add_line(LogLevel level, std::string_view text) {
    if (text.size() > 256) text = {text.data(), 256};
    Guard guard;
    append(level, text);
    if (console && level <= console_level) emit_line(text);
}

std::uint64_t log_begin() {
    Guard guard;
    return begin;
}

std::uint64_t log_end() {
    Guard guard;
    return end;
}

std::size_t read_log(std::uint64_t& cursor, std::span<char> buffer) {
    Guard guard;
    if (cursor < begin || cursor > end) cursor = begin;
    const std::uint64_t per_second = arch::ticks_per_second();
    std::size_t used = 0;
    while (cursor != end) {
        const RecordHeader header = header_at(cursor);
        char text[256];
        copy_out(cursor + sizeof header, text, header.length);
        char line[longest_line];
        const std::string_view formatted = format_into(
            line, "<{}>[{:5}.{:06}] {}\n", static_cast<unsigned>(header.level),
            header.ticks / per_second, header.ticks % per_second * 1'000'000 / per_second,
            std::string_view(text, header.length));
        if (formatted.size() > buffer.size() - used) break;
        std::memcpy(buffer.data() + used, formatted.data(), formatted.size());
        used += formatted.size();
        cursor += sizeof header + header.length;
    }
    return used;
}

void enter_crash() { crashing.store(true, std::memory_order_relaxed); }

} // namespace drupe::trace
