// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/trace/symbols.h>

#include <algorithm>
#include <cstring>

namespace drupe::trace {
namespace {

constexpr std::string_view magic = "DRUPESYM";
constexpr std::size_t header_bytes = 16, entry_bytes = 8;
constexpr std::uint32_t name_limit = 1u << 20;

std::uint32_t load_le32(const std::byte* p) {
    std::uint32_t value;
    std::memcpy(&value, p, sizeof value); // both machines are little-endian
    return value;
}

/// Drops a pointer authentication code from a return address: the kernel's addresses have all upper
/// bits set ([arm/arm] "PACIASP": the code lies above the address bits).
constexpr std::uint64_t without_signature(std::uint64_t address) {
    constexpr std::uint64_t upper = ~std::uint64_t{0} << 48;
    return (address & std::uint64_t{1} << 55) != 0 ? address | upper : address & ~upper;
}

} // namespace

Result<SymbolTable> SymbolTable::open(std::span<const std::byte> table, VirtAddr image,
                                      std::uint64_t image_bytes) {
    if (table.size() < header_bytes || std::memcmp(table.data(), magic.data(), magic.size()) != 0)
        return Errc::corrupt;
    const std::uint32_t count = load_le32(table.data() + 8);
    const std::uint32_t name_bytes = load_le32(table.data() + 12);
    const std::size_t names_at = header_bytes + std::size_t{count} * entry_bytes;
    if (names_at > table.size() || name_bytes > table.size() - names_at) return Errc::corrupt;
    SymbolTable result;
    result.entries_ = table.data() + header_bytes;
    result.names_ = {reinterpret_cast<const char*>(table.data()) + names_at, name_bytes};
    result.count_ = count;
    result.image_ = image;
    result.image_bytes_ = image_bytes;
    return result;
}

std::uint32_t SymbolTable::word(std::size_t entry, std::size_t field) const {
    return load_le32(entries_ + entry * entry_bytes + field * 4);
}

std::optional<Symbol> SymbolTable::find(VirtAddr address) const {
    if (address < image_ || address - image_ >= image_bytes_ || count_ == 0) return std::nullopt;
    const std::uint64_t offset = address - image_;
    std::size_t low = 0, high = count_; // the last entry at or below lies in [low - 1, high)
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (word(middle, 0) <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return std::nullopt;
    const std::uint32_t name = word(low - 1, 1);
    if (name % name_limit >= names_.size()) return std::nullopt;
    std::size_t scope = 0;
    for (std::uint32_t n = name / name_limit; n != 0; --n) scope += text_at(scope).size() + 1;
    return Symbol{text_at(scope), text_at(name % name_limit), offset - word(low - 1, 0)};
}

std::string_view SymbolTable::text_at(std::size_t position) const {
    std::string_view text = names_;
    text.remove_prefix(std::min(position, text.size()));
    return text.substr(0, text.find('\0'));
}

void print_address(FormatSink& sink, const SymbolTable& symbols, VirtAddr address) {
    if (const auto symbol = symbols.find(address))
        format_to(sink, "{}{}+{:#x}", symbol->scope, symbol->name, symbol->offset);
    else
        format_to(sink, "{}", address);
}

std::size_t walk_frames(std::uint64_t frame, StackBounds stack, std::span<std::uint64_t> out) {
    std::size_t count = 0;
    std::uint64_t floor = stack.low;
    while (count < out.size()) {
        if (frame % 8 != 0 || frame < floor || stack.high < 16 || frame > stack.high - 16) break;
        std::uint64_t record[2];
        std::memcpy(record, reinterpret_cast<const void*>(frame), sizeof record);
        if (record[1] == 0) break; // the outermost frame
        out[count++] = without_signature(record[1]);
        floor = frame + 16;
        frame = record[0];
    }
    return count;
}

} // namespace drupe::trace
