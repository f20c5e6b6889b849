// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/elf_abi.h>
#include <drupe/base/assert.h>
#include <drupe/exec/stack_layout.h>

namespace drupe::exec {
namespace {

// [linux] include/uapi/linux/auxvec.h, arch/arm64/include/uapi/asm/auxvec.h
enum Aux : std::uint64_t {
    at_null = 0,
    at_phdr = 3,
    at_phent = 4,
    at_phnum = 5,
    at_pagesz = 6,
    at_base = 7,
    at_flags = 8,
    at_entry = 9,
    at_uid = 11,
    at_euid = 12,
    at_gid = 13,
    at_egid = 14,
    at_platform = 15,
    at_hwcap = 16,
    at_clktck = 17,
    at_secure = 23,
    at_random = 25,
    at_hwcap2 = 26,
    at_execfn = 31,
    at_sysinfo_ehdr = 33,
    at_minsigstksz = 51,
};
constexpr std::uint64_t program_header_bytes = 56;
constexpr std::uint64_t ticks_per_second = 100; // USER_HZ, a constant of the interface
constexpr std::uint64_t word = sizeof(std::uint64_t);

void add(StackLayout& layout, Aux tag, std::uint64_t value) {
    DRUPE_ASSERT(layout.aux_words + 2 <= max_aux_words);
    layout.aux[layout.aux_words++] = tag;
    layout.aux[layout.aux_words++] = value;
}

// In Linux's order, so that what prints it looks the same.
void fill_aux(StackLayout& layout, const AuxFacts& facts) {
    if (raw(facts.vdso) != 0) add(layout, at_sysinfo_ehdr, raw(facts.vdso));
    add(layout, at_minsigstksz, facts.minimum_signal_stack);
    add(layout, at_hwcap, facts.hwcap);
    add(layout, at_pagesz, page_size);
    add(layout, at_clktck, ticks_per_second);
    add(layout, at_phdr, raw(facts.headers));
    add(layout, at_phent, program_header_bytes);
    add(layout, at_phnum, facts.header_count);
    add(layout, at_base, raw(facts.interpreter_base));
    add(layout, at_flags, 0);
    add(layout, at_entry, raw(facts.entry));
    add(layout, at_uid, facts.uid);
    add(layout, at_euid, facts.euid);
    add(layout, at_gid, facts.gid);
    add(layout, at_egid, facts.egid);
    add(layout, at_secure, facts.secure ? 1 : 0);
    add(layout, at_random, raw(layout.random));
    add(layout, at_hwcap2, facts.hwcap2);
    add(layout, at_execfn, raw(layout.program));
    add(layout, at_platform, raw(layout.platform));
    add(layout, at_null, 0);
}

/// The words at sp, in order, through a small buffer: the pointers of thousands of arguments do
/// not fit on a kernel stack.
class WordWriter {
public:
    WordWriter(StackSink& sink, VirtAddr at) : sink_(sink), at_(at) {}
    Result<void> put(std::uint64_t value) {
        words_[count_++] = value;
        return count_ == words_.size() ? flush() : Result<void>{};
    }
    Result<void> flush() {
        TRY(sink_.put(at_, words_.data(), count_ * word));
        at_ = at_ + count_ * word;
        count_ = 0;
        return {};
    }

private:
    StackSink& sink_;
    VirtAddr at_;
    std::array<std::uint64_t, 32> words_;
    std::size_t count_ = 0;
};

std::uint64_t word_count(const ArgumentBlock& arguments, const StackLayout& layout) {
    return 1 + arguments.argument_count() + 1 + arguments.variable_count() + 1 + layout.aux_words;
}

std::size_t bytes_of_arguments(const ArgumentBlock& arguments) {
    std::size_t left = arguments.argument_count();
    std::size_t bytes = 0;
    auto counted = arguments.for_each_piece([&](std::span<const char> piece) -> Result<void> {
        for (std::size_t i = 0; i < piece.size() && left > 0; i++) {
            bytes++;
            if (piece[i] == '\0') left--;
        }
        return {};
    });
    DRUPE_ASSERT(counted.ok() && left == 0);
    return bytes;
}

// The strings follow one another in memory, so an address is the one behind the last NUL.
Result<void> write_pointers(const ArgumentBlock& arguments, const StackLayout& layout,
                            WordWriter& out) {
    VirtAddr at = layout.arguments_begin;
    std::size_t index = 0;
    bool starts = true;
    TRY(out.put(arguments.argument_count()));
    TRY(arguments.for_each_piece([&](std::span<const char> piece) -> Result<void> {
        for (char c : piece) {
            if (starts) {
                if (index++ == arguments.argument_count()) TRY(out.put(0));
                TRY(out.put(raw(at)));
            }
            starts = c == '\0';
            at = at + 1;
        }
        return {};
    }));
    if (arguments.variable_count() == 0) TRY(out.put(0));
    return out.put(0);
}

Result<void> write_text(StackSink& sink, VirtAddr at, std::string_view text) {
    TRY(sink.put(at, text.data(), text.size()));
    return sink.put(at + text.size(), "", 1);
}

} // namespace

StackLayout plan_stack(const StackRequest& request, const ArgumentBlock& arguments,
                       const AuxFacts& facts) {
    StackLayout layout;
    layout.program = request.top - word - (request.program.size() + 1);
    layout.environment_end = layout.program;
    layout.arguments_begin = layout.program - arguments.string_bytes();
    layout.arguments_end = layout.arguments_begin + bytes_of_arguments(arguments);
    layout.environment_begin = layout.arguments_end;
    const VirtAddr below = align_down(layout.arguments_begin - request.gap, 16);
    layout.platform = below - (arch::platform_name.size() + 1);
    layout.random = layout.platform - request.random.size();
    fill_aux(layout, facts);
    layout.sp = align_down(layout.random - word_count(arguments, layout) * word, 16);
    return layout;
}

Result<void> write_stack(const StackRequest& request, const ArgumentBlock& arguments,
                         const StackLayout& layout, StackSink& sink) {
    WordWriter words(sink, layout.sp);
    TRY(write_pointers(arguments, layout, words));
    for (std::size_t i = 0; i < layout.aux_words; i++) TRY(words.put(layout.aux[i]));
    TRY(words.flush());
    TRY(sink.put(layout.random, request.random.data(), request.random.size()));
    TRY(write_text(sink, layout.platform, arch::platform_name));
    VirtAddr at = layout.arguments_begin;
    TRY(arguments.for_each_piece([&](std::span<const char> piece) -> Result<void> {
        TRY(sink.put(at, piece.data(), piece.size()));
        at = at + piece.size();
        return {};
    }));
    TRY(write_text(sink, layout.program, request.program));
    constexpr std::uint64_t zero = 0;
    return sink.put(request.top - word, &zero, sizeof zero);
}

} // namespace drupe::exec
