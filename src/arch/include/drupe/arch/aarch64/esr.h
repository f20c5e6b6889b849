// SPDX-License-Identifier: BSD-2-Clause
// [arm/arm] "ESR_EL1, Exception Syndrome Register (EL1)". Portable on purpose: host tests feed it
// syndromes captured from real faults.
#pragma once

#include <drupe/arch/fault.h>

#include <cstdint>

namespace drupe::arch::aarch64 {

struct Esr {
    enum class Class : std::uint8_t {
        unknown = 0x00,
        wfx = 0x01,
        fp_access = 0x07,
        bti = 0x0d,
        illegal_state = 0x0e,
        svc64 = 0x15,
        sysreg = 0x18,
        sve = 0x19,
        pac_fail = 0x1c,
        insn_abort_lower = 0x20,
        insn_abort = 0x21,
        pc_alignment = 0x22,
        data_abort_lower = 0x24,
        data_abort = 0x25,
        sp_alignment = 0x26,
        fp_exception = 0x2c,
        serror = 0x2f,
        breakpoint_lower = 0x30,
        breakpoint = 0x31,
        step_lower = 0x32,
        step = 0x33,
        watchpoint_lower = 0x34,
        watchpoint = 0x35,
        brk = 0x3c,
    };
    std::uint64_t raw;

    constexpr Class ec() const { return static_cast<Class>(raw >> 26 & 0x3f); } // EC, bits [31:26]
    constexpr std::uint32_t iss() const { return raw & 0x1ff'ffff; }            // ISS, bits [24:0]
    constexpr bool is_write() const { return (raw >> 6 & 1) != 0; } // ISS.WnR, data aborts
    constexpr bool is_cache_maintenance() const { return (raw >> 8 & 1) != 0; } // ISS.CM
    constexpr unsigned status() const { return raw & 0x3f; }                    // ISS.DFSC or IFSC
    constexpr bool is_abort() const {
        return ec() == Class::insn_abort || ec() == Class::insn_abort_lower ||
               ec() == Class::data_abort || ec() == Class::data_abort_lower;
    }
    constexpr bool is_insn_abort() const {
        return ec() == Class::insn_abort || ec() == Class::insn_abort_lower;
    }
};

/// What an exception of a program (or of the kernel on its behalf) means. `far` is FAR_EL1, `pc`
/// ELR_EL1.
Fault decode_fault(Esr esr, std::uint64_t far, std::uint64_t pc);

} // namespace drupe::arch::aarch64
