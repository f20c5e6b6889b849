// SPDX-License-Identifier: BSD-2-Clause
// Running a checked program. It only goes forward, so it ends.
#include "codes.h"

#include <drupe/filter/filter.h>

#include <optional>

namespace drupe::filter {
namespace {

using Message = std::span<const std::byte>;

/// The big-endian number at `offset`; none: it is not in the message.
std::optional<std::uint32_t> load(Message message, std::uint32_t offset, std::size_t bytes) {
    if (offset >= network_header)
        offset -= network_header; // the message has none in front of its bytes
    if (offset > message.size() || bytes > message.size() - offset) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; i++)
        value = value << 8 | static_cast<std::uint32_t>(message[offset + i]);
    return value;
}

std::size_t bytes_of(const Instruction& i) {
    switch (i.code & size_mask) {
    case word: return 4;
    case half: return 2;
    default: return 1;
    }
}

/// None: the program ends, and drops the message.
std::optional<std::uint32_t> compute(const Instruction& i, std::uint32_t a, std::uint32_t x) {
    const std::uint32_t b = (i.code & from_x) ? x : i.k;
    switch (i.code & operation_mask) {
    case add: return a + b;
    case sub: return a - b;
    case mul: return a * b;
    case div: return b == 0 ? std::nullopt : std::optional(a / b);
    case mod: return b == 0 ? std::nullopt : std::optional(a % b);
    case bit_or: return a | b;
    case bit_and: return a & b;
    case bit_xor: return a ^ b;
    case lsh: return a << (b & 31);
    case rsh: return a >> (b & 31);
    default: return 0 - a; // neg
    }
}

bool holds(const Instruction& i, std::uint32_t a, std::uint32_t x) {
    const std::uint32_t b = (i.code & from_x) ? x : i.k;
    switch (i.code & operation_mask) {
    case jeq: return a == b;
    case jgt: return a > b;
    case jge: return a >= b;
    default: return (a & b) != 0;
    }
}

/// What is asked for with an offset beyond all messages.
std::uint32_t fact(std::uint32_t which, std::uint32_t a, std::uint32_t x, std::uint32_t cpu) {
    switch (which) {
    case fact_cpu: return cpu;
    case fact_xor_x: return a ^ x;
    default: return 0;
    }
}

} // namespace

std::uint32_t run(Program program, Message message, std::uint32_t cpu) {
    std::uint32_t a = 0, x = 0, memory[cells] = {};
    for (std::size_t at = 0;; at++) {
        const Instruction& i = program[at];
        std::optional<std::uint32_t> value;
        switch (i.code & kind_mask) {
        case ld:
        case ldx:
            switch (i.code & mode_mask) {
            case imm: value = i.k; break;
            case len: value = static_cast<std::uint32_t>(message.size()); break;
            case mem: value = memory[i.k]; break;
            case indirect: value = load(message, x + i.k, bytes_of(i)); break;
            case msh:
                value = load(message, i.k, 1);
                if (value) value = (*value & 15) * 4;
                break;
            default:
                if (i.k == facts + fact_device || i.k == facts + fact_device_type)
                    return a; // there is none, and Linux ends with what it has
                value =
                    i.k >= facts ? fact(i.k - facts, a, x, cpu) : load(message, i.k, bytes_of(i));
            }
            if (!value) return 0;
            ((i.code & kind_mask) == ld ? a : x) = *value;
            break;
        case st: memory[i.k] = a; break;
        case stx: memory[i.k] = x; break;
        case alu:
            value = compute(i, a, x);
            if (!value) return 0;
            a = *value;
            break;
        case jmp: at += i.code == (jmp | ja) ? i.k : holds(i, a, x) ? i.if_true : i.if_false; break;
        case ret: return (i.code & from_a) ? a : i.k;
        default: (i.code == (misc | tax) ? x : a) = i.code == (misc | tax) ? a : x;
        }
    }
}

} // namespace drupe::filter
