// SPDX-License-Identifier: BSD-2-Clause
#include "inodes.h"

#include <drupe/time/clock.h>

#include <new>

namespace drupe::hostfs {

using namespace vfs;

namespace {
/// So long what a walk has read serves the call that walked.
constexpr std::int64_t fresh_ns = 1'000'000;

NewNode shape_of(const Facts& facts) {
    NewNode node;
    node.mode = facts.mode;
    node.uid = facts.uid;
    node.gid = facts.gid;
    node.device = facts.rdev;
    return node;
}
} // namespace

HostInode::HostInode(HostFs& fs, const Found& found)
    : Inode(fs, found.facts.ino, shape_of(found.facts)), keeps_(&fs), key_(fs.key_of(found)),
      node_(found.node) {
    take(found.facts);
}

HostInode::~HostInode() { host().remove(*this); }

HostFs& HostInode::host() const { return static_cast<HostFs&>(fs()); }
Server& HostInode::server() const { return host().server(); }

RefPtr<Node> HostInode::node() {
    SpinGuard guard(node_lock_);
    return node_;
}

void HostInode::take(const Facts& facts) {
    mode_ = kind() | (facts.mode & mode_changeable);
    uid_ = facts.uid;
    gid_ = facts.gid;
    nlink_ = facts.nlink;
    size_.store(facts.size, std::memory_order_relaxed);
    blocks_.store(facts.blocks, std::memory_order_relaxed);
    if (facts.block_size != 0) block_size_.store(facts.block_size, std::memory_order_relaxed);
    {
        SpinGuard guard(times_lock_);
        atime_ = facts.atime;
        mtime_ = facts.mtime;
        ctime_ = facts.ctime;
    }
    fresh_until_.store(time::now().ns + fresh_ns, std::memory_order_relaxed);
}

void HostInode::refresh(const Found& found) {
    RefPtr<Node> old = found.node; // what was there goes without the lock
    {
        SpinGuard guard(node_lock_);
        if (!node_->absorb(*old)) std::swap(node_, old);
    }
    has_lost_name_.store(false, std::memory_order_relaxed);
    take(found.facts);
}

bool HostInode::is_out_of_reach() const {
    return has_lost_name_.load(std::memory_order_relaxed) && server().finds_by_name();
}

Result<void> HostInode::update() {
    const std::int64_t until = fresh_until_.exchange(0, std::memory_order_relaxed);
    if (is_out_of_reach() || (until != 0 && time::now().ns < until)) return {};
    const auto facts = server().facts(*node());
    if (!facts.ok()) return facts.error() == Errc::not_found ? Result<void>{} : facts.error();
    // Behind its name there may be another object by now.
    if (facts.value().ino != ino() || kind_of(facts.value().mode) != kind()) return {};
    take(facts.value());
    forget_facts();
    return {};
}

Attributes HostInode::attributes() {
    static_cast<void>(update()); // what was known last is the answer then
    Attributes a = Inode::attributes();
    a.blocks = blocks_.load(std::memory_order_relaxed);
    a.block_size = block_size_.load(std::memory_order_relaxed);
    a.btime = a.ctime; // not told
    return a;
}

Result<void> HostInode::change(const AttributeChange& change) {
    if (is_out_of_reach()) return Errc::not_found;
    Change asked;
    asked.attributes = change;
    asked.attributes.mode |= kind(); // servers may keep it as it comes
    TRY(server().change(*node(), asked));
    TRY(Inode::change(change));
    forget_facts();
    return {};
}

Result<std::size_t> HostInode::get_xattr(std::string_view name, std::span<std::byte> into) {
    return server().get_xattr(*node(), name, into);
}
Result<void> HostInode::set_xattr(std::string_view name, std::span<const std::byte> value,
                                  std::uint32_t flags) {
    return server().set_xattr(*node(), name, value, flags);
}
Result<void> HostInode::remove_xattr(std::string_view name) {
    return server().remove_xattr(*node(), name);
}

HostSpecial::~HostSpecial() { delete target_.get(); }

Result<std::string_view> HostSpecial::link_target(TaskContext&, std::span<char>) {
    if (!is_symlink()) return Errc::invalid;
    const LinkText* text = TRY(target_.get_or_make([this]() -> Result<OwnPtr<LinkText>> {
        OwnPtr<LinkText> fresh = TRY(make_own<LinkText>());
        fresh->length = TRY(server().read_link(*node(), fresh->bytes));
        return fresh;
    }));
    return std::string_view(text->bytes, text->length);
}

} // namespace drupe::hostfs
