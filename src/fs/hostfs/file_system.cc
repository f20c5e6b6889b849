// SPDX-License-Identifier: BSD-2-Clause
#include "regular.h"

#include <drupe/hostfs/hostfs.h>

namespace drupe::hostfs {

using namespace vfs;

Result<void> HostFs::make_root() {
    const Found found = TRY(server_->root());
    if (kind_of(found.facts.mode) != mode_directory) return Errc::io;
    root_node_ = found.node;
    RefPtr<HostInode> inode = TRY(inode_of(found));
    RefPtr<Dentry> root = TRY(Dentry::create(*this, nullptr, Name("")));
    root->set_inode(std::move(inode));
    set_root(std::move(root));
    return {};
}

FileSystemStats HostFs::stats() {
    const auto stats = server_->stats(*root_node_);
    return stats.ok() ? stats.value() : FileSystemStats{0, page_size, 0, 0, 0, 0};
}

RefPtr<HostInode> HostFs::find(const Found& found) {
    const std::uint64_t key = key_of(found);
    SpinGuard guard(table_lock_);
    for (HostInode* at = table_[key % buckets]; at; at = at->next_in_table)
        if (at->key() == key && at->kind() == kind_of(found.facts.mode) && at->try_retain())
            return RefPtr<HostInode>::adopt(at);
    return nullptr;
}

Result<RefPtr<HostInode>> HostFs::inode_of(const Found& found) {
    if (RefPtr<HostInode> known = find(found)) {
        known->refresh(found);
        return known;
    }
    RefPtr<HostInode> fresh;
    switch (kind_of(found.facts.mode)) {
    case mode_regular: {
        auto pages_owner = TRY(HostRegular::create(*this, found));
        fresh = RefPtr<HostInode>::adopt(static_cast<HostInode*>(pages_owner.leak()));
        break;
    }
    case mode_directory: fresh = TRY(make_ref<HostDirectory>(*this, found)); break;
    default: fresh = TRY(make_ref<HostSpecial>(*this, found)); break;
    }
    // Two may find the same object at once: the second takes the first's.
    SpinGuard guard(table_lock_);
    HostInode*& bucket = table_[fresh->key() % buckets];
    for (HostInode* at = bucket; at; at = at->next_in_table)
        if (at->key() == fresh->key() && at->kind() == fresh->kind() && at->try_retain())
            return RefPtr<HostInode>::adopt(at);
    fresh->next_in_table = std::exchange(bucket, fresh.get());
    return fresh;
}

void HostFs::remove(HostInode& inode) {
    SpinGuard guard(table_lock_);
    for (HostInode** at = &table_[inode.key() % buckets]; *at; at = &(*at)->next_in_table)
        if (*at == &inode) {
            *at = inode.next_in_table;
            return;
        }
}

Result<void> HostFs::sync() {
    Result<void> outcome;
    for (HostInode*& bucket : table_) {
        RefPtr<HostInode> at;
        {
            SpinGuard guard(table_lock_);
            HostInode* first = bucket;
            while (first && !first->try_retain()) first = first->next_in_table;
            if (first) at = RefPtr<HostInode>::adopt(first);
        }
        while (at) {
            if (at->is_regular())
                if (auto done = static_cast<HostRegular&>(*at).write_back(); !done)
                    outcome = done.error();
            RefPtr<HostInode> following;
            {
                SpinGuard guard(table_lock_);
                HostInode* next = at->next_in_table;
                while (next && !next->try_retain()) next = next->next_in_table;
                if (next) following = RefPtr<HostInode>::adopt(next);
            }
            at = std::move(following);
        }
    }
    return outcome;
}

namespace {

/// Of 9P's: trans=, version= and msize= count; what asks for more caching than there is
/// (cache=loose) has what it wants.
Result<SessionOptions> parse_p9(const MountRequest& request) {
    SessionOptions options{.tag = request.source, .message_bytes = 128 * 1024};
    for (std::string_view text = request.options; !text.empty();) {
        const std::string_view word = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        const std::string_view key = word.substr(0, word.find('='));
        const std::string_view value = word.substr(std::min(word.size(), key.size() + 1));
        if (key == "trans" && value != "virtio") return Errc::invalid;
        if (key == "version" && value != "9p2000.L") return Errc::invalid;
        if (key != "msize") continue;
        std::uint64_t bytes = 0;
        for (const char c : value) {
            if (c < '0' || c > '9' || bytes > UINT32_MAX) return Errc::invalid;
            bytes = bytes * 10 + static_cast<std::uint64_t>(c - '0');
        }
        if (bytes < 4096) return Errc::invalid;
        options.message_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 1 << 20));
    }
    return options;
}

Result<RefPtr<FileSystem>> mount_p9(const MountRequest& request) {
    RefPtr<Server> server = TRY(connect_p9(TRY(parse_p9(request))));
    RefPtr<HostFs> fs = TRY(make_ref<HostFs>("9p", std::move(server)));
    TRY(fs->make_root());
    return RefPtr<FileSystem>(std::move(fs));
}

/// Of Linux's options one changes nothing: there is no window into the host's page cache.
Result<RefPtr<FileSystem>> mount_fuse(const MountRequest& request) {
    if (!request.options.empty() && request.options != "dax=never") return Errc::invalid;
    RefPtr<Server> server = TRY(connect_fuse(request.source));
    RefPtr<HostFs> fs = TRY(make_ref<HostFs>("virtiofs", std::move(server)));
    TRY(fs->make_root());
    return RefPtr<FileSystem>(std::move(fs));
}

constinit FileSystemType p9_type{"9p", false, mount_p9};
constinit FileSystemType fuse_type{"virtiofs", false, mount_fuse};

} // namespace

void register_types() {
    register_file_system(p9_type);
    register_file_system(fuse_type);
}

} // namespace drupe::hostfs
