// SPDX-License-Identifier: BSD-2-Clause
// The internal file system of files without a name: pipes, events. It is mounted nowhere and has
// no root; each file is a dentry of its own.
#include "directory_ops.h"
#include "epoll_links.h"
#include "timer_files.h"

#include <drupe/base/format.h>
#include <drupe/mm/frames.h>
#include <drupe/vfs/file.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/init.h>

#include <algorithm>

namespace drupe::vfs {
namespace {

class AnonymousFs final : public FileSystem {
public:
    std::string_view type() const override { return "anon_inodefs"; }
    FileSystemStats stats() override { return {0x09041934, page_size, 0, 0, 0, 0}; }
    std::atomic<std::uint64_t> next_ino{1};
};

class AnonymousInode final : public Inode {
public:
    AnonymousInode(FileSystem& fs, std::uint64_t ino, const NewNode& node) : Inode(fs, ino, node) {}
};

constinit AnonymousFs* internal = nullptr;

} // namespace

Result<void> init() {
    // One chain for every four frames of RAM: a name costs at least that much anyway.
    const std::size_t frames = mm::memory_total().n;
    TRY(DentryTable::init(std::clamp<std::size_t>(frames / 4, 64, 65536)));
    TRY(init_directory_ops());
    TRY(init_epoll());
    TRY(init_timer_files());
    OwnPtr<AnonymousFs> fs = TRY(make_own<AnonymousFs>());
    internal = fs.leak();
    return {};
}

Result<RefPtr<Dentry>> create_anonymous(std::string_view name, std::uint32_t mode, bool numbered,
                                        std::uint64_t ino) {
    DRUPE_ASSERT(internal != nullptr);
    if (ino == own_ino) ino = internal->next_ino.fetch_add(1, std::memory_order_relaxed);
    NewNode node;
    node.mode = mode;
    RefPtr<Inode> inode = TRY(make_ref<AnonymousInode>(*internal, ino, node));
    char text[48];
    if (numbered) name = format_into(text, "{}:[{}]", name, ino);
    RefPtr<Dentry> dentry = TRY(Dentry::create(*internal, nullptr, Name(name)));
    dentry->set_inode(std::move(inode));
    return dentry;
}

} // namespace drupe::vfs
