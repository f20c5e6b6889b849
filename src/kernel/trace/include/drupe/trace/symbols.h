// SPDX-License-Identifier: BSD-2-Clause
// Names for the kernel's addresses, and the walk along frame pointers that finds addresses worth a
// name. Portable: a table and a stack are bytes to it.
//
// The table, made from the linked image: "DRUPESYM" · u32 count · u32 bytes of names · count ×
// {u32 offset from the image's first byte, u32 where its last part begins | scope << 20} sorted by
// offset · the names, each ended by a NUL. The first of them are scopes ("drupe::vfs::"), by
// number; few scopes make up half of all names. Little-endian.
#pragma once

#include <drupe/base/format.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drupe::trace {

struct Symbol {
    std::string_view scope, name; // to be read one after the other
    std::uint64_t offset;         // of the address in the function
};

class SymbolTable {
public:
    constexpr SymbolTable() = default;
    /// corrupt: `table` is not one. It has to stay in memory.
    static Result<SymbolTable> open(std::span<const std::byte> table, VirtAddr image,
                                    std::uint64_t image_bytes);
    std::optional<Symbol> find(VirtAddr address) const;
    std::size_t size() const { return count_; }

private:
    std::string_view text_at(std::size_t position) const;
    std::uint32_t word(std::size_t entry, std::size_t field) const;
    const std::byte* entries_ = nullptr;
    std::string_view names_;
    std::uint32_t count_ = 0;
    VirtAddr image_{};
    std::uint64_t image_bytes_ = 0;
};

/// Writes "name+0x12" or, without a symbol, the address.
void print_address(FormatSink& sink, const SymbolTable& symbols, VirtAddr address);

/// A stack that may be walked: [low, high).
struct StackBounds {
    std::uint64_t low, high;
};

/// Return addresses from the frame record at `frame` on, innermost first; how many. Stops at the
/// first record outside `stack`, not aligned, or not above the one before it: a broken stack gives
/// a short answer, never a fault. [arm/aapcs64] "The Frame Pointer": a record is (caller's frame
/// pointer, return address). A pointer authentication code is removed from what is returned.
std::size_t walk_frames(std::uint64_t frame, StackBounds stack, std::span<std::uint64_t> out);

} // namespace drupe::trace
