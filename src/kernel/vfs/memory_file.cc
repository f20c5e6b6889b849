// SPDX-License-Identifier: BSD-2-Clause
// Files in memory without a name. They live in an instance of tmpfs that is mounted nowhere.
#include <drupe/base/format.h>
#include <drupe/base/made_once.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/operations.h>
#include <drupe/vfs/paged_file.h>
#include <drupe/vfs/unmounted.h>

namespace drupe::vfs {
namespace {

Result<FileSystem*> internal_fs() {
    static constinit MadeOnce<FileSystem> internal;
    return internal.get_or_make([]() -> Result<Unmounted<FileSystem>> {
        FileSystemType* type = find_file_system("tmpfs");
        if (!type) return Errc::wrong_device;
        return Unmounted<FileSystem>(TRY(type->create({})));
    });
}

} // namespace

Result<RefPtr<File>> create_memory_file(std::string_view name, Sealing sealing) {
    FileSystem& fs = *TRY(internal_fs());
    RefPtr<Dentry> root = fs.root();
    NewNode node;
    node.mode = mode_regular | 0777;
    RefPtr<Inode> inode = TRY(root->inode()->create_unnamed(node));
    inode->is_linkable = false;
    auto& paged = static_cast<PagedInode&>(*inode);
    if (sealing == Sealing::allowed)
        paged.allow_seals(0);
    else
        paged.allow_seals(seal_seal);
    char text[300]; // "memfd:" and at most 249 bytes, checked by the caller
    const std::string_view shown = format_into(text, "/memfd:{} (deleted)", name);
    RefPtr<Dentry> dentry = TRY(Dentry::create(fs, nullptr, Name(shown.substr(0, max_name))));
    dentry->set_inode(std::move(inode));
    RefPtr<File> file = TRY(dentry->inode()->open(*dentry, open_read_write | open_large_file));
    TRY(file->claim_writing());
    return file;
}

} // namespace drupe::vfs
