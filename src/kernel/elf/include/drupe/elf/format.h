// SPDX-License-Identifier: BSD-2-Clause
// The parts of the ELF64 file format that loading a program needs. [elf] "ELF Header", "Program
// Header"; [elf/aarch64] for the machine's number and its properties.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drupe::elf {

struct FileHeader {
    std::uint8_t ident[16];
    std::uint16_t type;
    std::uint16_t machine;
    std::uint32_t version;
    std::uint64_t entry;
    std::uint64_t program_headers; // offset in the file
    std::uint64_t section_headers;
    std::uint32_t flags;
    std::uint16_t header_size;
    std::uint16_t program_header_size;
    std::uint16_t program_header_count;
    std::uint16_t section_header_size;
    std::uint16_t section_header_count;
    std::uint16_t section_names;
};
static_assert(sizeof(FileHeader) == 64 && offsetof(FileHeader, entry) == 24);

struct ProgramHeader {
    std::uint32_t type;
    std::uint32_t flags;
    std::uint64_t offset;
    std::uint64_t vaddr;
    std::uint64_t paddr;
    std::uint64_t file_size;
    std::uint64_t mem_size;
    std::uint64_t align;
};
static_assert(sizeof(ProgramHeader) == 56);

inline constexpr std::uint8_t class_32 = 1, class_64 = 2;
inline constexpr std::uint8_t data_little = 1;
inline constexpr std::uint16_t type_rel = 1, type_exec = 2, type_dyn = 3, type_core = 4;
inline constexpr std::uint16_t machine_386 = 3, machine_ppc64 = 21, machine_s390 = 22,
                               machine_arm = 40, machine_x86_64 = 62, machine_aarch64 = 183,
                               machine_riscv = 243, machine_loongarch = 258;
inline constexpr std::uint32_t segment_load = 1, segment_dynamic = 2, segment_interp = 3;
inline constexpr std::uint32_t segment_gnu_stack = 0x6474'e551, segment_gnu_property = 0x6474'e553;
inline constexpr std::uint32_t flag_exec = 1, flag_write = 2, flag_read = 4;

} // namespace drupe::elf
