// SPDX-License-Identifier: BSD-2-Clause
#include "regular.h"

#include <drupe/vfs/file.h>

namespace drupe::hostfs {

using namespace vfs;

namespace {

/// getdents' positions are the server's cookies.
class HostDirectoryFile final : public File {
public:
    HostDirectoryFile(Dentry& dentry, std::uint32_t flags, RefPtr<Handle> handle)
        : File(dentry, flags), handle_(std::move(handle)) {}
    Result<std::size_t> read(IoBuffer&) override { return Errc::is_directory; }
    Result<std::size_t> read_at(IoBuffer&, std::uint64_t) override { return Errc::is_directory; }
    Result<std::uint64_t> seek(std::int64_t offset, int whence) override;
    Result<void> sync(bool data_only) override {
        return handle_->server().sync(*handle_, data_only);
    }
    Result<void> read_directory(DirectorySink& sink) override;

private:
    RefPtr<Handle> handle_;
};

Result<std::uint64_t> HostDirectoryFile::seek(std::int64_t offset, int whence) {
    sched::MutexGuard guard(position_mutex_);
    if (whence == seek_current)
        offset += static_cast<std::int64_t>(position_);
    else if (whence != seek_set)
        return Errc::invalid;
    if (offset < 0) return Errc::invalid;
    position_ = static_cast<std::uint64_t>(offset);
    return position_;
}

/// Remembers how far the caller got.
class Remembering final : public DirectorySink {
public:
    Remembering(DirectorySink& to, std::uint64_t& position) : to_(to), position_(position) {}
    bool add(std::string_view name, std::uint64_t ino, std::uint8_t type,
             std::uint64_t next) override {
        is_full = is_full || !to_.add(name, ino, type, next);
        if (is_full) return false;
        position_ = next;
        count++;
        return true;
    }
    bool is_full = false;
    std::size_t count = 0;

private:
    DirectorySink& to_;
    std::uint64_t& position_;
};

Result<void> HostDirectoryFile::read_directory(DirectorySink& sink) {
    sched::MutexGuard guard(position_mutex_);
    if (inode().nlink() == 0) return Errc::not_found;
    Remembering out(sink, position_);
    bool goes_on = true;
    while (goes_on && !out.is_full) {
        const std::size_t before = out.count;
        const auto more = handle_->server().list(*handle_, position_, out);
        // What was passed on counts; the error comes again.
        if (!more.ok()) return out.count != 0 ? Result<void>{} : more.error();
        goes_on = more.value() && out.count != before;
    }
    return {};
}

HostDirectory& as_directory(Inode& inode) { return static_cast<HostDirectory&>(inode); }

/// A server that runs as somebody else makes what that user owns. Where it may, it gives it away.
void give_to_owner(Server& server, const Found& found, const NewNode& node) {
    if (node.uid == 0 || node.uid == found.facts.uid) return;
    Change change;
    change.attributes.set_uid = true;
    change.attributes.uid = node.uid;
    static_cast<void>(server.change(*found.node, change));
}

} // namespace

Result<RefPtr<File>> HostDirectory::open(Dentry& dentry, std::uint32_t flags) {
    RefPtr<Handle> handle = TRY(server().open(*node(), open_read_only | open_directory));
    RefPtr<File> file = TRY(make_ref<HostDirectoryFile>(dentry, flags, std::move(handle)));
    return file;
}

Result<RefPtr<Dentry>> HostDirectory::lookup(Dentry& self, const Name& name) {
    const RefPtr<Node> here = node();
    const Found found = TRY(server().lookup({*here, name.view()}));
    RefPtr<HostInode> inode = TRY(host().inode_of(found));
    RefPtr<Dentry> dentry = TRY(Dentry::create(self.fs(), &self, name));
    dentry->set_inode(std::move(inode));
    return dentry;
}

Result<void> HostDirectory::create_entry(Dentry& at, const NewNode& node) {
    const RefPtr<Node> here = HostInode::node();
    RefPtr<HostInode> inode;
    if (kind_of(node.mode) == mode_regular) {
        Created made = TRY(server().create({*here, at.name()}, node));
        give_to_owner(server(), made.found, node);
        if (kind_of(made.found.facts.mode) != mode_regular) return Errc::io;
        inode = TRY(host().inode_of(made.found));
        static_cast<HostRegular&>(*inode).keep_handle(std::move(made.handle));
    } else {
        const Found made = TRY(server().make({*here, at.name()}, node));
        give_to_owner(server(), made, node);
        inode = TRY(host().inode_of(made));
    }
    at.set_inode(std::move(inode));
    forget_facts();
    return {};
}

Result<void> HostDirectory::link(Dentry& at, Inode& target) {
    auto& object = static_cast<HostInode&>(target);
    if (object.is_out_of_reach()) return Errc::not_found;
    const RefPtr<Node> here = node(), there = object.node();
    TRY(server().link({*here, at.name()}, *there));
    target.add_link();
    object.forget_facts();
    forget_facts();
    at.set_inode(RefPtr<Inode>(&target));
    return {};
}

Result<void> HostDirectory::unlink(Dentry& entry) {
    const RefPtr<Node> here = node();
    TRY(server().remove({*here, entry.name()}, Remove::file));
    auto& gone = static_cast<HostInode&>(*entry.inode());
    if (gone.nlink() != 0) gone.drop_link();
    gone.lose_name();
    gone.forget_facts();
    forget_facts();
    return {};
}

Result<void> HostDirectory::remove_directory(Dentry& entry) {
    const RefPtr<Node> here = node();
    TRY(server().remove({*here, entry.name()}, Remove::directory));
    HostDirectory& gone = as_directory(*entry.inode());
    gone.nlink_ = 0;
    gone.lose_name();
    forget_facts();
    return {};
}

Result<void> HostDirectory::rename(Dentry& entry, Inode& to_directory, const Name& name,
                                   Dentry* replaced) {
    HostDirectory& to = as_directory(to_directory);
    const RefPtr<Node> here = node(), there = to.node();
    TRY(server().rename({*here, entry.name()}, {*there, name.view()}));
    if (replaced) {
        HostInode& gone = static_cast<HostInode&>(*replaced->inode());
        if (gone.is_directory())
            as_directory(gone).nlink_ = 0;
        else if (gone.nlink() != 0)
            gone.drop_link();
        gone.lose_name();
        gone.forget_facts();
    }
    static_cast<HostInode&>(*entry.inode()).forget_facts();
    forget_facts();
    to.forget_facts();
    return {};
}

Result<void> HostDirectory::exchange(Dentry& a, Inode& directory_of_b, Dentry& b) {
    HostDirectory& other = as_directory(directory_of_b);
    const RefPtr<Node> here = node(), there = other.node();
    TRY(server().exchange({*here, a.name()}, {*there, b.name()}));
    for (HostInode* inode : {static_cast<HostInode*>(a.inode()), static_cast<HostInode*>(b.inode()),
                             static_cast<HostInode*>(this), static_cast<HostInode*>(&other)})
        inode->forget_facts();
    return {};
}

} // namespace drupe::hostfs
