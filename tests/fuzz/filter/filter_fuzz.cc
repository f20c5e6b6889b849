// SPDX-License-Identifier: BSD-2-Clause
// Whatever program is taken, it ends, reads nothing beyond the message and itself, and says the
// same each time.
#include "../target.h"

#include <drupe/filter/filter.h>

#include <cstring>

using namespace drupe;
using filter::Instruction;

namespace {

constexpr std::size_t message_bytes = 16; // in front of the program

std::vector<std::uint8_t> input(const std::vector<Instruction>& program) {
    std::vector<std::uint8_t> bytes(message_bytes + program.size() * sizeof(Instruction), 0x45);
    std::memcpy(&bytes[message_bytes], program.data(), bytes.size() - message_bytes);
    return bytes;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    if (bytes < message_bytes) return 0;
    // In memory of their own, so that what lies beyond is nobody's.
    const std::vector<std::byte> message(reinterpret_cast<const std::byte*>(data),
                                         reinterpret_cast<const std::byte*>(data) + message_bytes);
    std::vector<Instruction> program((bytes - message_bytes) / sizeof(Instruction));
    if (!program.empty())
        std::memcpy(program.data(), data + message_bytes, program.size() * sizeof(Instruction));
    std::vector<std::uint16_t> scratch(program.size());
    if (!filter::check(program, scratch).ok()) return 0;
    const std::uint32_t kept = filter::run(program, message, 3);
    FUZZ_CHECK(filter::run(program, message, 3) == kept);
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    return {
        input({{0x06, 0, 0, 7}}),
        // Loads of each size and kind, jumps both ways, cells.
        input({{0x20, 0, 0, 12},
               {0x15, 2, 0, 0x45454545},
               {0x28, 0, 0, 14},
               {0x25, 0, 1, 3},
               {0x06, 0, 0, 0},
               {0xb1, 0, 0, 0},
               {0x50, 0, 0, 2},
               {0x02, 0, 0, 5},
               {0x61, 0, 0, 5},
               {0x0c, 0, 0, 0},
               {0x16, 0, 0, 0}}),
        input({{0x80, 0, 0, 0},
               {0x07, 0, 0, 0},
               {0x48, 0, 0, 0xfffffff0},
               {0x3c, 0, 0, 0},
               {0x05, 0, 0, 1},
               {0x06, 0, 0, 1},
               {0x20, 0, 0, 0xfffff024},
               {0x45, 0, 1, 2},
               {0x16, 0, 0, 0},
               {0x06, 0, 0, 9}}),
    };
}
