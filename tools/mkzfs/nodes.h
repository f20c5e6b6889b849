// SPDX-License-Identifier: BSD-2-Clause
// A tree of names turned into numbered objects: one for each inode, a list of entries for each
// directory. Numbers follow the byte order of the paths, so they depend on nothing else.
#pragma once

#include <filetree/tree.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace drupe::mkzfs {

struct DirectoryEntry {
    std::string_view name;
    std::uint64_t value; // zfs::dirent_value()
};

struct Directory {
    std::vector<DirectoryEntry> entries;
    std::uint32_t subdirectories = 0;
};

struct Node {
    const filetree::Inode* inode = nullptr;
    const std::string* path = nullptr; // of its first name
    std::uint64_t parent = 0;          // object of the directory of its first name
    std::uint32_t links = 1;
    std::uint32_t directory = none; // index of its entries
    static constexpr std::uint32_t none = ~0u;
};

/// Objects `first`, first + 1, … in order; the root directory is `first`.
struct NodeList {
    std::uint64_t first = 0;
    std::vector<Node> nodes;
    std::vector<Directory> directories;

    std::uint64_t object_of(std::size_t index) const { return first + index; }
};

NodeList number_nodes(const filetree::Tree& tree, std::uint64_t first_object);

/// The mode word of stat(): type and permissions.
std::uint32_t mode_of(const filetree::Inode& inode);

} // namespace drupe::mkzfs
