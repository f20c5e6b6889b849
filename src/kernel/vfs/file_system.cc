// SPDX-License-Identifier: BSD-2-Clause
// Kinds of file systems and the tree of mounts. The list of mounts and all mount points are read
// and changed under the tree lock; there are a handful, so a list is enough.
#include "tree_lock.h"

#include <drupe/base/scope_exit.h>
#include <drupe/vfs/device_file.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/inode.h>

#include <algorithm>
#include <cstring>

namespace drupe::vfs {
namespace {

constinit FileSystemType* types = nullptr;
constinit std::atomic<std::uint32_t> next_mount_id{1};

} // namespace

void register_file_system(FileSystemType& type) {
    FileSystemType** end = &types;
    while (*end) end = &(*end)->next;
    *end = &type;
}
FileSystemType* first_file_system() { return types; }
FileSystemType* find_file_system(std::string_view name) {
    for (FileSystemType* at = types; at; at = at->next)
        if (name == at->name) return at;
    return nullptr;
}

FileSystem::FileSystem()
    : mount_id_(next_mount_id.fetch_add(1, std::memory_order_relaxed)),
      device_(make_device(0, mount_id_)) {}
FileSystem::FileSystem(std::uint64_t device)
    : mount_id_(next_mount_id.fetch_add(1, std::memory_order_relaxed)), device_(device) {}
FileSystem::~FileSystem() = default;

void FileSystem::set_root(RefPtr<Dentry> root) {
    DRUPE_ASSERT(root_ == nullptr);
    root_ = root.leak();
}

RefPtr<Dentry> FileSystem::root() const { return RefPtr<Dentry>(root_); }

RefPtr<Dentry> FileSystem::mount_point() const {
    SpinGuard guard(tree_lock);
    return RefPtr<Dentry>(mount_point_);
}

void FileSystem::detach() {
    // Before the look at the users, as the last user's leaving comes before its look at this: one
    // of the two sees the other.
    detached_.store(true, std::memory_order_seq_cst);
    if (users_.load(std::memory_order_seq_cst) == 0) drop_root();
}

void FileSystem::drop_root() {
    if (is_shut_down_.exchange(true, std::memory_order_relaxed))
        return; // both saw, or somebody came and went later
    RefPtr<FileSystem> self(this);
    shut_down();
    if (Dentry* root = std::exchange(root_, nullptr)) root->release();
}

namespace {
/// Mounted file systems in the order they were mounted, each with a reference. Tree lock.
constinit FileSystem* mounts = nullptr;
} // namespace

void MountTable::mount_root(RefPtr<FileSystem> fs, std::string_view source) {
    DRUPE_ASSERT(mounts == nullptr);
    fs->source_length_ =
        static_cast<std::uint32_t>(source.copy(fs->source_, sizeof fs->source_ - 1));
    mounts = fs.leak();
}

RefPtr<Dentry> MountTable::root() { return mounts->root(); }

Result<void> MountTable::mount(Dentry& at, const MountRequest& request) {
    FileSystemType* type = find_file_system(request.type);
    if (!type) return Errc::wrong_device;
    if (!at.inode()->is_directory()) return Errc::not_directory;
    RefPtr<FileSystem> fs = TRY(type->create(request));
    return mount(at, std::move(fs), request.source, request.flags);
}

Result<void> MountTable::mount(Dentry& at, RefPtr<FileSystem> fs, std::string_view source,
                               std::uint32_t flags) {
    fs->flags_ = (flags & ~std::uint32_t{mount_relatime}) |
                 ((flags & mount_no_atime) ? 0u : std::uint32_t{mount_relatime});
    fs->source_length_ =
        static_cast<std::uint32_t>(source.copy(fs->source_, sizeof fs->source_ - 1));
    // Where names are found anew each time, this one must stay.
    if (!at.is_root() && !at.is_in_table()) {
        if (at.fs().keeps_entries()) { // removed meanwhile
            fs->detach();
            return Errc::not_found;
        }
        DentryTable::insert(at);
    }
    SpinGuard guard(tree_lock);
    at.retain();
    fs->mount_point_ = &at;
    DentryTable::add_mount(at);
    FileSystem** end = &mounts;
    while (*end) end = &(*end)->next_mounted_;
    *end = fs.leak();
    return {};
}

Result<void> MountTable::unmount(Dentry& root_of, bool detach) {
    FileSystem& fs = root_of.fs();
    Dentry* at = nullptr;
    {
        SpinGuard guard(tree_lock);
        if (fs.root_ != &root_of || !fs.mount_point_) return Errc::invalid;
        for (FileSystem* other = mounts; other; other = other->next_mounted_)
            if (other->mount_point_ && &other->mount_point_->fs() == &fs) return Errc::busy;
        if (!detach && fs.users_.load(std::memory_order_relaxed) != 0) return Errc::busy;
        FileSystem** link = &mounts;
        while (*link != &fs) link = &(*link)->next_mounted_;
        *link = std::exchange(fs.next_mounted_, nullptr);
        at = std::exchange(fs.mount_point_, nullptr);
        DentryTable::remove_mount(*at);
    }
    if (!at->is_root() && !at->fs().keeps_entries() && !at->is_mount_point())
        DentryTable::remove(*at);
    at->release();
    fs.detach();
    fs.release(); // the list's
    return {};
}

Result<void> MountTable::remount(Dentry& root_of, std::uint32_t flags) {
    FileSystem& fs = root_of.fs();
    if (!root_of.is_root()) return Errc::invalid;
    fs.flags_ = (flags & ~std::uint32_t{mount_relatime}) |
                ((flags & mount_no_atime) ? 0u : std::uint32_t{mount_relatime});
    return {};
}

RefPtr<Dentry> MountTable::mounted_on(const Dentry& at) {
    SpinGuard guard(tree_lock);
    for (FileSystem* fs = mounts; fs; fs = fs->next_mounted_)
        if (fs->mount_point_ == &at) return fs->root();
    return nullptr;
}

void MountTable::sync_all() {
    // One after the other, each held while it is at it: nobody walks the list meanwhile.
    for (std::uint32_t last = 0;;) {
        FileSystem* next = nullptr;
        {
            SpinGuard guard(tree_lock);
            for (FileSystem* fs = mounts; fs; fs = fs->next_mounted_)
                if (fs->mount_id() > last && (!next || fs->mount_id() < next->mount_id()))
                    next = fs;
            if (next) next->retain();
        }
        if (!next) break;
        last = next->mount_id();
        static_cast<void>(next->sync());
        next->release();
    }
    sync_devices();
}

void MountTable::visit_all(Visitor& visitor) {
    SpinGuard guard(tree_lock);
    for (FileSystem* fs = mounts; fs; fs = fs->next_mounted_) visitor(*fs);
}

} // namespace drupe::vfs
