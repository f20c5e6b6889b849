// SPDX-License-Identifier: BSD-2-Clause
// Path walking. The name's hash is computed while looking for the next slash; nothing is allocated
// unless a symlink in the middle of a path must be joined with what follows it.
#include "walker.h"

#include <drupe/sched/mutex.h>
#include <drupe/vfs/file_system.h>

#include <cstring>
#include <new>

namespace drupe::vfs {

constexpr std::uint32_t most_links = 40;

namespace {

/// A child that needs no more than being there: no symlink, no mount point. With a reference.
[[gnu::always_inline]] inline Dentry* find_plain(Dentry& directory, const Name& name) {
    Dentry* child = DentryTable::find(directory, name);
    if (!child) return nullptr;
    if (!child->is_mount_point() && !child->inode()->is_symlink()) [[likely]]
        return child;
    child->release();
    return nullptr;
}

} // namespace

Result<RefPtr<Dentry>> lookup_child(Dentry& directory, const Name& name) {
    RefPtr<Dentry> child = DentryTable::lookup(directory, name);
    if (!child) [[unlikely]] {
        if (name.length > max_name) return Errc::name_too_long;
        if (directory.fs().keeps_entries()) return Errc::not_found;
        sched::MutexGuard guard(directory.inode()->mutex());
        // Somebody may have found it while we waited.
        child = DentryTable::lookup(directory, name);
        if (!child) child = TRY(directory.inode()->lookup(directory, name));
    }
    while (child->is_mount_point()) [[unlikely]] {
            RefPtr<Dentry> mounted = MountTable::mounted_on(*child);
            if (!mounted) break;
            child = std::move(mounted);
        }
    return child;
}

Walker::~Walker() { ::operator delete(text_); }

Dentry& Walker::root() {
    if (root_) return *root_;
    if (!(flags_ & walk_in_root))
        root_ = who_.fs->root();
    else
        root_ = start_ ? RefPtr<Dentry>(start_) : who_.fs->cwd();
    return *root_;
}

Result<void> Walker::begin() {
    if (*rest_ == '/') {
        if (flags_ & walk_beneath) return Errc::cross_device;
        root();
        at_ = root_;
    } else if (start_) {
        at_ = RefPtr<Dentry>(start_);
    } else {
        at_ = who_.fs->cwd();
    }
    if ((flags_ & (walk_beneath | walk_in_root)) && !root_) root_ = at_;
    return {};
}

/// Takes the next component off rest_ into last_, with the slashes behind it.
inline void Walker::scan() {
    const char* p = rest_;
    std::uint32_t hash = Name::seed;
    for (char c = *p; c != '/' && c != 0; c = *++p)
        hash = Name::mix(hash, static_cast<unsigned char>(c));
    last_ = Name(rest_, static_cast<std::uint32_t>(p - rest_), hash);
    trailing_slash_ = *p == '/';
    while (*p == '/') p++;
    rest_ = p;
    kind_ = Last::name;
    if (last_.text[0] == '.') [[unlikely]] {
        if (last_.length == 1)
            kind_ = Last::dot;
        else if (last_.length == 2 && last_.text[1] == '.')
            kind_ = Last::dot_dot;
    }
}

Result<void> Walker::components() {
    while (*rest_ == '/') rest_++;
    if (*rest_ == 0) {
        kind_ = Last::root;
        trailing_slash_ = true;
        return {};
    }
    for (;;) {
        Inode& directory = *at_->inode();
        if (!directory.is_directory()) return Errc::not_directory;
        if (!who_.credentials.is_root()) // user 0 may search every directory
            TRY(check_access(directory, who_.credentials, access_execute));
        scan();
        if (*rest_ == 0) return {};
        if (kind_ == Last::name) [[likely]]
            if (Dentry* child = find_plain(*at_, last_)) [[likely]] {
                at_ = RefPtr<Dentry>::adopt(child);
                continue;
            }
        TRY(step());
    }
}

Result<void> Walker::to_parent() {
    if (*rest_ == 0) return Errc::not_found;
    TRY(begin());
    return components();
}

Result<void> Walker::up() {
    RefPtr<Dentry> at = at_;
    for (;;) {
        if (at.get() == &root()) {
            if (flags_ & walk_beneath) return Errc::cross_device;
            return {};
        }
        if (!at->is_root()) break;
        RefPtr<Dentry> below = at->fs().mount_point();
        if (!below) return {};
        if (flags_ & walk_one_file_system) return Errc::cross_device;
        at = std::move(below);
    }
    at_ = at->parent();
    while (at_->is_mount_point()) {
        RefPtr<Dentry> mounted = MountTable::mounted_on(*at_);
        if (!mounted || mounted == at_) break;
        at_ = std::move(mounted);
    }
    return {};
}

Result<void> Walker::go_to(RefPtr<Dentry> next) {
    if ((flags_ & walk_one_file_system) && &next->fs() != &at_->fs()) return Errc::cross_device;
    at_ = std::move(next);
    return {};
}

/// Walks last_ with something behind it: links are followed.
Result<void> Walker::step() {
    switch (kind_) {
    case Last::root:
    case Last::dot: return {};
    case Last::dot_dot: return up();
    case Last::name: break;
    }
    RefPtr<Dentry> child = TRY(lookup_child(*at_, last_));
    if (child->inode()->is_symlink()) return push_link(*child);
    return go_to(std::move(child));
}

/// rest_ becomes the link's target followed by what was left; at_ the place to start from.
Result<void> Walker::push_link(Dentry& link) {
    Inode& inode = *link.inode();
    if (++links_ > most_links || (flags_ & walk_no_symlinks)) return Errc::symlink_loop;
    jumped_ = false;
    if (inode.is_magic_link()) {
        if (flags_ & walk_no_magic_links) return Errc::symlink_loop;
        if (flags_ & (walk_beneath | walk_in_root)) return Errc::cross_device;
        RefPtr<Dentry> target = TRY(inode.follow(who_));
        jumped_ = true;
        return go_to(std::move(target));
    }
    inode.touch_atime();
    char scratch[64];
    const std::string_view target = TRY(inode.link_target(who_, scratch));
    if (target.empty()) return Errc::not_found;
    if (*rest_ == 0 && target.data() != scratch) {
        link_ = RefPtr<Dentry>(&link);
        rest_ = target.data(); // ends with a NUL
    } else {
        TRY(splice(target));
    }
    if (*rest_ == '/') {
        if (flags_ & walk_beneath) return Errc::cross_device;
        root();
        if (flags_ & walk_one_file_system && &root_->fs() != &at_->fs()) return Errc::cross_device;
        at_ = root_;
        while (*rest_ == '/') rest_++;
        if (*rest_ == 0) {
            kind_ = Last::root;
            trailing_slash_ = true;
        }
    }
    return {};
}

Result<void> Walker::splice(std::string_view target) {
    const std::size_t left = std::strlen(rest_);
    auto* joined = static_cast<char*>(::operator new(target.size() + left + 2, std::nothrow));
    if (!joined) return Errc::no_memory;
    target.copy(joined, target.size());
    char* end = joined + target.size();
    if (left != 0) *end++ = '/';
    std::memcpy(end, rest_, left + 1);
    ::operator delete(text_);
    text_ = joined;
    rest_ = joined;
    return {};
}

Result<RefPtr<Dentry>> Walker::follow_last(RefPtr<Dentry> link) {
    const bool must_be_directory = trailing_slash_;
    TRY(push_link(*link));
    if (jumped_) return std::move(at_);
    if (*rest_ != 0) {
        TRY(components());
        trailing_slash_ |= must_be_directory;
    }
    return RefPtr<Dentry>();
}

Result<RefPtr<Dentry>> Walker::finish() {
    if (kind_ == Last::name && !trailing_slash_ && !(flags_ & walk_directory)) [[likely]]
        if (Dentry* child = find_plain(*at_, last_)) return RefPtr<Dentry>::adopt(child);
    for (;;) {
        switch (kind_) {
        case Last::dot:
        case Last::root: break;
        case Last::dot_dot: TRY(up()); break;
        case Last::name: {
            RefPtr<Dentry> child = TRY(lookup_child(*at_, last_));
            if (child->inode()->is_symlink() && ((flags_ & walk_follow) || trailing_slash_)) {
                RefPtr<Dentry> object = TRY(follow_last(std::move(child)));
                if (!object) continue;
                at_ = std::move(object);
                break;
            }
            TRY(go_to(std::move(child)));
            break;
        }
        }
        break;
    }
    if ((trailing_slash_ || (flags_ & walk_directory)) && !at_->inode()->is_directory())
        return Errc::not_directory;
    return std::move(at_);
}

Result<RefPtr<Dentry>> walk(TaskContext& who, Dentry* start, const char* path,
                            std::uint32_t flags) {
    if (*path == 0 && (flags & walk_empty_ok)) {
        RefPtr<Dentry> at = start ? RefPtr<Dentry>(start) : who.fs->cwd();
        return at;
    }
    Walker walker(who, start, path, flags);
    TRY(walker.to_parent());
    return walker.finish();
}

} // namespace drupe::vfs
