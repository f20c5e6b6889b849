// SPDX-License-Identifier: BSD-2-Clause
// Small text files that rooms of the kernel offer under /proc and /sys: made when read.
#pragma once

#include <drupe/base/format.h>
#include <drupe/base/result.h>

#include <cstdint>
#include <string_view>

namespace drupe::vfs {

/// The record lives for ever. `path` is relative to the tree's root ("sys/kernel/osrelease");
/// directories on the way come into being with it.
struct GeneratedFile {
    const char* path;
    /// Writes the whole content. Context: thread, may sleep, no lock held.
    void (*write)(FormatSink& out);
    /// Takes what a program wrote in one call; null: the file is read-only.
    Result<void> (*store)(std::string_view text) = nullptr;
    GeneratedFile* next = nullptr;
};

struct GeneratedTree {
    GeneratedFile* first = nullptr;
};
/// /proc and /sys. Registered at boot, by one thread, never taken away.
extern GeneratedTree proc_files;
extern GeneratedTree sys_files;
void register_file(GeneratedTree& tree, GeneratedFile& file);

} // namespace drupe::vfs
