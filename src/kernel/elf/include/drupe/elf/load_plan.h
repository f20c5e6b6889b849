// SPDX-License-Identifier: BSD-2-Clause
// From the bytes of an ELF file to a plan for loading it. Pure: nothing is mapped, read or
// allocated, and any bytes at all give a plan or a flaw. Who applies a plan may rely on what is
// promised here without checking again.
#pragma once

#include <drupe/base/errc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::elf {

/// Why a file cannot be loaded.
enum class Flaw : std::uint8_t {
    none,
    empty,
    not_elf,
    truncated,
    is_32_bit,
    big_endian,
    for_386,
    for_x86_64,
    for_arm,
    for_riscv,
    for_ppc64,
    for_s390,
    for_loongarch,
    for_other,
    object_file,
    core_dump,
    unknown_type,
    no_program_headers,
    header_entry_size,
    too_many_headers,
    headers_beyond_file,
    nothing_to_load,
    too_many_segments,
    segment_beyond_file,
    segment_file_exceeds_memory,
    segment_address_overflow,
    segment_misaligned,
    segments_overlap,
    address_too_low,
    address_too_high,
    entry_not_executable,
    interpreter_name,
};
/// Completes "NAME …": "is not an ELF file". One line, no full stop.
std::string_view describe(Flaw flaw);
/// What execve answers. `flaw` is not none.
Errc to_errc(Flaw flaw);

/// Where the user half begins and ends.
struct Bounds {
    std::uint64_t low;
    std::uint64_t high;
};

/// One range of memory. [vaddr, vaddr + file_size) comes from the file at `offset`, zeros follow up
/// to vaddr + mem_size. vaddr and offset are equal modulo the page size when file_size > 0.
struct Segment {
    std::uint64_t vaddr;
    std::uint64_t mem_size; // > 0
    std::uint64_t offset;
    std::uint64_t file_size; // <= mem_size
    bool read, write, exec;
};

struct FileRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0; // 0: absent
};

struct LoadPlan {
    static constexpr std::size_t max_segments = 16;

    bool movable = false;           // ET_DYN: addresses are relative to a base of our choice
    bool executable_stack = false;  // PT_GNU_STACK asks for it
    std::uint64_t entry = 0;        // in an executable segment
    std::uint64_t headers = 0;      // address of the program headers in memory; 0: not loaded
    std::uint16_t header_count = 0; // of sizeof(ProgramHeader) each
    std::uint64_t alignment = 0;    // of the base; a power of two, at least the page size
    FileRange interpreter;          // PT_INTERP, 2 to 4096 bytes, inside the file
    FileRange property;             // PT_GNU_PROPERTY, inside the file, at most 4096 bytes
    std::size_t segment_count = 0;  // >= 1
    std::array<Segment, max_segments> segments{}; // by ascending vaddr, not overlapping

    std::span<const Segment> loads() const { return {segments.data(), segment_count}; }
    /// First page of the first segment, and the first page behind the last.
    std::uint64_t begin() const;
    std::uint64_t end() const;
};

/// The file header, checked, and where the program headers are (inside the file, at most
/// max_headers of them).
struct Header {
    static constexpr std::size_t max_headers = 1024;
    Flaw flaw = Flaw::none;
    bool movable = false;
    std::uint64_t entry = 0;
    FileRange program_headers;
};
/// `start`: the file's first bytes, 64 or all it has.
Header read_header(std::span<const std::byte> start, std::uint64_t file_bytes);

/// `table`: the bytes of header.program_headers. `header.flaw` is none. Fills `plan`, a fresh one:
/// it is too large to be handed from one kernel stack frame to the next.
Flaw plan_into(LoadPlan& plan, const Header& header, std::span<const std::byte> table,
               std::uint64_t file_bytes, Bounds bounds);

struct Outcome {
    Flaw flaw = Flaw::none;
    LoadPlan plan;
    bool ok() const { return flaw == Flaw::none; }
};
/// The same for bytes that begin with the file header and reach beyond the program headers.
Outcome plan(std::span<const std::byte> start, std::uint64_t file_bytes, Bounds bounds);

/// True when the notes of a PT_GNU_PROPERTY segment say that every indirect branch lands on a BTI
/// instruction. Notes that make no sense say nothing.
/// [elf/aarch64] "Program Property": GNU_PROPERTY_AARCH64_FEATURE_1_AND.
bool has_branch_targets(std::span<const std::byte> notes);

} // namespace drupe::elf
