// SPDX-License-Identifier: BSD-2-Clause
// The registers of an interrupted program (or kernel code), as saved by the entry stubs, through
// accessors that every arch has. The signal code of an arch reads the backend's own fields.
#pragma once

#include <drupe/arch/fault.h>
#include <drupe/arch/impl/trap.h>
#include <drupe/base/units.h>

#include <concepts>
#include <cstdint>

// Provided: struct TrapFrame with
//   uint64_t pc() const, void set_pc(uint64_t); sp()/set_sp; arg(unsigned) const;
//   uint64_t syscall_number() const; void set_return(uint64_t); bool from_user() const
namespace drupe::arch {

static_assert(requires(TrapFrame & f, const TrapFrame& c) {
    { c.pc() } -> std::same_as<std::uint64_t>;
    { c.sp() } -> std::same_as<std::uint64_t>;
    { c.arg(0u) } -> std::same_as<std::uint64_t>;
    { f.set_return(0ul) } -> std::same_as<void>;
    { c.from_user() } -> std::same_as<bool>;
});
} // namespace drupe::arch
