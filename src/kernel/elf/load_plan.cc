// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/units.h>
#include <drupe/elf/format.h>
#include <drupe/elf/load_plan.h>

#include <cstring>

namespace drupe::elf {
namespace {

constexpr std::uint64_t max_interpreter_name = 4096;
constexpr std::uint64_t max_alignment = 1ull << 30;

bool is_inside(std::uint64_t offset, std::uint64_t size, std::uint64_t file_bytes) {
    return offset <= file_bytes && size <= file_bytes - offset;
}

Flaw flaw_of_machine(std::uint16_t machine) {
    switch (machine) {
    case machine_aarch64: return Flaw::none;
    case machine_386: return Flaw::for_386;
    case machine_x86_64: return Flaw::for_x86_64;
    case machine_arm: return Flaw::for_arm;
    case machine_riscv: return Flaw::for_riscv;
    case machine_ppc64: return Flaw::for_ppc64;
    case machine_s390: return Flaw::for_s390;
    case machine_loongarch: return Flaw::for_loongarch;
    default: return Flaw::for_other;
    }
}

// The byte order comes before every field of more than one byte; the machine before the class,
// because it is the better sentence for a 32-bit program of another machine.
Flaw flaw_of_identity(const FileHeader& header) {
    if (header.ident[5] != data_little) return Flaw::big_endian;
    if (Flaw flaw = flaw_of_machine(header.machine); flaw != Flaw::none) return flaw;
    if (header.ident[4] != class_64) return Flaw::is_32_bit;
    switch (header.type) {
    case type_exec:
    case type_dyn: return Flaw::none;
    case type_rel: return Flaw::object_file;
    case type_core: return Flaw::core_dump;
    default: return Flaw::unknown_type;
    }
}

Flaw flaw_of_table(const FileHeader& header, std::uint64_t file_bytes) {
    const std::uint64_t count = header.program_header_count;
    if (count == 0) return Flaw::no_program_headers;
    if (header.program_header_size != sizeof(ProgramHeader)) return Flaw::header_entry_size;
    if (count > Header::max_headers) return Flaw::too_many_headers;
    if (!is_inside(header.program_headers, count * sizeof(ProgramHeader), file_bytes))
        return Flaw::headers_beyond_file;
    return Flaw::none;
}

Flaw flaw_of_segment(const ProgramHeader& header, std::uint64_t file_bytes, std::uint64_t high) {
    if (header.file_size > header.mem_size) return Flaw::segment_file_exceeds_memory;
    if (!is_inside(header.offset, header.file_size, file_bytes)) return Flaw::segment_beyond_file;
    if (header.vaddr > high || header.mem_size > high - header.vaddr)
        return Flaw::segment_address_overflow;
    if (header.file_size > 0 && (header.vaddr & page_mask) != (header.offset & page_mask))
        return Flaw::segment_misaligned;
    return Flaw::none;
}

Flaw add_segment(LoadPlan& plan, const ProgramHeader& header) {
    if (plan.segment_count == LoadPlan::max_segments) return Flaw::too_many_segments;
    const Segment fresh{header.vaddr,
                        header.mem_size,
                        header.offset,
                        header.file_size,
                        (header.flags & flag_read) != 0,
                        (header.flags & flag_write) != 0,
                        (header.flags & flag_exec) != 0};
    std::size_t at = plan.segment_count++;
    for (; at > 0 && plan.segments[at - 1].vaddr > fresh.vaddr; at--)
        plan.segments[at] = plan.segments[at - 1];
    plan.segments[at] = fresh;
    // Only powers of two are alignments; what lies beyond a huge page's worth nobody needs.
    const bool is_power = header.align != 0 && (header.align & (header.align - 1)) == 0;
    if (is_power && header.align <= max_alignment && header.align > plan.alignment)
        plan.alignment = header.align;
    return Flaw::none;
}

Flaw add_header(LoadPlan& plan, const ProgramHeader& header, std::uint64_t file_bytes,
                std::uint64_t high) {
    switch (header.type) {
    case segment_load:
        if (header.mem_size == 0) return Flaw::none;
        if (Flaw flaw = flaw_of_segment(header, file_bytes, high); flaw != Flaw::none) return flaw;
        return add_segment(plan, header);
    case segment_interp:
        if (plan.interpreter.size != 0) return Flaw::none; // the first counts
        if (header.file_size < 2 || header.file_size > max_interpreter_name ||
            !is_inside(header.offset, header.file_size, file_bytes))
            return Flaw::interpreter_name;
        plan.interpreter = {header.offset, header.file_size};
        return Flaw::none;
    case segment_gnu_stack:
        plan.executable_stack = (header.flags & flag_exec) != 0;
        return Flaw::none;
    case segment_gnu_property:
        // It only ever adds protection, so one that makes no sense is ignored.
        if (header.file_size <= page_size && is_inside(header.offset, header.file_size, file_bytes))
            plan.property = {header.offset, header.file_size};
        return Flaw::none;
    default: return Flaw::none; // TLS, RELRO and the rest are the program's own business
    }
}

bool is_in_executable(const LoadPlan& plan, std::uint64_t address) {
    for (const Segment& s : plan.loads())
        if (s.exec && address >= s.vaddr && address - s.vaddr < s.mem_size) return true;
    return false;
}

// As Linux finds it since 5.18: by the segment that holds the table, not by PT_PHDR.
std::uint64_t address_of_table(const LoadPlan& plan, FileRange table) {
    for (const Segment& s : plan.loads())
        if (table.offset >= s.offset && is_inside(table.offset - s.offset, table.size, s.file_size))
            return s.vaddr + (table.offset - s.offset);
    return 0;
}

Flaw flaw_of_whole(const LoadPlan& plan, Bounds bounds) {
    if (plan.segment_count == 0) return Flaw::nothing_to_load;
    for (std::size_t i = 1; i < plan.segment_count; i++) {
        const Segment& before = plan.segments[i - 1];
        if (plan.segments[i].vaddr - before.vaddr < before.mem_size) return Flaw::segments_overlap;
    }
    if (!plan.movable && plan.begin() < bounds.low) return Flaw::address_too_low;
    // A movable program needs room for its size, wherever it begins, and for the alignment.
    const std::uint64_t highest =
        plan.movable ? plan.end() - plan.begin() + plan.alignment + bounds.low : plan.end();
    if (highest > bounds.high) return Flaw::address_too_high;
    if (!is_in_executable(plan, plan.entry)) return Flaw::entry_not_executable;
    return Flaw::none;
}

} // namespace

std::uint64_t LoadPlan::begin() const { return align_down(segments[0].vaddr, page_size); }
std::uint64_t LoadPlan::end() const {
    const Segment& last = segments[segment_count - 1];
    return align_up(last.vaddr + last.mem_size, page_size);
}

Header read_header(std::span<const std::byte> start, std::uint64_t file_bytes) {
    Header result;
    constexpr unsigned char magic[] = {0x7f, 'E', 'L', 'F'};
    if (start.empty()) {
        result.flaw = Flaw::empty;
        return result;
    }
    if (start.size() < sizeof magic || std::memcmp(start.data(), magic, sizeof magic) != 0) {
        result.flaw = Flaw::not_elf;
        return result;
    }
    if (start.size() < sizeof(FileHeader) || file_bytes < sizeof(FileHeader)) {
        result.flaw = Flaw::truncated;
        return result;
    }
    FileHeader header;
    std::memcpy(&header, start.data(), sizeof header);
    result.flaw = flaw_of_identity(header);
    if (result.flaw == Flaw::none) result.flaw = flaw_of_table(header, file_bytes);
    if (result.flaw != Flaw::none) return result;
    result.movable = header.type == type_dyn;
    result.entry = header.entry;
    result.program_headers = {header.program_headers,
                              header.program_header_count * sizeof(ProgramHeader)};
    return result;
}

Flaw plan_into(LoadPlan& plan, const Header& header, std::span<const std::byte> table,
               std::uint64_t file_bytes, Bounds bounds) {
    if (table.size() < header.program_headers.size) return Flaw::headers_beyond_file;
    plan.movable = header.movable;
    plan.entry = header.entry;
    plan.alignment = page_size;
    plan.header_count =
        static_cast<std::uint16_t>(header.program_headers.size / sizeof(ProgramHeader));
    for (std::size_t i = 0; i < plan.header_count; i++) {
        ProgramHeader entry;
        std::memcpy(&entry, table.data() + i * sizeof entry, sizeof entry);
        if (Flaw flaw = add_header(plan, entry, file_bytes, bounds.high); flaw != Flaw::none)
            return flaw;
    }
    if (Flaw flaw = flaw_of_whole(plan, bounds); flaw != Flaw::none) return flaw;
    plan.headers = address_of_table(plan, header.program_headers);
    return Flaw::none;
}

Outcome plan(std::span<const std::byte> start, std::uint64_t file_bytes, Bounds bounds) {
    Outcome outcome;
    const Header header = read_header(start, file_bytes);
    const FileRange& table = header.program_headers;
    outcome.flaw = header.flaw;
    if (!outcome.ok()) return outcome;
    outcome.flaw = Flaw::truncated;
    if (is_inside(table.offset, table.size, start.size()))
        outcome.flaw = plan_into(outcome.plan, header, start.subspan(table.offset, table.size),
                                 file_bytes, bounds);
    return outcome;
}

} // namespace drupe::elf
