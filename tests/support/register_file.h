// SPDX-License-Identifier: BSD-2-Clause
// A device that is plain registers, with rules of a test's own for some of them. Remembers every
// write; an access that is not 32 or 64 bits wide, or not aligned, is counted as wrong.
#pragma once

#include <drupe/arch/host/mmio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace drupe::test {

class RegisterFile final : public arch::host::MmioWindow {
public:
    struct Write {
        std::size_t offset;
        std::uint64_t value;
    };
    explicit RegisterFile(std::size_t bytes) : MmioWindow(bytes) {}

    std::map<std::size_t, std::uint32_t> words;
    std::map<std::size_t, std::function<std::uint32_t()>> on_read;
    std::map<std::size_t, std::function<void(std::uint32_t)>> on_write;
    std::vector<Write> writes;
    unsigned wrong_accesses = 0;

    std::uint64_t read(std::size_t offset, unsigned width) override {
        check(offset, width);
        if (width == 8) return word(offset) | std::uint64_t{word(offset + 4)} << 32;
        return word(offset);
    }
    void write(std::size_t offset, unsigned width, std::uint64_t value) override {
        check(offset, width);
        writes.push_back({offset, value});
        put(offset, static_cast<std::uint32_t>(value));
        if (width == 8) put(offset + 4, static_cast<std::uint32_t>(value >> 32));
    }
    bool wrote(std::size_t offset) const {
        for (const Write& w : writes)
            if (w.offset == offset) return true;
        return false;
    }

private:
    void check(std::size_t offset, unsigned width) {
        if ((width != 4 && width != 8) || offset % width != 0) wrong_accesses++;
    }
    std::uint32_t word(std::size_t offset) {
        const auto rule = on_read.find(offset);
        return rule != on_read.end() ? rule->second() : words[offset];
    }
    void put(std::size_t offset, std::uint32_t value) {
        const auto rule = on_write.find(offset);
        if (rule != on_write.end())
            rule->second(value);
        else
            words[offset] = value;
    }
};

} // namespace drupe::test
