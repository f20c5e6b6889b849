// SPDX-License-Identifier: BSD-2-Clause
// The structure block of a device tree as a sequence of tokens ([dtspec] "Structure Block"). Ours,
// because libfdt's fdt_next_tag checks names a byte at a time: with it a walk over QEMU's tree of
// 45 nodes took 387,000 instructions, most of them there.
#pragma once

#include <drupe/drivers/fdt.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drupe::fdt {

/// Property values, node names and the blocks themselves are aligned to 4 bytes: checked by
/// Tokens::open for the blocks, by construction for the rest.
inline std::uint32_t load_aligned_be32(const std::byte* p) {
    std::uint32_t value;
    __builtin_memcpy(&value, __builtin_assume_aligned(p, 4), 4);
    return __builtin_bswap32(value);
}

struct Token {
    enum class Kind : std::uint8_t { begin_node, end_node, property, malformed };
    Kind kind = Kind::malformed;
    std::string_view name = {}; // of the node or property
    Bytes value = {};
    int offset = 0; // in the structure block, as libfdt counts
};

class Tokens {
public:
    /// corrupt: no blob of version 17, or its blocks are not inside it.
    static Result<Tokens> open(Bytes blob);
    /// The next token that says something. malformed: none can be had any more, the end included.
    Token next();

private:
    Tokens(Bytes structure, std::string_view strings) : structure_(structure), strings_(strings) {}
    std::uint32_t word(std::size_t at) const { return load_aligned_be32(structure_.data() + at); }
    bool has(std::size_t at, std::size_t bytes) const {
        return at <= structure_.size() && bytes <= structure_.size() - at;
    }
    Token begin_node(std::size_t start);
    Token property(std::size_t start);

    Bytes structure_;
    std::string_view strings_;
    std::size_t at_ = 0;
};

} // namespace drupe::fdt
