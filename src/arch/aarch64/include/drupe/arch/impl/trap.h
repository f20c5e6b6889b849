// SPDX-License-Identifier: BSD-2-Clause
// The frame that the entry stubs save. Its layout is known to entry.S through asm_offsets.
#pragma once

#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>

namespace drupe::arch {

extern "C" const char drupe_direct_entry[];

struct TrapFrame {
    std::uint64_t x[31];
    std::uint64_t user_sp;   // SP_EL0, or the interrupted kernel's SP
    std::uint64_t elr;       // ELR_EL1
    std::uint64_t spsr;      // SPSR_EL1
    std::uint64_t first_arg; // x0 as it was at a system call, for restarts
    std::int64_t number;     // system call number (bit 32: a direct call), -1: no system call

    std::uint64_t pc() const { return elr; }
    void set_pc(std::uint64_t pc) { elr = pc; }
    std::uint64_t sp() const { return user_sp; }
    void set_sp(std::uint64_t sp) { user_sp = sp; }
    std::uint64_t arg(unsigned n) const { return n == 0 && number >= 0 ? first_arg : x[n]; }
    bool is_syscall() const { return number >= 0; }
    std::uint64_t syscall_number() const { return static_cast<std::uint32_t>(number); }
    void set_return(std::uint64_t value) { x[0] = value; }
    std::int64_t returned() const { return static_cast<std::int64_t>(x[0]); }
    std::uint64_t frame_pointer() const { return x[29]; }
    /// The program makes a call again whose registers may be gone: it executes the svc again, or
    /// the `blr x16` of a direct call (docs/direct-call.md), which lies before its return address.
    void repeat_call(std::uint64_t call, const std::uint64_t (&args)[6]) {
        for (unsigned n = 0; n < 6; n++) x[n] = args[n];
        x[8] = call;
        const bool by_svc = number >= 0 && (number >> 32 & 1) == 0;
        if (!by_svc) x[16] = reinterpret_cast<std::uint64_t>(drupe_direct_entry);
        elr = (by_svc ? elr : x[30]) - 4;
        number = -1;
    }
    /// [arm/arm] "SPSR_EL1": M[4:0]. EL1h is the kernel; EL0t and EL1t are the program.
    bool from_user() const { return (spsr & 0x1f) != 0x5; }
};
static_assert(sizeof(TrapFrame) == 288 && offsetof(TrapFrame, user_sp) == 248);

} // namespace drupe::arch
