// SPDX-License-Identifier: BSD-2-Clause
// One dentry: birth, death, and its place in the tree of directories. See dentry.h.
#include "tree_lock.h"

#include <drupe/vfs/dentry.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/inode.h>

#include <cstring>
#include <new>

namespace drupe::vfs {

constinit SpinLock<LockRank::dentry> tree_lock;

Result<RefPtr<Dentry>> Dentry::create(FileSystem& fs, Dentry* parent, const Name& name) {
    if (name.length > max_name) return Errc::name_too_long;
    void* memory = ::operator new(sizeof(Dentry) + name.length + 1, std::nothrow);
    if (!memory) return Errc::no_memory;
    auto* dentry = new (memory) Dentry(fs, parent);
    char* text = static_cast<char*>(memory) + sizeof(Dentry);
    std::memcpy(text, name.text, name.length);
    text[name.length] = 0;
    dentry->name_ = text;
    dentry->length_ = name.length;
    dentry->hash_ = name.hash;
    fs.retain();
    if (parent) parent->retain();
    return RefPtr<Dentry>::adopt(dentry);
}

void Dentry::destroy(Dentry* dentry) {
    // A loop, not recursion through release(): a path may be two thousand directories deep.
    while (dentry) {
        Dentry* parent = dentry->parent_;
        if (dentry->inode_) dentry->inode_->release();
        dentry->fs_->release();
        if (dentry->owns_name_) ::operator delete(const_cast<char*>(dentry->name_));
        dentry->~Dentry();
        ::operator delete(dentry);
        dentry = parent && parent->release_is_last() ? parent : nullptr;
    }
}

void Dentry::set_inode(RefPtr<Inode> inode) {
    DRUPE_ASSERT(inode_ == nullptr);
    inode_ = inode.leak();
}

RefPtr<Dentry> Dentry::parent() const {
    SpinGuard guard(tree_lock);
    return RefPtr<Dentry>(parent_ ? parent_ : const_cast<Dentry*>(this));
}

namespace {

/// Fills a buffer from its end.
class Backwards {
public:
    explicit Backwards(std::span<char> buffer)
        : begin_(buffer.data()), at_(begin_ + buffer.size()), end_(at_) {}
    bool put(std::string_view text) {
        if (static_cast<std::size_t>(at_ - begin_) < text.size()) return false;
        at_ -= text.size();
        std::memcpy(at_, text.data(), text.size());
        return true;
    }
    std::string_view text() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

private:
    char* begin_;
    char* at_;
    char* end_;
};

} // namespace

Result<std::string_view> path_of(const Dentry& dentry, const Dentry* root, std::span<char> buffer) {
    Backwards out(buffer);
    SpinGuard guard(tree_lock);
    // Where names are found anew each time, not being in the table means nothing.
    const bool deleted = !dentry.is_root() && !dentry.is_in_table() && dentry.fs().keeps_entries();
    bool fits = !deleted || out.put(" (deleted)");
    bool names = false;
    const Dentry* at = &dentry;
    for (; fits && at != root; at = TreeAccess::above(*at)) {
        if (TreeAccess::parent(*at)) {
            fits = out.put(at->name()) && out.put("/");
            names = true;
        } else if (!TreeAccess::mount_point(at->fs())) {
            // The top. Anonymous files end here with their name, directories of a tree that
            // `root` is no part of with a note.
            if (!at->name().empty())
                fits = out.put(at->name());
            else
                fits = (names || out.put("/")) && (!root || out.put("(unreachable)"));
            names = true;
            break;
        }
    }
    if (fits && !names) fits = out.put("/");
    if (!fits) return Errc::name_too_long;
    return out.text();
}

bool is_ancestor(const Dentry& ancestor, const Dentry& dentry) {
    SpinGuard guard(tree_lock);
    for (const Dentry* at = &dentry; at; at = TreeAccess::above(*at))
        if (at->inode() == ancestor.inode()) return true; // a directory may have several dentries
    return false;
}

} // namespace drupe::vfs
