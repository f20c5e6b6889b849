// SPDX-License-Identifier: BSD-2-Clause
// The kinds of inodes that /proc and /sys are made of.
#pragma once

#include <drupe/base/format.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/generated_file.h>
#include <drupe/vfs/inode.h>

#include <cstdint>
#include <string_view>

namespace drupe::proc {

class ProcFs final : public vfs::FileSystem {
public:
    enum class Kind : std::uint8_t { proc, sys };
    explicit ProcFs(Kind kind) : kind_(kind) {}
    std::string_view type() const override { return kind_ == Kind::proc ? "proc" : "sysfs"; }
    vfs::FileSystemStats stats() override;
    vfs::GeneratedTree& tree() const {
        return kind_ == Kind::proc ? vfs::proc_files : vfs::sys_files;
    }
    bool has_processes() const { return kind_ == Kind::proc; }
    Result<void> make_root();

private:
    Kind kind_;
};

/// Inode numbers are made from names, so that they are the same each time.
std::uint64_t number_of(std::string_view name, std::uint64_t parent);

/// Anything here: owned by user 0 unless told otherwise.
class ProcInode : public vfs::Inode {
public:
    ProcInode(vfs::FileSystem& fs, std::uint64_t ino, std::uint32_t mode, std::uint32_t uid = 0,
              std::uint32_t gid = 0)
        : Inode(fs, ino, node(mode, uid, gid)) {}

private:
    static vfs::NewNode node(std::uint32_t mode, std::uint32_t uid, std::uint32_t gid) {
        vfs::NewNode n;
        n.mode = mode;
        n.uid = uid;
        n.gid = gid;
        return n;
    }
};

/// A file whose text is made when it is read from its beginning.
class TextInode : public ProcInode {
public:
    using ProcInode::ProcInode;
    Result<RefPtr<vfs::File>> open(vfs::Dentry& dentry, std::uint32_t flags) override;
    Result<void> truncate(std::uint64_t) override { return {}; } // "echo x > file"
    virtual Result<void> write_text(FormatSink& out) = 0;
    virtual Result<void> store_text(std::string_view) { return Errc::invalid; }
};

/// A dentry for `inode` under `parent`, not in the table.
Result<RefPtr<vfs::Dentry>> present(vfs::Dentry& parent, const vfs::Name& name,
                                    Result<RefPtr<vfs::Inode>> inode);
template <class T, class... Args>
Result<RefPtr<vfs::Inode>> new_inode(Args&&... args) {
    RefPtr<vfs::Inode> inode = TRY(make_ref<T>(std::forward<Args>(args)...));
    return inode;
}

/// Directories of the registered files: everything below `prefix` ("" or "sys/kernel/").
Result<RefPtr<vfs::Inode>> make_tree_directory(ProcFs& fs, std::string_view prefix);

// processes.cc
Result<RefPtr<vfs::Dentry>> lookup_process(ProcFs& fs, vfs::Dentry& root, const vfs::Name& name);
/// Cookies of processes begin here; registered names lie below.
inline constexpr std::uint64_t first_process_cookie = 0x1'0000'0000;
void list_processes(ProcFs& fs, std::uint64_t cookie, vfs::DirectorySink& sink);

} // namespace drupe::proc
