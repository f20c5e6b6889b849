// SPDX-License-Identifier: BSD-2-Clause
// Directories are the dentry table plus a list that keeps getdents' order; file pages are the
// storage. Invariant: a child is in its directory's list exactly while it is in the table.
#include "ramfs_internal.h"

#include <drupe/mm/frames.h>

#include <cstring>
#include <new>

namespace drupe::ramfs {

using namespace vfs;

FileSystemStats RamFs::stats() {
    const mm::MemoryStats memory = mm::memory_stats();
    constexpr std::uint64_t tmpfs_magic = 0x01021994;
    return {tmpfs_magic, page_size, memory.total.n, memory.free.n, 0, 0};
}

void RamFs::shut_down() {
    // Leaves first; what files are still open keep is theirs. Somebody who found a directory before
    // may be at work in it: an empty one dies, so that it stays empty.
    RefPtr<Dentry> at = root();
    while (at) {
        RefPtr<Dentry> child;
        if (at->inode()->is_directory()) {
            sched::MutexGuard guard(at->inode()->mutex());
            RamDirectory& directory = as_directory(*at->inode());
            child = RefPtr<Dentry>(directory.first());
            if (!child) directory.die();
        }
        if (child) {
            at = std::move(child);
            continue;
        }
        if (at->is_root()) return;
        RefPtr<Dentry> above = at->parent();
        {
            sched::MutexGuard guard(above->inode()->mutex());
            // Not moved or removed meanwhile.
            if (at->is_in_table() && at->parent() == above) {
                as_directory(*above->inode()).forget(*at);
                DentryTable::remove(*at);
            }
        }
        at = std::move(above);
    }
}

Result<RefPtr<Inode>> RamFs::create_inode(const NewNode& node) {
    const std::uint64_t ino = next_ino_.fetch_add(1, std::memory_order_relaxed);
    switch (kind_of(node.mode)) {
    case mode_regular: {
        RefPtr<FilePages> pages = TRY(make_ref<RamPages>());
        RefPtr<Inode> inode = TRY(make_ref<RamFile>(*this, ino, node, std::move(pages)));
        return inode;
    }
    case mode_directory: {
        RefPtr<Inode> inode = TRY(make_ref<RamDirectory>(*this, ino, node));
        return inode;
    }
    case mode_symlink: return RamSymlink::create(*this, ino, node);
    default: {
        RefPtr<Inode> inode = TRY(make_ref<RamSpecial>(*this, ino, node));
        return inode;
    }
    }
}

RamDirectory::~RamDirectory() { DRUPE_ASSERT(children_.is_empty()); }

void RamDirectory::adopt(Dentry& child) {
    child.position = next_position_++;
    children_.push_back(child);
    count_++;
}

void RamDirectory::forget(Dentry& child) {
    children_.remove(child);
    count_--;
}

Attributes RamDirectory::attributes() {
    Attributes a = Inode::attributes();
    a.size = (count_ + 2) * 20; // as tmpfs
    return a;
}

Result<void> RamDirectory::create_entry(Dentry& at, const NewNode& node) {
    RefPtr<Inode> inode = TRY(ram_fs().create_inode(node));
    if (inode->is_directory()) nlink_++;
    at.set_inode(std::move(inode));
    adopt(at);
    touch_modified();
    return {};
}

Result<RefPtr<Inode>> RamDirectory::create_unnamed(const NewNode& node) {
    RefPtr<Inode> inode = TRY(ram_fs().create_inode(node));
    inode->drop_link();
    inode->is_linkable = true;
    return inode;
}

Result<void> RamDirectory::link(Dentry& at, Inode& target) {
    if (target.nlink() == 0 && !target.is_linkable) return Errc::not_found;
    target.add_link();
    target.is_linkable = false;
    target.touch_changed();
    at.set_inode(RefPtr<Inode>(&target));
    adopt(at);
    touch_modified();
    return {};
}

Result<void> RamDirectory::unlink(Dentry& entry) {
    forget(entry);
    entry.inode()->drop_link();
    entry.inode()->touch_changed();
    touch_modified();
    return {};
}

Result<void> RamDirectory::remove_directory(Dentry& entry) {
    RamDirectory& victim = as_directory(*entry.inode());
    if (!victim.children_.is_empty()) return Errc::not_empty;
    forget(entry);
    victim.nlink_ = 0;
    victim.touch_changed();
    nlink_--;
    touch_modified();
    return {};
}

Result<void> RamDirectory::rename(Dentry& entry, Inode& to_directory, const Name&,
                                  Dentry* replaced) {
    RamDirectory& to = as_directory(to_directory);
    const bool is_directory = entry.inode()->is_directory();
    if (replaced) {
        if (is_directory)
            TRY(to.remove_directory(*replaced));
        else
            TRY(to.unlink(*replaced));
    }
    forget(entry);
    to.adopt(entry);
    if (is_directory) {
        nlink_--;
        to.nlink_++;
    }
    entry.inode()->touch_changed();
    touch_modified();
    to.touch_modified();
    return {};
}

Result<void> RamDirectory::exchange(Dentry& a, Inode& directory_of_b, Dentry& b) {
    RamDirectory& other = as_directory(directory_of_b);
    forget(a);
    other.forget(b);
    adopt(b);
    other.adopt(a);
    if (a.inode()->is_directory() != b.inode()->is_directory()) {
        RamDirectory& gains = a.inode()->is_directory() ? other : *this;
        RamDirectory& loses = a.inode()->is_directory() ? *this : other;
        gains.nlink_++;
        loses.nlink_--;
    }
    a.inode()->touch_changed();
    b.inode()->touch_changed();
    touch_modified();
    other.touch_modified();
    return {};
}

Result<void> RamDirectory::iterate(Dentry&, std::uint64_t cookie, DirectorySink& sink) {
    for (Dentry& child : children_) {
        if (child.position < cookie) continue;
        const Inode& inode = *child.inode();
        if (!sink.add(child.name(), inode.ino(), directory_entry_type(inode.mode()),
                      child.position + 1))
            break;
    }
    return {};
}

Result<RefPtr<Inode>> RamSymlink::create(RamFs& fs, std::uint64_t ino, const NewNode& node) {
    const std::size_t length = node.link_target.size();
    if (length >= max_path) return Errc::name_too_long;
    char* text = static_cast<char*>(::operator new(length + 1, std::nothrow));
    if (!text) return Errc::no_memory;
    node.link_target.copy(text, length);
    text[length] = 0;
    auto* inode = new (std::nothrow) RamSymlink(fs, ino, node, {text, length});
    if (!inode) {
        ::operator delete(text);
        return Errc::no_memory;
    }
    return RefPtr<Inode>::adopt(inode);
}

RamSymlink::~RamSymlink() { ::operator delete(const_cast<char*>(target_.data())); }

Result<RefPtr<FileSystem>> create(const Options& options) {
    RefPtr<RamFs> fs = TRY(make_ref<RamFs>(options.type));
    NewNode node;
    node.mode = mode_directory | (options.mode & mode_changeable);
    node.uid = options.uid;
    node.gid = options.gid;
    TRY(fs->make_root(node));
    return RefPtr<FileSystem>(std::move(fs));
}

Result<void> RamFs::make_root(const NewNode& node) {
    RefPtr<Inode> inode = TRY(create_inode(node));
    RefPtr<Dentry> root = TRY(Dentry::create(*this, nullptr, Name("")));
    root->set_inode(std::move(inode));
    set_root(std::move(root));
    return {};
}

namespace {

/// "mode=1777,uid=0,size=…": what is not about the root directory is taken and has no effect.
Options parse_options(std::string_view text, Options options) {
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string_view key = word.substr(0, equals);
        const unsigned base = key == "mode" ? 8 : 10;
        std::uint32_t number = 0;
        for (char c : word.substr(equals + 1))
            if (c >= '0' && c < static_cast<char>('0' + base))
                number = number * base + static_cast<std::uint32_t>(c - '0');
        if (key == "mode") options.mode = number;
        if (key == "uid") options.uid = number;
        if (key == "gid") options.gid = number;
    }
    return options;
}

Result<RefPtr<FileSystem>> create_tmpfs(const MountRequest& request) {
    return create(parse_options(request.options, {.mode = 01777}));
}
Result<RefPtr<FileSystem>> create_ramfs(const MountRequest& request) {
    return create(parse_options(request.options, {.type = "ramfs"}));
}

constinit FileSystemType tmpfs_type{"tmpfs", false, create_tmpfs};
constinit FileSystemType ramfs_type{"ramfs", false, create_ramfs};

} // namespace

void register_types() {
    register_file_system(tmpfs_type);
    register_file_system(ramfs_type);
}

} // namespace drupe::ramfs
