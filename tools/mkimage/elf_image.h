// SPDX-License-Identifier: BSD-2-Clause
// A linked kernel, read from its ELF file. Throws std::runtime_error with one sentence on anything
// it does not expect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace drupe::mkimage {

struct Function {
    std::uint64_t address;
    std::string name; // as the linker knows it
};

struct ElfImage {
    std::uint64_t base = 0;          // lowest virtual address
    std::vector<std::byte> memory;   // from there on, as it lies in memory
    std::size_t zeros_at = 0;        // from here on it is zeroed data
    std::vector<Function> functions; // by rising address
};

ElfImage read_elf(const std::string& path);

} // namespace drupe::mkimage
