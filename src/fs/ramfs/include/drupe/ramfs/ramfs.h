// SPDX-License-Identifier: BSD-2-Clause
// A file system in memory: tmpfs, ramfs, and the root that a boot archive is unpacked into.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/vfs/file_system.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::ramfs {

struct Options {
    std::uint32_t mode = 0755; // of the root directory
    std::uint32_t uid = 0, gid = 0;
    std::string_view type = "tmpfs"; // outlives the file system
};
Result<RefPtr<vfs::FileSystem>> create(const Options& options);

/// Registers "tmpfs" and "ramfs" for mount(2).
void register_types();

/// What becomes of the archive's memory.
enum class Archive : std::uint8_t {
    borrowed, // everything is copied out of it
    /// Reserved page frames (mm::frames_init) that nobody else uses: page-aligned file data stays
    /// where it is and belongs to the file, every other frame is given to the allocator.
    given,
};
struct UnpackReport {
    std::uint32_t entries = 0;
    std::uint32_t pages_adopted = 0;
    /// Where and why it stopped early; null when the archive was in order.
    const char* defect = nullptr;
    std::size_t defect_at = 0;
};
/// Unpacks newc archives, one after another with NUL bytes between, below `root`. What stands
/// before a defect stays. no_memory ends it too (as a defect). Contract: docs/bootfs.md.
UnpackReport unpack(vfs::Dentry& root, std::span<std::byte> archive, Archive ownership);

} // namespace drupe::ramfs
