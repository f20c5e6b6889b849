// SPDX-License-Identifier: BSD-2-Clause
// Any bytes give a flaw or a plan that keeps every promise of load_plan.h.
#include "../target.h"

#include <drupe/base/units.h>
#include <drupe/elf/load_plan.h>
#include <support/elf_builder.h>

using namespace drupe;

namespace {

constexpr elf::Bounds bounds{0x10000, 1ull << 48};

bool lies_inside(std::uint64_t offset, std::uint64_t size, std::uint64_t whole) {
    std::uint64_t end = 0;
    return !__builtin_add_overflow(offset, size, &end) && end <= whole;
}

void check_segment(const elf::LoadPlan& plan, std::size_t i, std::uint64_t file_bytes) {
    const elf::Segment& s = plan.segments[i];
    FUZZ_CHECK(s.mem_size > 0 && s.file_size <= s.mem_size);
    FUZZ_CHECK(lies_inside(s.offset, s.file_size, file_bytes));
    FUZZ_CHECK(lies_inside(s.vaddr, s.mem_size, bounds.high));
    FUZZ_CHECK(s.file_size == 0 || (s.vaddr & page_mask) == (s.offset & page_mask));
    FUZZ_CHECK(s.vaddr >= plan.begin() && s.vaddr + s.mem_size <= plan.end());
    if (i > 0) {
        const elf::Segment& before = plan.segments[i - 1];
        FUZZ_CHECK(before.vaddr + before.mem_size <= s.vaddr);
    }
}

void check_plan(const elf::LoadPlan& plan, std::uint64_t file_bytes) {
    FUZZ_CHECK(plan.segment_count >= 1 && plan.segment_count <= elf::LoadPlan::max_segments);
    bool entry_is_inside = false;
    for (std::size_t i = 0; i < plan.segment_count; i++) {
        check_segment(plan, i, file_bytes);
        const elf::Segment& s = plan.segments[i];
        entry_is_inside |= s.exec && plan.entry >= s.vaddr && plan.entry < s.vaddr + s.mem_size;
    }
    FUZZ_CHECK(entry_is_inside);
    FUZZ_CHECK(plan.movable || plan.begin() >= bounds.low);
    FUZZ_CHECK(plan.end() <= bounds.high);
    FUZZ_CHECK(plan.alignment >= page_size && (plan.alignment & (plan.alignment - 1)) == 0);
    FUZZ_CHECK(plan.end() - plan.begin() + plan.alignment <= bounds.high || !plan.movable);
    FUZZ_CHECK(plan.header_count >= 1 && plan.header_count <= elf::Header::max_headers);
    if (plan.interpreter.size != 0) {
        FUZZ_CHECK(plan.interpreter.size >= 2 && plan.interpreter.size <= 4096);
        FUZZ_CHECK(lies_inside(plan.interpreter.offset, plan.interpreter.size, file_bytes));
    }
    FUZZ_CHECK(lies_inside(plan.property.offset, plan.property.size, file_bytes));
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    // A copy on the heap, exactly as long: the sanitizer sees a read beyond it.
    std::vector<std::byte> input(bytes);
    if (bytes > 0) std::memcpy(input.data(), data, bytes);
    const elf::Outcome outcome = elf::plan(input, input.size(), bounds);
    FUZZ_CHECK(!elf::describe(outcome.flaw).empty());
    if (outcome.ok())
        check_plan(outcome.plan, input.size());
    else
        FUZZ_CHECK(elf::to_errc(outcome.flaw) != Errc::ok);
    elf::has_branch_targets(input);
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    auto add = [&](test::ElfBuilder file) {
        file.file_bytes = 0x400; // little to copy, all of it headers
        for (auto& p : file.programs) {
            if (p.type == elf::segment_load) p.align = 0x1000;
            if (p.offset == 0xe00) p.offset = 0, p.vaddr &= ~0xfffull, p.file_size = 0x300;
            if (p.file_size == 0xc00) p.file_size = p.mem_size = 0x400;
        }
        if (file.header.entry == 0x400400) file.header.entry = 0x400100;
        if (file.header.entry == 0x400) file.header.entry = 0x100;
        auto bytes = file.bytes();
        auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
        corpus.emplace_back(begin, begin + bytes.size());
    };
    add(test::ElfBuilder{});
    add(test::ElfBuilder{}.make_movable());
    add(test::ElfBuilder{}.make_movable().with_interpreter("/lib/ld.so"));
    test::ElfBuilder property;
    property.programs.push_back(
        {elf::segment_gnu_property, elf::flag_read, 0x200, 0x400200, 0x400200, 0x20, 0x20, 8});
    add(property);
    const std::uint32_t words[] = {4, 16, 5, 0x00554e47, 0xc0000000, 4, 1, 0};
    auto* note = reinterpret_cast<const std::uint8_t*>(words);
    corpus.emplace_back(note, note + sizeof words);
    return corpus;
}
