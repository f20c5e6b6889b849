// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/drivers/fdt.h>

#include "libfdt_internal.h"
#include "tokens.h"

#include <algorithm>

namespace drupe::fdt {
namespace {

constexpr std::size_t max_blob = 2 * 1024 * 1024; // [linux] Documentation/arm64/booting

} // namespace

Result<Bytes> blob_at(const void* at) {
    const auto* bytes = static_cast<const std::byte*>(at);
    // The boot protocol aligns a device tree to 8 bytes.
    if (!at || !is_aligned(reinterpret_cast<std::uintptr_t>(at), 8)) return Errc::corrupt;
    if (load_aligned_be32(bytes) != FDT_MAGIC) return Errc::corrupt;
    const std::size_t size = load_aligned_be32(bytes + 4); // totalsize
    if (size < sizeof(fdt_header) || size > max_blob) return Errc::corrupt;
    return Bytes(bytes, size);
}

std::size_t used_bytes(Bytes blob) {
    const void* tree = blob.data();
    if (!Tokens::open(blob).ok()) return blob.size();
    const std::uint64_t structure =
        std::uint64_t{fdt_off_dt_struct(tree)} + fdt_size_dt_struct(tree);
    const std::uint64_t strings =
        std::uint64_t{fdt_off_dt_strings(tree)} + fdt_size_dt_strings(tree);
    const int entries = fdt_num_mem_rsv(tree);
    if (entries < 0) return blob.size();
    const std::uint64_t reservations =
        fdt_off_mem_rsvmap(tree) + (std::uint64_t{static_cast<unsigned>(entries)} + 1) * 16;
    return std::min<std::uint64_t>(std::max({structure, strings, reservations}), blob.size());
}

std::optional<std::uint32_t> cell(Bytes value, std::size_t index) {
    if (index >= value.size() / 4) return std::nullopt;
    return load_aligned_be32(value.data() + index * 4);
}

std::optional<std::uint64_t> cells(Bytes value, std::size_t index, unsigned count) {
    if (count == 0 || count > 2) return std::nullopt;
    const auto first = cell(value, index);
    if (count == 1 || !first) return first;
    const auto second = cell(value, index + 1);
    if (!second) return std::nullopt;
    return std::uint64_t{*first} << 32 | *second;
}

std::string_view text(Bytes value) {
    const std::string_view all(reinterpret_cast<const char*>(value.data()), value.size());
    return all.substr(0, all.find('\0'));
}

std::optional<unsigned> index_in_list(Bytes list, std::string_view wanted) {
    for (unsigned index = 0; !list.empty(); index++) {
        const std::string_view entry = text(list);
        if (entry == wanted) return index;
        list = entry.size() < list.size() ? list.subspan(entry.size() + 1) : Bytes{};
    }
    return std::nullopt;
}

std::string_view Walker::base_name() const { return name().substr(0, name().find('@')); }

std::optional<Bytes> Walker::property(std::string_view name) const {
    for (unsigned i = 0; i < property_count_; i++)
        if (properties_[i].name == name) return properties_[i].value;
    return std::nullopt;
}

std::optional<std::uint32_t> Walker::number(std::string_view name) const {
    const auto value = property(name);
    return value ? cell(*value, 0) : std::nullopt;
}

std::string_view Walker::string(std::string_view name) const {
    const auto value = property(name);
    return value ? text(*value) : std::string_view{};
}

bool Walker::is_compatible(std::string_view model) const {
    const auto list = property("compatible");
    return list && index_in_list(*list, model);
}

bool Walker::is_enabled() const {
    const auto status = property("status");
    return !status || text(*status) == "okay" || text(*status) == "ok";
}

unsigned Walker::reg_count() const {
    const auto reg = property("reg");
    if (!reg || depth_ == 0) return 0;
    const Level& bus = levels_[depth_ - 1];
    const std::size_t entry = std::size_t{bus.address_cells} + bus.size_cells;
    return entry == 0 || entry > 4 ? 0 : static_cast<unsigned>(reg->size() / (entry * 4));
}

Result<Range> Walker::reg(unsigned index) const {
    if (index >= reg_count()) return Errc::not_found;
    const Bytes value = *property("reg");
    const Level& bus = levels_[depth_ - 1];
    const std::size_t at = std::size_t{index} * (bus.address_cells + bus.size_cells);
    const auto address = cells(value, at, bus.address_cells);
    const auto bytes = cells(value, at + bus.address_cells, bus.size_cells);
    if (!address || (!bytes && bus.size_cells != 0)) return Errc::not_supported;
    const std::uint64_t size = bytes.value_or(0);
    if (*address + size < *address) return Errc::not_supported;
    return Range{PhysAddr{TRY(translate(*address, size))}, size};
}

std::optional<std::uint64_t> Walker::unit_number() const {
    const auto reg = property("reg");
    if (!reg || depth_ == 0) return std::nullopt;
    return cells(*reg, 0, levels_[depth_ - 1].address_cells);
}

// [dtspec] "ranges": triples (child address, parent address, length); empty means identity, absent
// means that the children are not reachable from above.
Result<std::uint64_t> Walker::translate(std::uint64_t address, std::uint64_t bytes) const {
    for (unsigned d = depth_ - 1; d > 0; d--) {
        const Level& bus = levels_[d];
        const unsigned up = levels_[d - 1].address_cells;
        if (!bus.has_ranges) return Errc::not_supported;
        if (bus.ranges.empty()) continue;
        const std::size_t entry = std::size_t{bus.address_cells} + up + bus.size_cells;
        if (entry > 6) return Errc::not_supported;
        bool found = false;
        for (std::size_t at = 0; !found && (at + entry) * 4 <= bus.ranges.size(); at += entry) {
            const auto child = cells(bus.ranges, at, bus.address_cells);
            const auto parent = cells(bus.ranges, at + bus.address_cells, up);
            const auto length = cells(bus.ranges, at + bus.address_cells + up, bus.size_cells);
            if (!child || !parent || !length) return Errc::not_supported;
            if (address < *child || address - *child >= *length) continue;
            if (bytes > *length - (address - *child)) continue;
            address = address - *child + *parent;
            found = true;
        }
        if (!found) return Errc::not_supported;
    }
    if (address + bytes < address) return Errc::not_supported;
    return address;
}

void Walker::begin_node(std::string_view name, int offset) {
    const std::uint32_t inherited = depth_ == 0 ? 0 : levels_[depth_ - 1].interrupt_parent;
    levels_[depth_] = {name, offset, 2, 1, inherited, false, {}}; // cell counts: [dtspec] defaults
    property_count_ = 0;
    pending_ = true;
}

void Walker::deliver(Visitor& visitor) {
    if (!pending_) return;
    pending_ = false;
    Level& level = levels_[depth_];
    for (unsigned i = 0; i < property_count_; i++) {
        const Property& p = properties_[i];
        if (p.name == "#address-cells")
            level.address_cells = cell(p.value, 0).value_or(level.address_cells);
        else if (p.name == "#size-cells")
            level.size_cells = cell(p.value, 0).value_or(level.size_cells);
        else if (p.name == "interrupt-parent")
            level.interrupt_parent = cell(p.value, 0).value_or(level.interrupt_parent);
        else if (p.name == "ranges")
            level.has_ranges = true, level.ranges = p.value;
    }
    // More cells than two make no address of ours; a number that cannot overflow sums keeps the
    // arithmetic of all readers simple.
    if (level.address_cells > 3) level.address_cells = 4;
    if (level.size_cells > 3) level.size_cells = 4;
    visitor.visit(*this);
}

void Walker::add_property(std::string_view name, Bytes value) {
    if (pending_ && property_count_ < max_properties)
        properties_[property_count_++] = {name, value};
}

Result<void> Walker::walk(Bytes blob, Visitor& visitor) {
    Tokens tokens = TRY(Tokens::open(blob));
    unsigned open = 0; // nodes begun and not ended; those beyond max_depth are passed over
    pending_ = false;
    for (;;) {
        const Token token = tokens.next();
        switch (token.kind) {
        case Token::Kind::begin_node:
            if (open > 0 && open <= max_depth) deliver(visitor);
            pending_ = false;
            if (open++ >= max_depth) break;
            depth_ = open - 1;
            begin_node(token.name, token.offset);
            break;
        case Token::Kind::property:
            if (open > 0 && open <= max_depth) add_property(token.name, token.value);
            break;
        case Token::Kind::end_node:
            if (open == 0) return Errc::corrupt;
            if (open <= max_depth) {
                deliver(visitor);
                depth_ = open >= 2 ? open - 2 : 0;
            }
            if (--open == 0) return {}; // the root is complete; FDT_END follows
            break;
        case Token::Kind::malformed: return Errc::corrupt;
        }
    }
}

} // namespace drupe::fdt
