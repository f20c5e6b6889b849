// SPDX-License-Identifier: BSD-2-Clause
// One pass over a flattened device tree ([dtspec] chapter 5). The blob comes from outside: nothing
// in it is trusted, and no input makes the walk read outside it, assert or run for ever. What a
// visitor is given points into the blob, which has to stay where it is for as long as that is used.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drupe::fdt {

using Bytes = std::span<const std::byte>;

struct Range {
    PhysAddr base;
    std::uint64_t bytes;
};

/// The blob that begins at `at`, its length read from its own header. corrupt: no device tree, not
/// aligned to 8 bytes, or longer than 2 MiB, which the boot protocol forbids. Reads 8 bytes.
Result<Bytes> blob_at(const void* at);

/// How many bytes from its beginning on a blob really occupies: firmware leaves room behind for its
/// own later edits, and says so in the total. At most blob.size().
std::size_t used_bytes(Bytes blob);

/// The `index`-th 32-bit cell of a property's value; nothing behind its end.
std::optional<std::uint32_t> cell(Bytes value, std::size_t index);
/// `count` (1 or 2) cells from `index` on as one number.
std::optional<std::uint64_t> cells(Bytes value, std::size_t index, unsigned count);
/// A value read as text, up to its first NUL or its end.
std::string_view text(Bytes value);
/// Whether a list of NUL-terminated strings holds `wanted`; its index if so.
std::optional<unsigned> index_in_list(Bytes list, std::string_view wanted);

class Walker;

class Visitor {
public:
    /// Called once for each node, parents first, when all its properties are known.
    virtual void visit(const Walker& node) = 0;

protected:
    ~Visitor() = default;
};

/// The state of a walk, and during it the view of the node being visited. Some KiB: keep it out of
/// a kernel stack.
class Walker {
public:
    /// Visits every node up to `max_depth` levels deep. corrupt: the blob contradicts itself; what
    /// came before that point was visited.
    Result<void> walk(Bytes blob, Visitor& visitor);

    /// Without the unit address for `base_name`: "cpu" of "cpu@0". The root's name is empty.
    std::string_view name() const { return levels_[depth_].name; }
    std::string_view base_name() const;
    unsigned depth() const { return depth_; }
    /// The node's place in the blob, as libfdt counts.
    int offset() const { return levels_[depth_].offset; }
    std::string_view ancestor_name(unsigned depth) const { return levels_[depth].name; }

    std::optional<Bytes> property(std::string_view name) const;
    std::optional<std::uint32_t> number(std::string_view name) const;
    std::string_view string(std::string_view name) const; // empty when there is none
    bool is_compatible(std::string_view model) const;
    /// [dtspec] "status": absent means okay.
    bool is_enabled() const;

    /// How many registers blocks `reg` lists (0 when it is malformed).
    unsigned reg_count() const;
    /// A block of `reg` in physical addresses, through the `ranges` of all buses above. not_found:
    /// no such block; not_supported: no path for a CPU's accesses leads there.
    Result<Range> reg(unsigned index) const;
    /// How many cells an address has on the bus this node is on.
    unsigned bus_cells() const { return depth_ == 0 ? 0 : levels_[depth_ - 1].address_cells; }
    /// First address of `reg` as the parent counts (a CPU's number).
    std::optional<std::uint64_t> unit_number() const;

    /// Phandle of the controller that takes this node's `interrupts`; 0 when nobody says.
    std::uint32_t interrupt_parent() const { return levels_[depth_].interrupt_parent; }

    static constexpr unsigned max_depth = 16;
    static constexpr unsigned max_properties = 48; // of one node; later ones are not seen

private:
    struct Level {
        std::string_view name;
        int offset;
        std::uint32_t address_cells; // for its children
        std::uint32_t size_cells;
        std::uint32_t interrupt_parent;
        bool has_ranges;
        Bytes ranges;
    };
    struct Property {
        std::string_view name;
        Bytes value;
    };
    void begin_node(std::string_view name, int offset);
    void deliver(Visitor& visitor);
    void add_property(std::string_view name, Bytes value);
    Result<std::uint64_t> translate(std::uint64_t address, std::uint64_t bytes) const;

    Level levels_[max_depth] = {};
    Property properties_[max_properties] = {};
    unsigned property_count_ = 0;
    unsigned depth_ = 0;
    bool pending_ = false; // the current node has not been visited yet
};

} // namespace drupe::fdt
