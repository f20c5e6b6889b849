// SPDX-License-Identifier: BSD-2-Clause
// Names for the kernel's addresses, and the walk along frame pointers that finds addresses worth a
// name. Portable: a table and a stack are bytes to it.
//
// The table, made from the linked image: "DRUPESYM" · u32 count · u32 bytes of names · 128 × two
// codes · count × 48 bits, of which 20 are a fourth of the offset from the image's first byte, 18
// where the name's last part begins, 10 its scope's number; sorted by offset · the names, each
// ended by a NUL. The first of them are scopes ("drupe::vfs::"), by number; few scopes make up half
// of all names. A byte below 128 is a character; each other stands for the two codes that the
// table has for it. Little-endian.
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
    static constexpr std::size_t longest = 120; // names are cut there
    std::string_view name() const { return {text, length}; }
    char text[longest];
    std::size_t length;
    std::uint64_t offset; // of the address in the function
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
    struct Entry {
        std::uint64_t offset;
        std::size_t name, scope;
    };
    Entry entry(std::size_t number) const;
    void add_name(Symbol& symbol, std::size_t position) const;
    void add_code(Symbol& symbol, unsigned char code, unsigned depth) const;
    const std::byte* pairs_ = nullptr;
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
