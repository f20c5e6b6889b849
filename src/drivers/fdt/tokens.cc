// SPDX-License-Identifier: BSD-2-Clause
#include "tokens.h"

#include "libfdt_internal.h"

namespace drupe::fdt {

Result<Tokens> Tokens::open(Bytes blob) {
    const void* tree = blob.data();
    if (blob.size() < sizeof(fdt_header) || !is_aligned(reinterpret_cast<std::uintptr_t>(tree), 8))
        return Errc::corrupt;
    if (fdt_check_header(tree) != 0 || fdt_totalsize(tree) > blob.size()) return Errc::corrupt;
    if (fdt_version(tree) < 17) return Errc::corrupt; // does not say how long the blocks are
    const std::size_t structure = fdt_off_dt_struct(tree), strings = fdt_off_dt_strings(tree);
    const std::size_t structure_bytes = fdt_size_dt_struct(tree);
    const std::size_t strings_bytes = fdt_size_dt_strings(tree);
    if (structure % 4 != 0 || structure > blob.size() || strings > blob.size() ||
        structure_bytes > blob.size() - structure || strings_bytes > blob.size() - strings)
        return Errc::corrupt;
    return Tokens(blob.subspan(structure, structure_bytes),
                  {reinterpret_cast<const char*>(blob.data()) + strings, strings_bytes});
}

Token Tokens::next() {
    while (has(at_, 4)) {
        const std::size_t start = at_;
        const std::uint32_t tag = word(start);
        at_ += 4;
        switch (tag) {
        case FDT_NOP: continue;
        case FDT_BEGIN_NODE: return begin_node(start);
        case FDT_END_NODE: return {.kind = Token::Kind::end_node};
        case FDT_PROP: return property(start);
        default: return {}; // FDT_END, or no tag at all
        }
    }
    return {};
}

Token Tokens::begin_node(std::size_t start) {
    const auto* name = reinterpret_cast<const char*>(structure_.data()) + at_;
    const std::size_t length = strnlen(name, structure_.size() - at_);
    if (length == structure_.size() - at_) return {};
    at_ += align_up(length + 1, 4);
    return {
        .kind = Token::Kind::begin_node, .name = {name, length}, .offset = static_cast<int>(start)};
}

Token Tokens::property(std::size_t start) {
    if (!has(at_, 8)) return {};
    const std::size_t length = word(at_), name = word(at_ + 4);
    at_ += 8;
    if (!has(at_, length) || name >= strings_.size()) return {};
    const Bytes value = structure_.subspan(at_, length);
    at_ += align_up(length, 4);
    const char* text = strings_.data() + name;
    const std::size_t text_length = strnlen(text, strings_.size() - name);
    if (text_length == strings_.size() - name) return {};
    return {.kind = Token::Kind::property,
            .name = {text, text_length},
            .value = value,
            .offset = static_cast<int>(start)};
}

} // namespace drupe::fdt
