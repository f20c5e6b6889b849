// SPDX-License-Identifier: BSD-2-Clause
// The directory of message queues. Its names are in the dentry table, under the root of a file
// system that is mounted nowhere; each mount has a root of its own for the same directory, and
// makes names as they are looked for. Invariant: a child is in the directory's list exactly while
// it is in the table. [linux] ipc/mqueue.c
#include <drupe/base/made_once.h>
#include <drupe/ipc/queue_files.h>
#include <drupe/process/user_thread.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/notify.h>
#include <drupe/vfs/operations.h>
#include <drupe/vfs/unmounted.h>

namespace drupe::ipc {

using namespace vfs;

namespace {

constexpr FileSystemStats stats_of_queues{0x1980'0202, page_size, 0, 0, 0, 0}; // MQUEUE_MAGIC

class QueueDirectory final : public Inode {
public:
    QueueDirectory(FileSystem& fs, const NewNode& node) : Inode(fs, fs_ino, node) { nlink_ = 2; }
    /// Makes a queue, mutex held: its dentry is of the file system that holds the names.
    Result<RefPtr<Dentry>> add(const Name& name, const NewNode& node, const QueueBounds* bounds);
    /// Null: there is none.
    RefPtr<Dentry> find(const Name& name) { return DentryTable::lookup(*fs().root(), name); }
    /// Mutex held.
    void remove(Dentry& child);

    std::uint64_t size() const override {
        return (count_.load(std::memory_order_relaxed) + 2) * 20;
    }
    Result<RefPtr<Dentry>> lookup(Dentry& self, const Name& name) override;
    Result<void> create_entry(Dentry& at, const NewNode& node) override;
    Result<void> unlink(Dentry& entry) override;
    Result<void> exchange(Dentry&, Inode&, Dentry&) override { return Errc::not_permitted; }
    Result<void> iterate(Dentry& self, std::uint64_t cookie, DirectorySink& sink) override;

private:
    static constexpr std::uint64_t fs_ino = 1;
    IntrusiveList<Dentry, &Dentry::sibling> children_;
    std::uint64_t next_ino_ = fs_ino + 1;
    std::uint64_t next_position_ = 2; // behind "." and ".."
    std::atomic<std::uint64_t> count_{0};
};

/// Holds the names; never mounted.
class QueueNames final : public FileSystem {
public:
    static Result<Unmounted<QueueNames>> create();
    std::string_view type() const override { return "mqueue"; }
    FileSystemStats stats() override { return stats_of_queues; }
    bool keeps_entries() const override { return true; }
    QueueDirectory& directory() const { return static_cast<QueueDirectory&>(*root()->inode()); }
};

/// A place where they are seen.
class QueueMount final : public FileSystem {
public:
    explicit QueueMount(QueueNames& names) : FileSystem(names.device()) {}
    static Result<RefPtr<FileSystem>> create(const MountRequest&);
    std::string_view type() const override { return "mqueue"; }
    FileSystemStats stats() override { return stats_of_queues; }
};

/// Made at the first use.
Result<QueueNames*> names() {
    static constinit MadeOnce<QueueNames> made;
    return made.get_or_make(QueueNames::create);
}

Result<RefPtr<Dentry>> make_root(FileSystem& fs, RefPtr<Inode> directory) {
    RefPtr<Dentry> root = TRY(Dentry::create(fs, nullptr, Name("")));
    root->set_inode(std::move(directory));
    return root;
}

Result<Unmounted<QueueNames>> QueueNames::create() {
    RefPtr<QueueNames> fs = TRY(make_ref<QueueNames>());
    NewNode node;
    node.mode = mode_directory | mode_sticky | 0777;
    RefPtr<Inode> directory = TRY(make_ref<QueueDirectory>(*fs, node));
    fs->set_root(TRY(make_root(*fs, std::move(directory))));
    return Unmounted<QueueNames>(std::move(fs));
}

Result<RefPtr<FileSystem>> QueueMount::create(const MountRequest&) {
    QueueNames& held = *TRY(names());
    RefPtr<QueueMount> fs = TRY(make_ref<QueueMount>(held));
    fs->set_root(TRY(make_root(*fs, RefPtr<Inode>(&held.directory()))));
    return RefPtr<FileSystem>(std::move(fs));
}

Result<RefPtr<Dentry>> QueueDirectory::add(const Name& name, const NewNode& node,
                                           const QueueBounds* bounds) {
    RefPtr<Dentry> root = fs().root();
    RefPtr<Dentry> child = TRY(Dentry::create(fs(), root.get(), name));
    child->set_inode(TRY(MessageQueue::create(fs(), next_ino_, node, bounds)));
    next_ino_++;
    child->position = next_position_++;
    children_.push_back(*child);
    count_.fetch_add(1, std::memory_order_relaxed);
    DentryTable::insert(*child);
    touch_all(*this);
    return child;
}

void QueueDirectory::remove(Dentry& child) {
    children_.remove(child);
    count_.fetch_sub(1, std::memory_order_relaxed);
    child.inode()->drop_link();
    child.inode()->touch_changed();
    DentryTable::remove(child);
    touch_all(*this);
}

Result<RefPtr<Dentry>> QueueDirectory::lookup(Dentry& self, const Name& name) {
    const RefPtr<Dentry> held = find(name);
    if (!held) return Errc::not_found;
    RefPtr<Dentry> seen = TRY(Dentry::create(self.fs(), &self, name));
    seen->set_inode(RefPtr<Inode>(held->inode()));
    return seen;
}

Result<void> QueueDirectory::create_entry(Dentry& at, const NewNode& node) {
    if (at.fs().is_read_only()) return Errc::read_only;
    if (kind_of(node.mode) != mode_regular) return Errc::not_permitted;
    if (find(Name(at.name()))) return Errc::exists;
    const RefPtr<Dentry> held = TRY(add(Name(at.name()), node, nullptr));
    at.set_inode(RefPtr<Inode>(held->inode()));
    return {};
}

Result<void> QueueDirectory::unlink(Dentry& entry) {
    if (entry.fs().is_read_only()) return Errc::read_only;
    const RefPtr<Dentry> held = find(Name(entry.name()));
    if (!held) return Errc::not_found;
    remove(*held);
    return {};
}

Result<void> QueueDirectory::iterate(Dentry&, std::uint64_t cookie, DirectorySink& sink) {
    for (Dentry& child : children_) {
        if (child.position < cookie) continue;
        const Inode& inode = *child.inode();
        if (!sink.add(child.name(), inode.ino(), directory_entry_type(inode.mode()),
                      child.position + 1))
            break;
    }
    return {};
}

Result<void> may_open(const MessageQueue& queue, std::uint32_t flags, const Credentials& who) {
    static constexpr unsigned wanted_by[] = {access_read, access_write, access_read | access_write};
    constexpr std::uint32_t fresh_only = open_create | open_exclusive;
    if ((flags & fresh_only) == fresh_only) return Errc::exists;
    const std::uint32_t access = flags & open_access_mode;
    if (access == open_access_mode) return Errc::invalid;
    return check_access(queue, who, wanted_by[access]);
}

constinit FileSystemType queue_type{"mqueue", false, QueueMount::create};

} // namespace

Result<RefPtr<File>> open_queue(const OpenQueue& request) {
    QueueDirectory& directory = TRY(names())->directory();
    const Credentials& who = process::current_context().credentials;
    const Name name(request.name);
    RefPtr<File> file;
    {
        sched::MutexGuard guard(directory.mutex());
        RefPtr<Dentry> dentry = directory.find(name);
        if (dentry) {
            TRY(may_open(static_cast<MessageQueue&>(*dentry->inode()), request.flags, who));
        } else {
            if (!(request.flags & open_create)) return Errc::not_found;
            TRY(check_access(directory, who, access_write | access_execute));
            NewNode node;
            node.mode = mode_regular | request.mode;
            node.uid = who.effective_uid;
            node.gid = who.effective_gid;
            dentry = TRY(directory.add(name, node, request.bounds));
            notify_new_name(directory, *dentry, notify_create);
        }
        file = TRY(dentry->inode()->open(*dentry, request.flags));
    }
    notify(*file, notify_open);
    return file;
}

Result<void> unlink_queue(std::string_view text) {
    QueueDirectory& directory = TRY(names())->directory();
    const Credentials& who = process::current_context().credentials;
    RefPtr<Dentry> gone; // outlives the lock: a queue goes without it
    {
        sched::MutexGuard guard(directory.mutex());
        gone = directory.find(Name(text));
        if (!gone) return Errc::not_found;
        TRY(may_remove(who, directory, *gone->inode()));
        directory.remove(*gone);
        notify_self(*gone->inode(), notify_attributes);
    }
    gone = nullptr;
    notify_name(directory, text, notify_delete);
    return {};
}

void register_types() { register_file_system(queue_type); }

} // namespace drupe::ipc
