// SPDX-License-Identifier: BSD-2-Clause
// What an image is to hold, before any format is chosen: a tree of names over inodes. Filled from
// folders and manifests, read by the image writers. Contents stay on the host; only metadata is
// here. Invariant: the parent of every node is in the tree and is a directory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace drupe::filetree {

/// Bad input of any kind; what() is one sentence for the user.
struct Error : std::runtime_error {
    using runtime_error::runtime_error;
};

enum class Kind : std::uint8_t {
    file,
    directory,
    symlink,
    char_device,
    block_device,
    fifo,
    socket
};

struct Owner {
    std::uint32_t uid = 0, gid = 0;
};

/// One file-system object. Two names of the tree with the same Inode are hard links.
struct Inode {
    Kind kind = Kind::directory;
    std::uint16_t mode = 0755; // permission bits with set-uid, set-gid and sticky: 07777
    Owner owner;
    std::int64_t mtime = 0; // seconds since 1970
    std::uint32_t mtime_nanoseconds = 0;
    std::uint64_t size = 0;             // bytes; files only
    std::string source;                 // path on the host: a file's content, anything's xattrs
    std::string target;                 // symlink: where it points
    std::uint32_t major = 0, minor = 0; // devices
};

using InodePtr = std::shared_ptr<Inode>;

/// Paths are relative to the root of the image ("" is the root, "usr/bin/env"), any byte but NUL.
/// Iteration is in byte order of the paths, so a parent comes before its children.
class Tree {
public:
    struct Node {
        InodePtr inode;
        bool hidden = false; // belongs to the base below this tree; not to be written
    };
    using Nodes = std::map<std::string, Node, std::less<>>;

    Tree();

    /// Puts an object at `path`, over what is there: a directory over a directory (or over a
    /// symlink to one) changes only its attributes, everything else replaces. Missing parents are
    /// made with mode 0755; symlinks among the parents are followed inside the tree. Throws Error
    /// when a parent is no directory or the links form a loop.
    void put(std::string_view path, InodePtr inode);

    /// The object at `path`, links among the parents followed; null when there is none.
    InodePtr find(std::string_view path) const;

    /// Takes `path` and all below it out. False when there is no such path.
    bool remove(std::string_view path);

    /// From here on the present content is the base: known, but not written.
    void hide_all();

    const Nodes& nodes() const { return nodes_; }

private:
    std::string resolve_parent(std::string_view path) const;
    std::string resolve(std::string_view path, int& links_left) const;
    void make_parents(const std::string& path);
    void erase_below(const std::string& path);

    Nodes nodes_;
};

/// "/usr//lib/./x/" -> "usr/lib/x". Throws Error for "..", a NUL, or a path too long for a reader.
std::string normalise(std::string_view path);

} // namespace drupe::filetree
