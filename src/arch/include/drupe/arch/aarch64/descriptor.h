// SPDX-License-Identifier: BSD-2-Clause
// VMSAv8-64 stage 1 descriptors, 4 KiB granule, 48-bit addresses. Values only, no machine access:
// tested on the build machine.
//
// [arm/arm] "VMSAv8-64 translation table format descriptors", "Stage 1 memory attributes and
// permissions". What EL0 may write, EL1 never executes, whatever PXN says; so a page of a program
// that runs at EL1t has AP[1] = 0 and takes its execute permission from PXN.
#pragma once

#include <drupe/arch/page_table_types.h>
#include <drupe/arch/user_mode.h>
#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::arch::aarch64 {

using Descriptor = std::uint64_t;

inline constexpr Descriptor bit_valid = 1;
inline constexpr Descriptor bit_table = 2;            // levels 0-2: a table; level 3: a page
inline constexpr Descriptor attr_index_lsb = 1u << 2; // AttrIndx[2:0], bits [4:2]
inline constexpr Descriptor ap_el0 = 1u << 6;         // AP[1]: EL0 may access
inline constexpr Descriptor ap_read_only = 1u << 7;   // AP[2]
inline constexpr Descriptor sh_inner = 3u << 8;       // SH[1:0]
inline constexpr Descriptor access_flag = 1u << 10;   // AF
inline constexpr Descriptor not_global = 1u << 11;    // nG
inline constexpr Descriptor pxn = Descriptor{1} << 53;
inline constexpr Descriptor uxn = Descriptor{1} << 54;
inline constexpr Descriptor address_mask = 0x0000'ffff'ffff'f000;

/// Attribute indexes, as MAIR_EL1 is set up at boot.
enum class AttrIndex : std::uint8_t { normal = 0, device = 1, uncached = 2 };

inline constexpr unsigned leaf_level = 3;
constexpr unsigned level_shift(unsigned level) { return 39 - 9 * level; }
constexpr std::uint64_t level_span(unsigned level) {
    return std::uint64_t{1} << level_shift(level);
}
constexpr unsigned level_index(std::uint64_t va, unsigned level) {
    return static_cast<unsigned>(va >> level_shift(level)) & 511;
}

constexpr bool is_valid(Descriptor d) { return (d & bit_valid) != 0; }
constexpr bool is_table(Descriptor d) { return (d & 3) == 3; } // at levels 0-2
constexpr PhysAddr output_address(Descriptor d) { return PhysAddr{d & address_mask}; }
constexpr Descriptor table_descriptor(PhysAddr table) { return raw(table) | bit_valid | bit_table; }

constexpr Descriptor type_bits(MemoryType type) {
    switch (type) {
    case MemoryType::normal:
        return sh_inner | static_cast<Descriptor>(AttrIndex::normal) * attr_index_lsb;
    case MemoryType::uncached:
        return sh_inner | static_cast<Descriptor>(AttrIndex::uncached) * attr_index_lsb;
    case MemoryType::device: break;
    }
    return static_cast<Descriptor>(AttrIndex::device) * attr_index_lsb;
}

/// The bits that permissions decide, and nothing else.
constexpr Descriptor permission_bits(Perm perm, IsolationMode mode) {
    const bool exec = has(perm, Perm::exec);
    Descriptor d = has(perm, Perm::write) ? 0 : ap_read_only;
    if (!has(perm, Perm::user)) return d | uxn | (exec ? 0 : pxn);
    d |= not_global;
    if (mode == IsolationMode::el0) return d | ap_el0 | pxn | (exec ? 0 : uxn);
    return d | uxn | (exec ? 0 : pxn);
}
inline constexpr Descriptor permission_mask = ap_el0 | ap_read_only | not_global | pxn | uxn;

/// A program's page without any permission keeps its frame: an invalid descriptor that is not zero.
constexpr Descriptor validity(Perm perm) {
    return has(perm, Perm::user) && without(perm, Perm::user) == Perm::none ? 0 : bit_valid;
}

/// A leaf at `level`: 3 a page, 2 and 1 a block.
constexpr Descriptor leaf_descriptor(PhysAddr frame, Perm perm, MemoryType type, IsolationMode mode,
                                     unsigned level = leaf_level) {
    return raw(frame) | type_bits(type) | access_flag | permission_bits(perm, mode) |
           (level == leaf_level ? bit_table : 0) | validity(perm);
}
constexpr Descriptor with_permission(Descriptor d, Perm perm, IsolationMode mode) {
    return (d & ~(permission_mask | bit_valid)) | permission_bits(perm, mode) | validity(perm);
}

constexpr Mapping decode_leaf(Descriptor d, IsolationMode mode) {
    if (d == 0) return {PhysAddr{0}, Perm::none};
    const bool user = (d & not_global) != 0;
    if (!is_valid(d)) return {output_address(d), Perm::user};
    Perm perm = Perm::read | (user ? Perm::user : Perm::none);
    if ((d & ap_read_only) == 0) perm = perm | Perm::write;
    if ((d & (user && mode == IsolationMode::el0 ? uxn : pxn)) == 0) perm = perm | Perm::exec;
    return {output_address(d), perm};
}

/// [arm/arm] "Using break-before-make when updating translation table entries": a valid entry may
/// be replaced by a valid one only when permissions alone differ. (AF and software bits are
/// unused.)
constexpr bool needs_break_before_make(Descriptor from, Descriptor to) {
    constexpr Descriptor may_change = ap_el0 | ap_read_only | pxn | uxn;
    return is_valid(from) && is_valid(to) && ((from ^ to) & ~may_change) != 0;
}

} // namespace drupe::arch::aarch64
