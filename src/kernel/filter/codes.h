// SPDX-License-Identifier: BSD-2-Clause
// How instructions are written. [linux] uapi/linux/bpf_common.h, uapi/linux/filter.h
#pragma once

#include <cstdint>

namespace drupe::filter {

/// What an instruction's code is made of, in parts that are joined by `|`.
enum Code : std::uint16_t {
    // Kinds.
    ld = 0,
    ldx,
    st,
    stx,
    alu,
    jmp,
    ret,
    misc,
    kind_mask = 7,
    // How much is loaded, and from where.
    word = 0,
    half = 0x08,
    byte = 0x10,
    size_mask = 0x18,
    imm = 0,
    absolute = 0x20,
    indirect = 0x40,
    mem = 0x60,
    len = 0x80,
    msh = 0xa0,
    mode_mask = 0xe0,
    // What is computed, and with what.
    add = 0,
    sub = 0x10,
    mul = 0x20,
    div = 0x30,
    bit_or = 0x40,
    bit_and = 0x50,
    lsh = 0x60,
    rsh = 0x70,
    neg = 0x80,
    mod = 0x90,
    bit_xor = 0xa0,
    operation_mask = 0xf0,
    from_k = 0,
    from_x = 8,
    from_a = 0x10,
    // When a jump is taken.
    ja = 0,
    jeq = 0x10,
    jgt = 0x20,
    jge = 0x30,
    jset = 0x40,
    // Which way between the registers.
    tax = 0,
    txa = 0x80,
};

inline constexpr std::uint32_t cells = 16; // BPF_MEMWORDS

/// Offsets from here on name facts about the message, those before its network header.
inline constexpr std::uint32_t facts = 0xffff'f000, network_header = 0xfff0'0000;
enum Fact : std::uint32_t {
    fact_protocol = 0,
    fact_packet_type = 4,
    fact_device = 8,
    fact_mark = 20,
    fact_queue = 24,
    fact_device_type = 28,
    fact_hash = 32,
    fact_cpu = 36,
    fact_xor_x = 40, // an operation, and no fact
    fact_vlan_tag = 44,
    fact_has_vlan_tag = 48,
    fact_payload = 52,
    fact_vlan_protocol = 60,
};

} // namespace drupe::filter
