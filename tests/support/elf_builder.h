// SPDX-License-Identifier: BSD-2-Clause
// Makes the bytes of small ELF files for tests: a sound one by default, to be spoiled as wanted.
#pragma once

#include <drupe/elf/format.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace drupe::test {

struct ElfBuilder {
    elf::FileHeader header{};
    std::vector<elf::ProgramHeader> programs;
    std::string interpreter; // put at 0x200 when not empty
    std::size_t file_bytes = 0x3000;

    /// Text at 0x400000 (offset 0), data with a bss tail at 0x410e00 (offset 0xe00).
    ElfBuilder() {
        const unsigned char ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0};
        std::memcpy(header.ident, ident, sizeof ident);
        header.type = elf::type_exec;
        header.machine = elf::machine_aarch64;
        header.version = 1;
        header.entry = 0x400400;
        header.program_headers = sizeof header;
        header.header_size = sizeof header;
        header.program_header_size = sizeof(elf::ProgramHeader);
        programs.push_back({elf::segment_load, elf::flag_read | elf::flag_exec, 0, 0x400000,
                            0x400000, 0xc00, 0xc00, 0x10000});
        programs.push_back({elf::segment_load, elf::flag_read | elf::flag_write, 0xe00, 0x410e00,
                            0x410e00, 0x1300, 0x5000, 0x10000});
        programs.push_back(
            {elf::segment_gnu_stack, elf::flag_read | elf::flag_write, 0, 0, 0, 0, 0, 16});
    }
    ElfBuilder& make_movable() {
        header.type = elf::type_dyn;
        header.entry -= 0x400000;
        for (auto& p : programs)
            if (p.vaddr >= 0x400000) p.vaddr -= 0x400000;
        return *this;
    }
    ElfBuilder& with_interpreter(std::string name) {
        interpreter = std::move(name);
        programs.push_back({elf::segment_interp, elf::flag_read, 0x200, 0x400200, 0x400200,
                            interpreter.size() + 1, interpreter.size() + 1, 1});
        return *this;
    }
    std::vector<std::byte> bytes() const {
        std::vector<std::byte> out(file_bytes);
        elf::FileHeader h = header;
        if (h.program_header_count == 0)
            h.program_header_count = static_cast<std::uint16_t>(programs.size());
        put(out, 0, &h, sizeof h);
        put(out, sizeof h, programs.data(), programs.size() * sizeof programs[0]);
        if (!interpreter.empty()) put(out, 0x200, interpreter.c_str(), interpreter.size() + 1);
        return out;
    }

private:
    static void put(std::vector<std::byte>& out, std::size_t at, const void* from, std::size_t n) {
        if (out.size() < at + n) out.resize(at + n);
        if (n != 0) std::memcpy(out.data() + at, from, n);
    }
};

} // namespace drupe::test
