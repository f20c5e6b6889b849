// SPDX-License-Identifier: BSD-2-Clause
#include "nodes.h"

#include "failure.h"

#include <drupe/zfs/ondisk.h>

#include <unordered_map>

namespace drupe::mkzfs {

using filetree::Inode;
using filetree::Kind;

std::uint32_t mode_of(const Inode& inode) {
    constexpr std::uint32_t types[] = {0100000, 0040000, 0120000, 0020000,
                                       0060000, 0010000, 0140000};
    return types[static_cast<unsigned>(inode.kind)] | inode.mode;
}

NodeList number_nodes(const filetree::Tree& tree, std::uint64_t first_object) {
    NodeList list;
    list.first = first_object;
    list.nodes.reserve(tree.nodes().size());
    std::unordered_map<std::string_view, std::uint32_t> directories; // path -> node
    std::unordered_map<const Inode*, std::uint32_t> linked;          // inodes with several names
    for (const auto& [path, entry] : tree.nodes()) {
        const Inode& inode = *entry.inode;
        auto index = static_cast<std::uint32_t>(list.nodes.size());
        std::size_t slash = path.rfind('/');
        std::string_view whole = path;
        std::string_view above = slash == std::string::npos ? "" : whole.substr(0, slash);
        std::string_view name = slash == std::string::npos ? whole : whole.substr(slash + 1);
        std::uint32_t parent = path.empty() ? 0 : directories.at(above);
        bool again = false;
        if (inode.kind != Kind::directory && entry.inode.use_count() > 1) {
            auto [known, fresh] = linked.emplace(&inode, index);
            again = !fresh;
            index = known->second;
        }
        if (again) {
            ++list.nodes[index].links;
        } else {
            list.nodes.push_back({&inode, &path, list.object_of(parent), 1, Node::none});
            if (inode.kind == Kind::directory) {
                list.nodes.back().directory = static_cast<std::uint32_t>(list.directories.size());
                list.directories.emplace_back();
                directories.emplace(path, index);
            }
        }
        if (path.empty()) continue;
        Directory& directory = list.directories[list.nodes[parent].directory];
        directory.entries.push_back(
            {name, zfs::dirent_value(list.object_of(index), mode_of(inode))});
        directory.subdirectories += inode.kind == Kind::directory;
    }
    return list;
}

} // namespace drupe::mkzfs
