// SPDX-License-Identifier: BSD-2-Clause
// The registers of an interrupted program (or kernel code), as saved by the entry stubs, through
// accessors that every arch has. The signal code of an arch reads the backend's own fields.
#pragma once

#include <drupe/arch/impl/trap.h>
#include <drupe/base/units.h>

#include <concepts>
#include <cstdint>

// Provided: struct TrapFrame with
//   uint64_t pc() const, void set_pc(uint64_t); sp()/set_sp; arg(unsigned) const;
//   uint64_t syscall_number() const; void set_return(uint64_t); bool from_user() const
namespace drupe::arch {

enum class Access : std::uint8_t { read, write, exec };

/// Why a program's instruction could not be carried out.
struct Fault {
    enum class Kind : std::uint8_t {
        translation, // nothing mapped at `address`
        permission,  // mapped, but not for this access
        alignment,   // address not aligned as the access demands
        bus,         // the memory system answered with an error
        undefined,   // not an instruction, or not allowed here
        breakpoint,  // brk
        single_step,
        fp_trapped, // a trapped floating-point exception; `code` holds the cumulative bits
        other,
    };
    Kind kind;
    Access access;
    VirtAddr address;       // of the data or instruction that faulted
    std::uint64_t syndrome; // the arch's own word (ESR_EL1), for reports and signal frames
};

static_assert(requires(TrapFrame & f, const TrapFrame& c) {
    { c.pc() } -> std::same_as<std::uint64_t>;
    { c.sp() } -> std::same_as<std::uint64_t>;
    { c.arg(0u) } -> std::same_as<std::uint64_t>;
    { f.set_return(0ul) } -> std::same_as<void>;
    { c.from_user() } -> std::same_as<bool>;
});
} // namespace drupe::arch
