// SPDX-License-Identifier: BSD-2-Clause
// Writes a tree as a newc cpio archive whose larger files lie on page boundaries, so that a kernel
// maps them where they are. docs/bootfs.md is the contract with the reader.
#pragma once

#include <filetree/tree.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::bootfs {

/// Where the archive goes. Throws filetree::Error when it cannot take the bytes.
class Sink {
public:
    virtual ~Sink() = default;
    virtual void write(std::span<const char> bytes) = 0;
};

/// Where file contents come from: calls `sink` with exactly inode.size bytes, or throws Error.
class Contents {
public:
    virtual ~Contents() = default;
    virtual void copy(const filetree::Inode& inode, Sink& sink) = 0;
};

struct Layout {
    std::uint64_t page = 4096;
    std::uint64_t align_above = 512; // files of more bytes begin on a page; the rest lies anywhere
};

struct Totals {
    std::uint64_t entries = 0, files = 0, file_bytes = 0, archive_bytes = 0;
};

/// Writes what is not hidden in the tree, in path order, and pads the end to a page.
/// Deterministic: the bytes depend on the tree and the contents only.
/// Throws Error for what newc cannot hold: a file of 4 GiB or more.
Totals write_archive(const filetree::Tree& tree, Contents& contents, Sink& sink,
                     const Layout& layout = {});

} // namespace drupe::bootfs
