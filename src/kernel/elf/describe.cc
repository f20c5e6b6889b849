// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/elf/load_plan.h>

namespace drupe::elf {

std::string_view describe(Flaw flaw) {
    switch (flaw) {
    case Flaw::none: return "is sound";
    case Flaw::empty: return "is empty";
    case Flaw::not_elf: return "is not an ELF file";
    case Flaw::truncated: return "is cut off: its ELF header is not complete";
    case Flaw::is_32_bit: return "is a 32-bit program; only 64-bit AArch64 programs run here";
    case Flaw::big_endian: return "is big-endian; only little-endian AArch64 programs run here";
    case Flaw::for_386: return "is for x86 (32-bit), not AArch64";
    case Flaw::for_x86_64: return "is for x86-64, not AArch64";
    case Flaw::for_arm: return "is for 32-bit Arm, not AArch64";
    case Flaw::for_riscv: return "is for RISC-V, not AArch64";
    case Flaw::for_ppc64: return "is for POWER, not AArch64";
    case Flaw::for_s390: return "is for s390x, not AArch64";
    case Flaw::for_loongarch: return "is for LoongArch, not AArch64";
    case Flaw::for_other: return "is for another machine, not AArch64";
    case Flaw::object_file: return "is an object file that was not linked";
    case Flaw::core_dump: return "is a core dump, not a program";
    case Flaw::unknown_type: return "is an ELF file of a kind that cannot be run";
    case Flaw::no_program_headers: return "has no program headers";
    case Flaw::header_entry_size: return "is damaged: its program headers have a wrong size";
    case Flaw::too_many_headers: return "has more than 1024 program headers";
    case Flaw::headers_beyond_file:
        return "is cut off: its program headers lie beyond the end of the file";
    case Flaw::nothing_to_load: return "has no segment to load";
    case Flaw::too_many_segments: return "has more than 16 segments to load";
    case Flaw::segment_beyond_file: return "is cut off: a segment lies beyond the end of the file";
    case Flaw::segment_file_exceeds_memory:
        return "is damaged: a segment is larger in the file than in memory";
    case Flaw::segment_address_overflow:
        return "is damaged: a segment reaches beyond the address space";
    case Flaw::segment_misaligned:
        return "is damaged: a segment's address and file offset do not agree modulo 4096";
    case Flaw::segments_overlap: return "is damaged: its segments overlap";
    case Flaw::address_too_low: return "wants to be loaded below address 0x10000";
    case Flaw::address_too_high: return "does not fit into the address space";
    case Flaw::entry_not_executable:
        return "has no entry point in executable memory (is it a shared library?)";
    case Flaw::interpreter_name: return "is damaged: the name of its interpreter makes no sense";
    }
    return "cannot be loaded";
}

Errc to_errc(Flaw flaw) {
    switch (flaw) {
    case Flaw::address_too_low: return Errc::not_permitted; // as Linux below mmap_min_addr
    case Flaw::address_too_high:
    case Flaw::segment_address_overflow: return Errc::no_memory;
    default: return Errc::not_executable;
    }
}

} // namespace drupe::elf
