// SPDX-License-Identifier: BSD-2-Clause
// Making, removing and renaming names. Lock order: the rename mutex, then directories — an
// ancestor before its descendant, unrelated ones by address —, then a file that gets or loses a
// link.
#include "directory_ops.h"

#include "walker.h"

#include <drupe/base/scope_exit.h>
#include <drupe/sched/mutex.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/notify.h>
#include <drupe/vfs/operations.h>

namespace drupe::vfs {
namespace {

/// Walks to where a new name shall be, and makes its dentry. The directory is locked when the
/// callback runs; it fills the dentry.
template <class Make>
Result<void> make_name(TaskContext& who, Dentry* start, const char* path, bool is_directory,
                       Make make) {
    Walker walker(who, start, path, 0);
    TRY(walker.to_parent());
    if (walker.kind() != Last::name) return Errc::exists;
    Dentry& directory = walker.directory();
    Inode& inode = *directory.inode();
    sched::MutexGuard guard(inode.mutex());
    const Name& name = walker.last();
    if (DentryTable::lookup(directory, name)) return Errc::exists;
    if (!directory.fs().keeps_entries()) {
        const Result<RefPtr<Dentry>> found = inode.lookup(directory, name);
        if (found.ok()) return Errc::exists;
        if (found.error() != Errc::not_found) return found.error();
    }
    if (name.length > max_name) return Errc::name_too_long;
    if (walker.has_trailing_slash() && !is_directory) return Errc::not_found;
    if (inode.nlink() == 0) return Errc::not_found;
    TRY(check_access(inode, who.credentials, access_write | access_execute));
    RefPtr<Dentry> dentry = TRY(Dentry::create(directory.fs(), &directory, name));
    TRY(make(inode, *dentry));
    if (directory.fs().keeps_entries()) DentryTable::insert(*dentry);
    notify_new_name(inode, *dentry, notify_create);
    return {};
}

enum class Kind : bool { other, directory };

Result<void> may_delete(TaskContext& who, Inode& directory, Dentry& victim, Kind kind) {
    Inode& inode = *victim.inode();
    TRY(may_remove(who.credentials, directory, inode));
    if (kind == Kind::directory) {
        if (!inode.is_directory()) return Errc::not_directory;
    } else if (inode.is_directory()) {
        return Errc::is_directory;
    }
    return {};
}

/// The child that is to go, mount points not crossed.
Result<RefPtr<Dentry>> lookup_locked(Dentry& directory, const Name& name) {
    RefPtr<Dentry> child = DentryTable::lookup(directory, name);
    if (child) return child;
    if (name.length > max_name) return Errc::name_too_long;
    if (directory.fs().keeps_entries()) return Errc::not_found;
    return directory.inode()->lookup(directory, name);
}

} // namespace

Result<void> may_remove(const Credentials& who, const Inode& directory, const Inode& inode) {
    TRY(check_access(directory, who, access_write | access_execute));
    const bool is_owner = inode.uid() == who.effective_uid || directory.uid() == who.effective_uid;
    if ((directory.mode() & mode_sticky) && !who.is_root() && !is_owner) return Errc::not_permitted;
    return {};
}

Result<void> make_node(TaskContext& who, Dentry* start, const char* path, std::uint32_t mode,
                       std::uint64_t device) {
    const std::uint32_t kind = kind_of(mode) ? kind_of(mode) : std::uint32_t{mode_regular};
    if (kind == mode_directory) return Errc::not_permitted;
    if (kind != mode_regular && kind != mode_fifo && kind != mode_socket && kind != mode_char &&
        kind != mode_block)
        return Errc::invalid;
    return make_name(who, start, path, false, [&](Inode& directory, Dentry& at) -> Result<void> {
        if ((kind == mode_char || kind == mode_block) && !who.credentials.is_root())
            return Errc::not_permitted;
        NewNode node = node_for(who, directory, kind | (mode & mode_changeable));
        node.device = device;
        return directory.create_entry(at, node);
    });
}

Result<void> make_directory(TaskContext& who, Dentry* start, const char* path, std::uint32_t mode) {
    return make_name(who, start, path, true, [&](Inode& directory, Dentry& at) -> Result<void> {
        return directory.create_entry(
            at,
            node_for(who, directory, mode_directory | (mode & (mode_permissions | mode_sticky))));
    });
}

Result<void> make_symlink(TaskContext& who, const char* target, Dentry* start, const char* path) {
    if (*target == 0) return Errc::not_found;
    return make_name(who, start, path, false, [&](Inode& directory, Dentry& at) -> Result<void> {
        NewNode node = node_for(who, directory, mode_symlink | 0777);
        node.mode = mode_symlink | 0777;
        node.link_target = target;
        return directory.create_entry(at, node);
    });
}

Result<void> make_link(TaskContext& who, Dentry* old_start, const char* old_path, Dentry* new_start,
                       const char* new_path, std::uint32_t walk_flags) {
    RefPtr<Dentry> old = TRY(walk(who, old_start, old_path, walk_flags));
    Inode& target = *old->inode();
    return make_name(who, new_start, new_path, false,
                     [&](Inode& directory, Dentry& at) -> Result<void> {
                         if (&target.fs() != &directory.fs()) return Errc::cross_device;
                         if (target.is_directory()) return Errc::not_permitted;
                         // A file whose last name is gone stays gone, unless it never had one.
                         TRY(directory.link(at, target));
                         notify_self(target, notify_attributes);
                         return {};
                     });
}

Result<void> unlink(TaskContext& who, Dentry* start, const char* path) {
    Walker walker(who, start, path, 0);
    TRY(walker.to_parent());
    if (walker.kind() != Last::name) return Errc::is_directory;
    Dentry& directory = walker.directory();
    Inode& inode = *directory.inode();
    RefPtr<Dentry> victim;
    {
        sched::MutexGuard guard(inode.mutex());
        victim = TRY(lookup_locked(directory, walker.last()));
        if (walker.has_trailing_slash())
            return victim->inode()->is_directory() ? Errc::is_directory : Errc::not_directory;
        TRY(may_delete(who, inode, *victim, Kind::other));
        if (victim->is_mount_point()) return Errc::busy;
        TRY(inode.unlink(*victim));
        if (victim->is_in_table()) DentryTable::remove(*victim);
        notify_self(*victim->inode(), notify_attributes);
    }
    victim = nullptr; // the file goes here, without the lock, if this was all of it
    notify_name(inode, walker.last().view(), notify_delete);
    return {};
}

Result<void> remove_directory(TaskContext& who, Dentry* start, const char* path) {
    Walker walker(who, start, path, 0);
    TRY(walker.to_parent());
    switch (walker.kind()) {
    case Last::dot: return Errc::invalid;
    case Last::dot_dot: return Errc::not_empty;
    case Last::root: return Errc::busy;
    case Last::name: break;
    }
    Dentry& directory = walker.directory();
    Inode& inode = *directory.inode();
    RefPtr<Dentry> victim;
    {
        sched::MutexGuard guard(inode.mutex());
        victim = TRY(lookup_locked(directory, walker.last()));
        TRY(may_delete(who, inode, *victim, Kind::directory));
        if (victim->is_mount_point()) return Errc::busy;
        sched::MutexGuard inner(victim->inode()->mutex());
        TRY(inode.remove_directory(*victim));
        if (victim->is_in_table()) DentryTable::remove(*victim);
    }
    victim = nullptr;
    notify_name(inode, walker.last().view(), notify_delete | notify_directory);
    return {};
}

namespace {

/// One rename at a time across directories: then the tree does not change while we look for loops.
constinit sched::Mutex* rename_mutex = nullptr;

/// Both directories of a rename, locked in the order the file's head states.
class TwoDirectories {
public:
    TwoDirectories(Dentry& a, Dentry& b) : a_(*a.inode()), b_(*b.inode()) {
        if (&a_ == &b_) {
            a_.mutex().lock();
            return;
        }
        rename_mutex->lock();
        const bool b_first = is_ancestor(b, a) || (!is_ancestor(a, b) && &b_ < &a_);
        (b_first ? b_ : a_).mutex().lock();
        (b_first ? a_ : b_).mutex().lock();
    }
    ~TwoDirectories() {
        a_.mutex().unlock();
        if (&a_ == &b_) return;
        b_.mutex().unlock();
        rename_mutex->unlock();
    }
    TwoDirectories(const TwoDirectories&) = delete;
    TwoDirectories& operator=(const TwoDirectories&) = delete;

private:
    Inode& a_;
    Inode& b_;
};

struct Rename {
    TaskContext& who;
    Walker from, to;
    std::uint32_t flags;

