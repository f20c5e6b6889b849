// SPDX-License-Identifier: BSD-2-Clause
// From a boot archive to files. Each entry costs a few hundred instructions: no byte of large
// files is touched, and entries of one directory follow each other, so its dentry is remembered.
#include "ramfs_internal.h"

#include <drupe/base/scope_exit.h>
#include <drupe/cpio/cpio.h>
#include <drupe/mm/frames.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/io_buffer.h>
#include <drupe/vfs/path.h>

#include <cstring>
#include <new>

namespace drupe::ramfs {

using namespace vfs;

namespace {

// Data at most this long is copied even where it could stay: a page costs more.
constexpr std::size_t always_copied = 512;

/// Files with several names that one archive has shown so far.
struct HardLink {
    std::uint32_t ino;
    RefPtr<Dentry> dentry;
    HardLink* next;
};

class Unpacker {
public:
    Unpacker(Dentry& root, FsContext& fs, std::span<std::byte> archive, Archive ownership)
        : root_(root), archive_(archive), ownership_(ownership) {
        who_.fs = &fs;
    }
    ~Unpacker() { forget_links(); }
    UnpackReport run();

private:
    Result<void> unpack_entry(const cpio::Entry& entry);
    Result<void> find_parent(std::string_view directory);
    Result<RefPtr<Dentry>> make(const cpio::Entry& entry, const Name& name);
    Result<void> replace(Dentry& old, const cpio::Entry& entry);
    Result<void> fill(PagedInode& inode, const cpio::Entry& entry);
    Result<void> adopt(PagedInode& inode, const cpio::Entry& entry);
    RefPtr<Dentry> find_link(const cpio::Entry& entry);
    void settle(std::size_t read_up_to);
    void forget_links();

