// SPDX-License-Identifier: BSD-2-Clause
// Which programs are taken: those that Linux takes, but for ones that ask for attributes of netlink
// messages or for random numbers. [linux] net/core/filter.c
#include "codes.h"

#include <drupe/filter/filter.h>

#include <algorithm>

namespace drupe::filter {
namespace {

bool is_known_fact(std::uint32_t offset) {
    switch (offset - facts) {
    case fact_protocol:
    case fact_packet_type:
    case fact_device:
    case fact_mark:
    case fact_queue:
    case fact_device_type:
    case fact_hash:
    case fact_cpu:
    case fact_xor_x:
    case fact_vlan_tag:
    case fact_has_vlan_tag:
    case fact_payload:
    case fact_vlan_protocol: return true;
    default: return false;
    }
}

bool is_load(const Instruction& i) {
    switch (i.code & ~size_mask) {
    case ld | absolute: return (i.code & size_mask) <= byte && (i.k < facts || is_known_fact(i.k));
    case ld | indirect: return (i.code & size_mask) <= byte;
    case ld | imm:
    case ld | len:
    case ldx | imm:
    case ldx | len: return (i.code & size_mask) == word;
    case ld | mem:
    case ldx | mem: return (i.code & size_mask) == word && i.k < cells;
    case ldx | msh: return (i.code & size_mask) == byte;
    default: return false;
    }
}

bool is_arithmetic(const Instruction& i) {
    const bool uses_k = !(i.code & from_x);
    if (i.code == (alu | neg)) return true;
    if ((i.code & ~(kind_mask | operation_mask | from_x)) != 0) return false;
    switch (i.code & operation_mask) {
    case add:
    case sub:
    case mul:
    case bit_or:
    case bit_and:
    case bit_xor: return true;
    case div:
    case mod: return !uses_k || i.k != 0;
    case lsh:
    case rsh: return !uses_k || i.k < 32;
    default: return false;
    }
}

/// `after`: how many instructions follow.
bool is_jump(const Instruction& i, std::size_t after) {
    if (i.code == (jmp | ja)) return i.k < after;
    switch (i.code & ~from_x) {
    case jmp | jeq:
    case jmp | jgt:
    case jmp | jge:
    case jmp | jset: return i.if_true < after && i.if_false < after;
    default: return false;
    }
}

bool is_sound(const Instruction& i, std::size_t after) {
    switch (i.code & kind_mask) {
    case ld:
    case ldx: return is_load(i);
    case st:
    case stx: return i.code <= stx && i.k < cells;
    case alu: return is_arithmetic(i);
    case jmp: return is_jump(i, after);
    case ret: return i.code == (ret | from_k) || i.code == (ret | from_a);
    default: return i.code == (misc | tax) || i.code == (misc | txa);
    }
}

/// Is every cell written before it is read, on every way? `ways`: the cells that are written on all
/// ways seen so far that lead to an instruction.
bool reads_what_it_wrote(Program program, std::span<std::uint16_t> ways) {
    constexpr std::uint16_t all = 0xffff;
    std::fill_n(ways.begin(), program.size(), all);
    std::uint16_t written = 0;
    for (std::size_t at = 0; at < program.size(); at++) {
        const Instruction& i = program[at];
        written &= ways[at];
        const auto leads_to = [&](std::size_t distance) { ways[at + 1 + distance] &= written; };
        if ((i.code & kind_mask) == st || (i.code & kind_mask) == stx) {
            written = static_cast<std::uint16_t>(written | 1u << i.k);
        } else if (i.code == (ld | mem) || i.code == (ldx | mem)) {
            if (!(written >> i.k & 1)) return false;
        } else if ((i.code & kind_mask) == jmp) {
            leads_to(i.code == (jmp | ja) ? i.k : i.if_true);
            if (i.code != (jmp | ja)) leads_to(i.if_false);
            written = all; // the next one is reached by jumps only
        }
    }
    return true;
}

} // namespace

Result<void> check(Program program, std::span<std::uint16_t> scratch) {
    if (program.empty() || program.size() > longest || scratch.size() < program.size())
        return Errc::invalid;
    for (std::size_t at = 0; at < program.size(); at++)
        if (!is_sound(program[at], program.size() - at - 1)) return Errc::invalid;
    if ((program.back().code & kind_mask) != ret) return Errc::invalid;
    if (!reads_what_it_wrote(program, scratch)) return Errc::invalid;
    return {};
}

} // namespace drupe::filter
