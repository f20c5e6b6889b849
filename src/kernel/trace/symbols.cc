// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/trace/symbols.h>

#include <algorithm>
#include <cstring>

namespace drupe::trace {
namespace {

constexpr std::string_view magic = "DRUPESYM";
constexpr std::size_t header_bytes = 16, pairs_bytes = 256, entry_bytes = 6;
constexpr unsigned most_depth = 16; // of codes that stand for codes

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
    const std::size_t entries_at = header_bytes + pairs_bytes;
    const std::size_t names_at = entries_at + std::size_t{count} * entry_bytes;
    if (names_at > table.size() || name_bytes > table.size() - names_at) return Errc::corrupt;
    SymbolTable result;
    result.pairs_ = table.data() + header_bytes;
    result.entries_ = table.data() + entries_at;
    result.names_ = {reinterpret_cast<const char*>(table.data()) + names_at, name_bytes};
    result.count_ = count;
    result.image_ = image;
    result.image_bytes_ = image_bytes;
    return result;
}

SymbolTable::Entry SymbolTable::entry(std::size_t number) const {
    std::uint64_t bits = 0;
    std::memcpy(&bits, entries_ + number * entry_bytes, entry_bytes); // little-endian, as all is
    return {(bits & 0xf'ffff) * 4, bits >> 20 & 0x3'ffff, bits >> 38};
}

std::optional<Symbol> SymbolTable::find(VirtAddr address) const {
    if (address < image_ || address - image_ >= image_bytes_ || count_ == 0) return std::nullopt;
    const std::uint64_t offset = address - image_;
    std::size_t low = 0, high = count_; // the last entry at or below lies in [low - 1, high)
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (entry(middle).offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return std::nullopt;
    const Entry found = entry(low - 1);
    if (found.name >= names_.size()) return std::nullopt;
    std::size_t scope = 0;
    for (std::size_t n = found.scope; n != 0 && scope < names_.size(); ++scope)
        n -= names_[scope] == 0;
    Symbol symbol;
    symbol.length = 0;
    symbol.offset = offset - found.offset;
    add_name(symbol, scope);
    add_name(symbol, found.name);
    return symbol;
}

void SymbolTable::add_name(Symbol& symbol, std::size_t position) const {
    for (; position < names_.size() && names_[position] != 0; ++position)
        add_code(symbol, static_cast<unsigned char>(names_[position]), 0);
}

void SymbolTable::add_code(Symbol& symbol, unsigned char code, unsigned depth) const {
    if (symbol.length == Symbol::longest || depth == most_depth) return;
    if (code < 128) {
        symbol.text[symbol.length++] = static_cast<char>(code);
        return;
    }
    for (unsigned i = 0; i < 2; i++)
        add_code(symbol, std::to_integer<unsigned char>(pairs_[(code - 128u) * 2 + i]), depth + 1);
}

void print_address(FormatSink& sink, const SymbolTable& symbols, VirtAddr address) {
    if (const auto symbol = symbols.find(address))
        format_to(sink, "{}+{:#x}", symbol->name(), symbol->offset);
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