    TaskContext who_;
    Dentry& root_;
    std::span<std::byte> archive_;
    Archive ownership_;
    UnpackReport report_;
    RefPtr<Dentry> parent_;
    char parent_path_[256] = {};
    std::size_t parent_length_ = 0;
    bool is_remembered_ = false;
    static constexpr std::size_t link_buckets = 64;
    HardLink* links_[link_buckets] = {};
    // The last adopted file's tail: cleared once the headers that lie in it are read.
    std::size_t tail_from_ = 0, tail_to_ = 0;
};

void Unpacker::forget_links() {
    for (HardLink*& chain : links_)
        while (chain) {
            HardLink* link = std::exchange(chain, chain->next);
            delete link;
        }
}

RefPtr<Dentry> Unpacker::find_link(const cpio::Entry& entry) {
    for (HardLink* link = links_[entry.ino % link_buckets]; link; link = link->next)
        if (link->ino == entry.ino) return link->dentry;
    return nullptr;
}

/// parent_ becomes the directory.
Result<void> Unpacker::find_parent(std::string_view directory) {
    if (parent_ && is_remembered_ && directory == std::string_view(parent_path_, parent_length_))
        return {};
    parent_ = nullptr;
    if (directory.size() >= max_path) return Errc::name_too_long;
    auto* path = static_cast<char*>(::operator new(directory.size() + 1, std::nothrow));
    if (!path) return Errc::no_memory;
    ScopeExit drop{[path] { ::operator delete(path); }};
    directory.copy(path, directory.size());
    path[directory.size()] = 0;
    if (directory.empty()) {
        parent_ = RefPtr<Dentry>(&root_);
    } else {
        parent_ = TRY(walk(who_, &root_, path, walk_follow | walk_directory | walk_in_root));
    }
    is_remembered_ = directory.size() < sizeof parent_path_;
    if (is_remembered_) parent_length_ = directory.copy(parent_path_, directory.size());
    return {};
}

/// Everything below `read_up_to` was read: what lies there may be cleared or freed.
void Unpacker::settle(std::size_t read_up_to) {
    if (tail_from_ != tail_to_ && read_up_to >= tail_to_) {
        std::memset(archive_.data() + tail_from_, 0, tail_to_ - tail_from_);
        tail_from_ = tail_to_ = 0;
    }
}

Result<void> Unpacker::adopt(PagedInode& inode, const cpio::Entry& entry) {
    // The file before this one may still wait for its tail to be cleared: this entry's header and
    // name, which lay in it, are used up.
    settle(entry.data_offset);
    FilePages& pages = inode.pages();
    const std::size_t bytes = entry.data.size();
    const std::size_t count = PageCount::covering(bytes).n;
    pages.limit.store(bytes, std::memory_order_relaxed);
    for (std::size_t i = 0; i < count; i++) {
        const PhysAddr frame = mm::virt_to_phys(entry.data.data() + i * page_size);
        TRY(pages.adopt_page(i, frame));
    }
    report_.pages_adopted += static_cast<std::uint32_t>(count);
    pages.size.store(bytes, std::memory_order_relaxed); // nobody else reads files yet
    tail_from_ = entry.data_offset + bytes;
    tail_to_ = entry.data_offset + count * page_size;
    return {};
}

Result<void> Unpacker::fill(PagedInode& inode, const cpio::Entry& entry) {
    if (entry.data.empty()) return {};
    const bool is_aligned_here =
        is_aligned(reinterpret_cast<std::uintptr_t>(entry.data.data()), page_size);
    const std::size_t last_page_end =
        entry.data_offset + PageCount::covering(entry.data.size()).bytes();
    if (ownership_ == Archive::given && is_aligned_here && entry.data.size() > always_copied &&
        last_page_end <= archive_.size())
        return adopt(inode, entry);
    IoBuffer from = IoBuffer::kernel(entry.data.data(), entry.data.size());
    std::uint64_t at = 0;
    const std::size_t written = TRY(inode.write_at(from, at, false));
    return written == entry.data.size() ? Result<void>{} : Errc::no_space;
}

/// An entry of the same path came before: a directory stays, anything else goes.
Result<void> Unpacker::replace(Dentry& old, const cpio::Entry& entry) {
    Inode& directory = *parent_->inode();
    sched::MutexGuard guard(directory.mutex());
    if (old.inode()->is_directory()) {
        if (kind_of(entry.mode) == mode_directory) {
            AttributeChange change;
            change.set_mode = change.set_uid = change.set_gid = true;
            change.mode = entry.mode & mode_changeable;
            change.uid = entry.uid;
            change.gid = entry.gid;
            return old.inode()->change(change);
        }
        TRY(directory.remove_directory(old));
    } else {
        TRY(directory.unlink(old));
    }
    DentryTable::remove(old);
    return {};
}

Result<RefPtr<Dentry>> Unpacker::make(const cpio::Entry& entry, const Name& name) {
    Inode& directory = *parent_->inode();
    sched::MutexGuard guard(directory.mutex());
    RefPtr<Dentry> dentry = TRY(Dentry::create(parent_->fs(), parent_.get(), name));
    const bool has_names = entry.nlink > 1 && kind_of(entry.mode) != mode_directory;
    RefPtr<Dentry> first = has_names ? find_link(entry) : nullptr;
    if (first) {
        TRY(directory.link(*dentry, *first->inode()));
    } else {
        NewNode node;
        node.mode = entry.mode;
        node.uid = entry.uid;
        node.gid = entry.gid;
        node.device = make_device(entry.device_major, entry.device_minor);
        if (kind_of(entry.mode) == mode_symlink)
            node.link_target = {
                reinterpret_cast<const char*>(entry.data.data()),
                strnlen(reinterpret_cast<const char*>(entry.data.data()), entry.data.size())};
        TRY(directory.create_entry(*dentry, node));
        if (has_names) {
            auto* link =
                new (std::nothrow) HardLink{entry.ino, dentry, links_[entry.ino % link_buckets]};
            if (!link) return Errc::no_memory;
            links_[entry.ino % link_buckets] = link;
        }
    }
    DentryTable::insert(*dentry);
    return dentry;
}

Result<void> Unpacker::unpack_entry(const cpio::Entry& entry) {
    std::string_view path = entry.name;
    while (path.starts_with('/')) path.remove_prefix(1);
    while (path.starts_with("./")) path.remove_prefix(2);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (path.empty() || path == ".") {
        if (kind_of(entry.mode) != mode_directory) return Errc::invalid;
        AttributeChange change;
        change.set_mode = change.set_uid = change.set_gid = true;
        change.mode = entry.mode & mode_changeable;
        change.uid = entry.uid;
        change.gid = entry.gid;
        return root_.inode()->change(change);
    }
    const std::size_t slash = path.rfind('/');
    const std::string_view directory =
        slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
    const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (last == "." || last == "..") return Errc::invalid;
    TRY(find_parent(directory));
    const Name name(last);
    if (RefPtr<Dentry> old = DentryTable::lookup(*parent_, name)) {
        TRY(replace(*old, entry));
        if (old->is_in_table()) return {};
    }
    RefPtr<Dentry> made = TRY(make(entry, name));
    Inode& inode = *made->inode();
    if (inode.is_regular()) TRY(fill(static_cast<PagedInode&>(inode), entry));
    AttributeChange times;
    times.set_atime = times.set_mtime = true;
    times.atime = times.mtime = {entry.mtime, 0};
    return inode.change(times);
}

const char* reason(Errc errc) {
    switch (errc) {
    case Errc::no_memory:
    case Errc::no_space: return "there is not enough memory for its contents";
    case Errc::not_found: return "a directory on an entry's path is missing";
    case Errc::not_directory: return "an entry's path leads through a file";
    case Errc::name_too_long: return "a name is too long";
    case Errc::not_empty: return "an entry replaces a directory that is not empty";
    default: return "an entry cannot be made";
    }
}

UnpackReport Unpacker::run() {
    cpio::Reader reader(archive_);
    cpio::Entry entry;
    for (;;) {
        const std::size_t begin = reader.offset();
        const cpio::Step step = reader.next(entry);
        if (step == cpio::Step::end) break;
        if (step == cpio::Step::defect) {
            report_.defect = reader.defect();
            report_.defect_at = reader.offset();
            break;
        }
        if (step == cpio::Step::trailer) {
            forget_links();
            parent_ = nullptr; // a later archive may replace what leads there
        } else {
            const Result<void> done = unpack_entry(entry);
            if (!done.ok()) {
                report_.defect = reason(done.error());
                report_.defect_at = begin;
                break;
            }
            report_.entries++;
        }
        settle(reader.offset());
    }
    settle(archive_.size() + page_size);
    // What no file holds now goes back: headers, small files, spacers.
    if (ownership_ == Archive::given)
        mm::frames_add({mm::virt_to_phys(archive_.data()), archive_.size()});
    return report_;
}

} // namespace

UnpackReport unpack(Dentry& root, std::span<std::byte> archive, Archive ownership) {
    UnpackReport failed;
    failed.defect = "there is not enough memory to begin";
    Result<RefPtr<FsContext>> fs = FsContext::create(RefPtr<Dentry>(&root));
    if (!fs.ok()) return failed;
    auto* unpacker = new (std::nothrow) Unpacker(root, *fs.value(), archive, ownership);
    if (!unpacker) return failed;
    const UnpackReport report = unpacker->run();
    delete unpacker;
    return report;
}

} // namespace drupe::ramfs
