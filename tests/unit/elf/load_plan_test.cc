// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/elf/load_plan.h>
#include <support/elf_builder.h>

#include <catch2/catch.hpp>

#include <functional>

using namespace drupe;
using elf::Flaw;
using test::ElfBuilder;

namespace {

constexpr elf::Bounds bounds{0x10000, 1ull << 48};

elf::Outcome plan_of(const ElfBuilder& file) {
    auto bytes = file.bytes();
    return elf::plan(bytes, bytes.size(), bounds);
}
Flaw flaw_after(const std::function<void(ElfBuilder&)>& spoil) {
    ElfBuilder file;
    spoil(file);
    return plan_of(file).flaw;
}
Flaw flaw_of_bytes(std::vector<std::byte> bytes) {
    return elf::plan(bytes, bytes.size(), bounds).flaw;
}

} // namespace

TEST_CASE("a fixed program is planned as its headers say") {
    auto [flaw, plan] = plan_of(ElfBuilder{});
    REQUIRE(flaw == Flaw::none);
    CHECK_FALSE(plan.movable);
    CHECK(plan.entry == 0x400400);
    CHECK(plan.headers == 0x400040);
    CHECK(plan.header_count == 3);
    CHECK(plan.alignment == 0x10000);
    CHECK_FALSE(plan.executable_stack);
    CHECK(plan.interpreter.size == 0);
    REQUIRE(plan.segment_count == 2);
    CHECK((plan.segments[0].exec && plan.segments[0].read && !plan.segments[0].write));
    CHECK(plan.segments[1].vaddr == 0x410e00);
    CHECK(plan.segments[1].mem_size == 0x5000);
    CHECK(plan.segments[1].file_size == 0x1300);
    CHECK((!plan.segments[1].exec && plan.segments[1].write));
    CHECK(plan.begin() == 0x400000);
    CHECK(plan.end() == 0x416000);
}

TEST_CASE("a movable program with an interpreter is planned relative to zero") {
    auto [flaw, plan] = plan_of(ElfBuilder{}.make_movable().with_interpreter("/lib/ld.so"));
    REQUIRE(flaw == Flaw::none);
    CHECK(plan.movable);
    CHECK(plan.headers == 0x40);
    CHECK(plan.interpreter.offset == 0x200);
    CHECK(plan.interpreter.size == 11);
}

TEST_CASE("a program may begin at 0x10000 and not below") {
    auto at = [](std::uint64_t base) {
        return flaw_after([&](ElfBuilder& f) {
            f.programs[0].vaddr = base;
            f.header.entry = base + 0x400;
        });
    };
    CHECK(at(0x10000) == Flaw::none);
    CHECK(at(0xf000) == Flaw::address_too_low);
    CHECK(elf::to_errc(Flaw::address_too_low) == Errc::not_permitted);
}

TEST_CASE("segments are sorted, and two may share a page but not a byte") {
    CHECK(flaw_after([](ElfBuilder& f) { std::swap(f.programs[0], f.programs[1]); }) == Flaw::none);
    auto second_at = [](std::uint64_t vaddr) {
        return flaw_after([&](ElfBuilder& f) {
            f.programs[1].vaddr = vaddr;
            f.programs[1].offset = vaddr - 0x400000;
        });
    };
    CHECK(second_at(0x400c00) == Flaw::none);
    CHECK(second_at(0x400bff) == Flaw::segments_overlap);
    ElfBuilder file;
    std::swap(file.programs[0], file.programs[1]);
    CHECK(plan_of(file).plan.segments[0].vaddr == 0x400000);
}

TEST_CASE("alignments up to 2 MiB count, what is no power of two does not") {
    ElfBuilder file;
    file.programs[0].align = 0x200000;
    CHECK(plan_of(file).plan.alignment == 0x200000);
    file.programs[0].align = 0x200001;
    CHECK(plan_of(file).plan.alignment == 0x10000);
    file.programs[0].align = file.programs[1].align = 0;
    CHECK(plan_of(file).plan.alignment == 0x1000);
}

TEST_CASE("program headers outside every segment have no address") {
    ElfBuilder file;
    file.programs[0].offset = 0x1000;
    auto [flaw, plan] = plan_of(file);
    REQUIRE(flaw == Flaw::none);
    CHECK(plan.headers == 0);
}