    Result<void> run();
    Result<void> check_kinds(Dentry& moving, Dentry* target);
    Result<void> check_rights(Dentry& moving, Dentry* target);
    Result<void> move(Dentry& moving, Dentry* target);
    Result<void> swap(Dentry& moving, Dentry& target);
};

void tell_moved(Walker& from, Walker& to, Dentry& moved, Dentry* replaced) {
    Inode& inode = *moved.inode();
    const std::uint32_t cookie = next_notify_cookie();
    notify_name(*from.directory().inode(), from.last().view(),
                notify_moved_from | (inode.is_directory() ? notify_directory : 0u), cookie);
    notify_new_name(*to.directory().inode(), moved, notify_moved_to, cookie);
    if (replaced) notify_self(*replaced->inode(), notify_attributes);
    notify_self(inode, notify_move_self);
}

Result<void> Rename::check_kinds(Dentry& moving, Dentry* target) {
    const bool exchange = (flags & rename_exchange) != 0;
    if (!moving.inode()->is_directory()) {
        if (from.has_trailing_slash()) return Errc::not_directory;
        if (!exchange && to.has_trailing_slash()) return Errc::not_directory;
    }
    if (exchange && !target->inode()->is_directory() && to.has_trailing_slash())
        return Errc::not_directory;
    // A directory cannot move below itself, nor a name onto a directory that holds it.
    if (is_ancestor(moving, to.directory())) return Errc::invalid;
    if (target && is_ancestor(*target, from.directory()))
        return exchange ? Errc::invalid : Errc::not_empty;
    return {};
}

Result<void> Rename::check_rights(Dentry& moving, Dentry* target) {
    Inode& source = *from.directory().inode();
    Inode& destination = *to.directory().inode();
    const auto kind_of_dentry = [](Dentry& d) {
        return d.inode()->is_directory() ? Kind::directory : Kind::other;
    };
    const bool exchange = (flags & rename_exchange) != 0;
    TRY(may_delete(who, source, moving, kind_of_dentry(moving)));
    if (!target) {
        if (destination.nlink() == 0) return Errc::not_found;
        TRY(check_access(destination, who.credentials, access_write | access_execute));
    } else {
        TRY(may_delete(who, destination, *target,
                       exchange ? kind_of_dentry(*target) : kind_of_dentry(moving)));
    }
    // Moving a directory elsewhere writes its "..".
    if (&source != &destination) {
        if (moving.inode()->is_directory())
            TRY(check_access(*moving.inode(), who.credentials, access_write));
        if (exchange && target->inode()->is_directory())
            TRY(check_access(*target->inode(), who.credentials, access_write));
    }
    return {};
}

Result<void> Rename::move(Dentry& moving, Dentry* target) {
    char* name = TRY(DentryTable::reserve_name(to.last()));
    ScopeExit drop{[&] { ::operator delete(name); }};
    const auto rename = [&] {
        return from.directory().inode()->rename(moving, *to.directory().inode(), to.last(), target);
    };
    if (target && target->inode()->is_directory()) {
        // Nobody may make a name in a directory that is being replaced.
        sched::MutexGuard replaced(target->inode()->mutex());
        TRY(rename());
    } else {
        TRY(rename());
    }
    // Where names are found anew each time, there is nothing to move.
    if (moving.is_in_table()) {
        drop.dismiss();
        DentryTable::move(moving, to.directory(), to.last(), name, target);
    }
    tell_moved(from, to, moving, target);
    return {};
}

Result<void> Rename::swap(Dentry& moving, Dentry& target) {
    char* name = TRY(DentryTable::reserve_name(to.last()));
    ScopeExit drop{[&] { ::operator delete(name); }};
    char* other = TRY(DentryTable::reserve_name(from.last()));
    ScopeExit drop_other{[&] { ::operator delete(other); }};
    TRY(from.directory().inode()->exchange(moving, *to.directory().inode(), target));
    // As in move().
    if (moving.is_in_table() && target.is_in_table()) {
        drop.dismiss();
        drop_other.dismiss();
        DentryTable::exchange(moving, target, name, other);
    }
    tell_moved(from, to, moving, nullptr);
    tell_moved(to, from, target, nullptr);
    return {};
}

Result<void> Rename::run() {
    TRY(from.to_parent());
    TRY(to.to_parent());
    if (&from.directory().fs() != &to.directory().fs()) return Errc::cross_device;
    if (from.kind() != Last::name) return Errc::busy;
    if (to.kind() != Last::name) return (flags & rename_no_replace) ? Errc::exists : Errc::busy;
    RefPtr<Dentry> target; // outlives the locks: a replaced file goes without them
    TwoDirectories locked(from.directory(), to.directory());
    RefPtr<Dentry> moving = TRY(lookup_locked(from.directory(), from.last()));
    Result<RefPtr<Dentry>> found = lookup_locked(to.directory(), to.last());
    if (!found.ok() && found.error() != Errc::not_found) return found.error();
    if (found.ok()) {
        if (flags & rename_no_replace) return Errc::exists;
        target = found.take_unchecked();
    } else if (flags & rename_exchange) {
        return Errc::not_found;
    }
    TRY(check_kinds(*moving, target.get()));
    // Two names of one file: nothing to do (POSIX).
    if (target && target->inode() == moving->inode()) return {};
    TRY(check_rights(*moving, target.get()));
    if (moving->is_mount_point() || (target && target->is_mount_point())) return Errc::busy;
    if (flags & rename_exchange) return swap(*moving, *target);
    return move(*moving, target.get());
}

} // namespace

Result<void> init_directory_ops() {
    rename_mutex = TRY(make_own<sched::Mutex>()).leak();
    return {};
}

Result<void> rename(TaskContext& who, Dentry* old_start, const char* old_path, Dentry* new_start,
                    const char* new_path, std::uint32_t flags) {
    Rename job{who, {who, old_start, old_path, 0}, {who, new_start, new_path, 0}, flags};
    return job.run();
}

} // namespace drupe::vfs
