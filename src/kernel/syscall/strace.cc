// SPDX-License-Identifier: BSD-2-Clause
// A line for each call: what went in is printed before the call (it may change it), what came out
// after it. A call that may not return gets its line before, and its result, if any, a second one.
#include "strace_args.h"
#include "table.h"

#include <drupe/process/user_thread.h>
#include <drupe/sched/thread.h>
#include <drupe/syscall/strace.h>
#include <drupe/trace/log.h>

namespace drupe::syscall {
namespace {

using Word = std::uint64_t;

class Line final : public FormatSink {
public:
    Line() {
        const sched::Thread& self = sched::current();
        format_to(*this, "[{}] ",
                  self.user ? static_cast<std::uint32_t>(self.user->tid) : self.id());
    }
    void put(std::string_view text) override { sink_.put(text); }
    void print(std::size_t number) {
        if (const char* name = row_info(number).name)
            put(name);
        else
            format_to(*this, "syscall_{}", number);
    }
    void finish() { log(LogLevel::notice, "{}", sink_.text()); }

private:
    char text_[240];
    BufferSink sink_{text_};
};

/// Prints arguments from `from` on, up to the first that only the call makes known; the next one's
/// index.
std::size_t print_arguments(Line& line, const RowInfo& row, const CallWords& call, std::size_t from,
                            const std::int64_t* result) {
    std::size_t at = from;
    for (; at < row.kind_count && (result || !is_output(row.kinds[at])); at++) {
        if (at > 0) line.put(", ");
        print_argument(line, row, call, at, result);
    }
    return at;
}

void finish(Line& line, const RowInfo& row, std::int64_t result) {
    line.put(" = ");
    print_result(line, row, result);
    line.finish();
}

void announce(const RowInfo& row, const CallWords& call, std::size_t number) {
    Line line;
    line.print(number);
    line.put("(");
    print_arguments(line, row, call, 0, nullptr);
    line.put(")");
    line.finish();
}

std::int64_t trace_call(Word a, Word b, Word c, Word d, Word e, Word f, std::size_t number) {
    const RowInfo& row = row_info(number);
    const CallWords call{{a, b, c, d, e, f}};
    const arch::SyscallEntry entry = plain_table()[number];
    if (row.needs_frame) {
        announce(row, call, number);
        const std::int64_t result = entry(a, b, c, d, e, f);
        Line line;
        line.print(number);
        finish(line, row, result);
        return result;
    }
    Line line;
    line.print(number);
    line.put("(");
    const std::size_t printed = print_arguments(line, row, call, 0, nullptr);
    const std::int64_t result = entry(a, b, c, d, e, f);
    print_arguments(line, row, call, printed, &result);
    line.put(")");
    finish(line, row, result);
    return result;
}

template <unsigned number>
std::int64_t traced(Word a, Word b, Word c, Word d, Word e, Word f) {
    return trace_call(a, b, c, d, e, f, number);
}

constexpr arch::SyscallEntry traced_with_frame[] = {
#define DRUPE_HANDLED(number, name, frame, blocks, address, kinds) traced<number>,
#define DRUPE_MISSING(number, name, reported, address, kinds) traced<number>,
#define DRUPE_UNUSED(number) traced<number>,
#include "rows.inc"
#undef DRUPE_HANDLED
};

constexpr arch::SyscallEntry traced_direct[] = {
#define DRUPE_HANDLED(number, name, frame, blocks, address, kinds)                                 \
    frame ? drupe_direct_with_frame : traced<number>,
#include "rows.inc"
};

} // namespace

void enable_strace() {
    drupe_active_table = traced_with_frame;
    drupe_active_direct_table = traced_direct;
}

} // namespace drupe::syscall
