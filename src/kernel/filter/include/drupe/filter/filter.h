// SPDX-License-Identifier: BSD-2-Clause
// Programs that choose among messages (classic BPF), checked once and run for each message. Pure.
#pragma once

#include <drupe/base/result.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::filter {

/// struct sock_filter.
struct Instruction {
    std::uint16_t code;
    std::uint8_t if_true, if_false; // how many instructions are passed over
    std::uint32_t k;
};
static_assert(sizeof(Instruction) == 8);
using Program = std::span<const Instruction>;
inline constexpr std::size_t longest = 4096; // BPF_MAXINSNS

/// Does it end whatever it is run on, and read only what it has written or what the message holds?
/// `scratch` has a place for each instruction. invalid: no.
Result<void> check(Program program, std::span<std::uint16_t> scratch);

/// How many bytes of the message are kept; 0: it is dropped. The program has passed check(). `cpu`
/// is the one it runs on; a message between local sockets has nothing else that could be asked for.
std::uint32_t run(Program program, std::span<const std::byte> message, std::uint32_t cpu);

} // namespace drupe::filter