TEST_CASE("a stack is executable only when the program asks for it") {
    ElfBuilder file;
    file.programs[2].flags |= elf::flag_exec;
    CHECK(plan_of(file).plan.executable_stack);
    file.programs.pop_back();
    CHECK_FALSE(plan_of(file).plan.executable_stack);
}

TEST_CASE("what is no AArch64 program is named for what it is") {
    CHECK(flaw_of_bytes({}) == Flaw::empty);
    CHECK(flaw_of_bytes({std::byte{'#'}, std::byte{'!'}}) == Flaw::not_elf);
    auto cut = ElfBuilder{}.bytes();
    cut.resize(63);
    CHECK(flaw_of_bytes(cut) == Flaw::truncated);
    cut.resize(100);
    CHECK(flaw_of_bytes(cut) == Flaw::headers_beyond_file);
    CHECK(flaw_after([](auto& f) { f.header.machine = 62; }) == Flaw::for_x86_64);
    CHECK(elf::describe(Flaw::for_x86_64) == "is for x86-64, not AArch64");
    CHECK(flaw_after([](auto& f) { f.header.machine = 243; }) == Flaw::for_riscv);
    CHECK(flaw_after([](auto& f) { f.header.machine = 999; }) == Flaw::for_other);
    CHECK(flaw_after([](auto& f) { f.header.ident[4] = 1; }) == Flaw::is_32_bit);
    CHECK(flaw_after([](auto& f) { f.header.ident[5] = 2; }) == Flaw::big_endian);
    CHECK(flaw_after([](auto& f) { f.header.type = 1; }) == Flaw::object_file);
    CHECK(flaw_after([](auto& f) { f.header.type = 4; }) == Flaw::core_dump);
    CHECK(flaw_after([](auto& f) { f.header.type = 77; }) == Flaw::unknown_type);
}

TEST_CASE("every damaged header has its own flaw") {
    CHECK(flaw_after([](auto& f) { f.programs.clear(); }) == Flaw::no_program_headers);
    CHECK(flaw_after([](auto& f) { f.header.program_header_size = 32; }) ==
          Flaw::header_entry_size);
    CHECK(flaw_after([](auto& f) { f.header.program_header_count = 0xffff; }) ==
          Flaw::too_many_headers);
    CHECK(flaw_after([](auto& f) { f.header.program_headers = ~0ull - 10; }) ==
          Flaw::headers_beyond_file);
    CHECK(flaw_after([](auto& f) {
              f.programs.erase(f.programs.begin(), f.programs.begin() + 2);
          }) == Flaw::nothing_to_load);
    CHECK(flaw_after([](auto& f) { f.programs[1].offset = ~0xfffull + 0xe00; }) ==
          Flaw::segment_beyond_file);
    CHECK(flaw_after([](auto& f) { f.programs[1].mem_size = 0x12ff; }) ==
          Flaw::segment_file_exceeds_memory);
    CHECK(flaw_after([](auto& f) { f.programs[1].mem_size = ~0ull; }) ==
          Flaw::segment_address_overflow);
    CHECK(flaw_after([](auto& f) { f.programs[1].vaddr += 8; }) == Flaw::segment_misaligned);
    CHECK(flaw_after([](auto& f) { f.header.entry = 0x410e00; }) == Flaw::entry_not_executable);
    CHECK(flaw_after([](auto& f) {
              f.with_interpreter("/lib/ld.so");
              f.programs.back().file_size = 1;
          }) == Flaw::interpreter_name);
    CHECK(flaw_after([](auto& f) {
              for (unsigned i = 0; i < 16; i++) {
                  f.programs.push_back(f.programs[0]);
                  f.programs.back().vaddr = 0x1000000 + i * 0x10000;
              }
          }) == Flaw::too_many_segments);
}

TEST_CASE("a movable program too large for the address space is refused") {
    CHECK(flaw_after([](auto& f) {
              f.make_movable();
              f.programs[1].mem_size = (1ull << 48) - f.programs[1].vaddr;
          }) == Flaw::address_too_high);
}

TEST_CASE("every flaw has a sentence of its own") {
    std::vector<std::string_view> seen;
    for (unsigned f = 0; f <= static_cast<unsigned>(Flaw::interpreter_name); f++) {
        auto text = elf::describe(static_cast<Flaw>(f));
        CHECK(text != "cannot be loaded");
        CHECK(std::find(seen.begin(), seen.end(), text) == seen.end());
        seen.push_back(text);
    }
}
