// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/page_index.h>

#include <algorithm>
#include <new>

namespace drupe::mm {

void PageIndex::free_node(Node* node) { delete node; }

// Null: there is none, or no frame has its number in one.
const PageIndex::Node* PageIndex::lowest_node(std::uint64_t index) const {
    if (height_ == 0 || index >> (node_bits * height_) != 0) return nullptr;
    std::uint64_t at = root_;
    for (unsigned shift = node_bits * (height_ - 1); shift != 0 && at != 0; shift -= node_bits)
        at = reinterpret_cast<const Node*>(at)->slots[index >> shift & (node_slots - 1)];
    return reinterpret_cast<const Node*>(at);
}

// One level more on top; what was there becomes its slot 0.
Result<void> PageIndex::raise() {
    if (root_ != 0) {
        auto* node = new (std::nothrow) Node{};
        if (!node) return Errc::no_memory;
        node->slots[0] = root_;
        root_ = reinterpret_cast<std::uint64_t>(node);
    }
    height_++;
    return {};
}

Result<void> PageIndex::insert(std::uint64_t index, PhysAddr frame) {
    DRUPE_ASSERT(index < limit && raw(frame) != 0);
    while (index >> (node_bits * height_) != 0) TRY(raise());
    std::uint64_t* at = &root_;
    for (unsigned shift = node_bits * height_; shift != 0;) {
        if (*at == 0) {
            auto* node = new (std::nothrow) Node{};
            // Empty nodes made on the way stay: find() passes them, remove_from() takes them away.
            if (!node) return Errc::no_memory;
            *at = reinterpret_cast<std::uint64_t>(node);
        }
        shift -= node_bits;
        at = &reinterpret_cast<Node*>(*at)->slots[index >> shift & (node_slots - 1)];
    }
    DRUPE_ASSERT(*at == 0);
    *at = raw(frame);
    return {};
}

void PageIndex::remove(std::uint64_t index) {
    std::uint64_t* path[(51 + node_bits - 1) / node_bits + 1] = {&root_};
    unsigned depth = 0;
    for (unsigned shift = node_bits * height_; shift != 0;) {
        shift -= node_bits;
        auto* const node = reinterpret_cast<Node*>(*path[depth]);
        path[++depth] = &node->slots[index >> shift & (node_slots - 1)];
    }
    DRUPE_ASSERT(*path[depth] != 0);
    *path[depth] = 0;
    while (depth-- != 0) {
        auto* const node = reinterpret_cast<Node*>(*path[depth]);
        if (!std::ranges::all_of(node->slots, [](std::uint64_t slot) { return slot == 0; })) return;
        free_node(node);
        *path[depth] = 0;
    }
    height_ = 0;
}

std::uint64_t PageIndex::next_below(std::uint64_t at, unsigned height, std::uint64_t from) {
    if (at == 0) return limit;
    if (height == 0) return from == 0 ? 0 : limit;
    const auto* node = reinterpret_cast<const Node*>(at);
    const unsigned shift = node_bits * (height - 1);
    for (std::uint64_t i = from >> shift; i < node_slots; i++) {
        const std::uint64_t begin = i << shift;
        const std::uint64_t found =
            next_below(node->slots[i], height - 1, from > begin ? from - begin : 0);
        if (found != limit) return begin + found;
    }
    return limit;
}

} // namespace drupe::mm
