// SPDX-License-Identifier: BSD-2-Clause
// A session in 9P2000.L. Nodes are fids that nothing is opened on; a handle is another fid.
#include "connect.h"
#include "p9_session.h"
#include "server.h"

#include <drupe/base/scope_exit.h>
#include <drupe/mm/frames.h>

#include <algorithm>
#include <cstring>

namespace drupe::hostfs {
namespace {

using p9::Reader;
using p9::Type;
using p9::Writer;
using share::Piece;
using When = P9Call::When;

// [linux] include/net/9p/9p.h: P9_DOTL_*. Of open's flags those that differ from ours.
enum : std::uint32_t {
    dotl_create = 0100,
    dotl_exclusive = 0200,
    dotl_large_file = 0100000,
    dotl_directory = 0200000,
    dotl_remove_directory = 0x200,
};
// P9_STATS_BASIC, P9_ATTR_*
constexpr std::uint64_t basic_facts = 0x7ff;
enum : std::uint32_t {
    set_mode = 1,
    set_uid = 2,
    set_gid = 4,
    set_size = 8,
    set_atime = 0x10 | 0x80, // to the value given
    set_mtime = 0x20 | 0x100,
};

constexpr unsigned list_order = 2; // frames for one answer of a directory's names

Fid& fid_of(const Node& node) { return *reinterpret_cast<Fid*>(node.id); }
Fid& fid_of(const Handle& handle) { return *reinterpret_cast<Fid*>(handle.id); }
std::uint64_t id_of(Fid& fid) { return reinterpret_cast<std::uint64_t>(&fid); }

vfs::Timestamp time_of(p9::Time t) { return {t.seconds, t.nanoseconds}; }

Facts facts_of(const p9::AttributesReply& a) {
    return {.ino = a.qid.path,
            .rdev = a.rdev,
            .size = a.size,
            .blocks = a.blocks,
            .mode = a.mode,
            .uid = a.uid,
            .gid = a.gid,
            .nlink = a.nlink,
            .block_size = a.block_bytes,
            .atime = time_of(a.atime),
            .mtime = time_of(a.mtime),
            .ctime = time_of(a.ctime)};
}

class P9Server final : public Server {
public:
    explicit P9Server(share::Device& device) : session_(device) {}
    ~P9Server() override {
        session_.settle();
        session_.device().give_back();
    }
    Result<void> agree(std::uint32_t message_bytes);

    bool finds_by_name() const override { return true; }
    std::size_t most_bytes() const override {
        return session_.message_bytes - p9::write_header_bytes;
    }
    std::size_t most_pieces() const override { return session_.device().most_pieces() - 2; }
    Result<Found> root() override;
    Result<Found> lookup(Place place) override;
    Result<Facts> facts(Node& node) override { return facts(fid_of(node)); }
    Result<void> change(Node& node, const Change& change) override;
    Result<std::size_t> read_link(Node& node, std::span<char> into) override;
    Result<RefPtr<Handle>> open(Node& node, std::uint32_t flags) override;
    Result<Created> create(Place place, const vfs::NewNode& node) override;
    Result<Found> make(Place place, const vfs::NewNode& node) override;
    Result<void> link(Place place, Node& target) override;
    Result<void> remove(Place place, Remove what) override;
    Result<void> rename(Place from, Place to) override;
    Result<std::size_t> read(Handle& handle, std::uint64_t offset,
                             std::span<const Piece> into) override;
    Result<std::size_t> write(Handle& handle, std::uint64_t offset,
                              std::span<const Piece> from) override;
    Result<bool> list(Handle& handle, std::uint64_t cookie, vfs::DirectorySink& sink) override;
    Result<void> sync(Handle& handle, bool data_only) override;
    Result<vfs::FileSystemStats> stats(Node& root) override;
    Result<std::size_t> get_xattr(Node& node, std::string_view name,
                                  std::span<std::byte> into) override;
    Result<void> set_xattr(Node& node, std::string_view name, std::span<const std::byte> value,
                           std::uint32_t flags) override;
    Result<void> remove_xattr(Node& node, std::string_view name) override;

protected:
    void forget(Node& node) override { session_.clunk(fid_of(node)); }
    void close(Handle& handle) override { session_.clunk(fid_of(handle)); }

private:
    Result<Fid*> walk(Fid& from, std::string_view name);
    Result<Facts> facts(Fid& fid);
    Result<void> put_xattr(Node& node, std::string_view name, std::span<const std::byte> value,
                           std::uint32_t flags);
    Result<void> finish_xattr(Fid& fid, std::span<const std::byte> value);
    P9Session session_;
};

/// A fid that is the server's, given back unless it is kept.
class HeldFid {
public:
    HeldFid(P9Session& session, Fid& fid) : session_(session), fid_(&fid) {}
    ~HeldFid() {
        if (fid_) session_.clunk(*fid_);
    }
    HeldFid(const HeldFid&) = delete;
    HeldFid& operator=(const HeldFid&) = delete;
    Fid& operator*() const { return *fid_; }
    Fid* operator->() const { return fid_; }
    Result<RefPtr<Node>> to_node(Server& server) {
        auto made = TRY(make_ref<Node>(server, id_of(*fid_)));
        fid_ = nullptr;
        return made;
    }
    Result<RefPtr<Handle>> to_handle(RefPtr<Node> node) {
        auto made = TRY(make_ref<Handle>(std::move(node), id_of(*fid_)));
        fid_ = nullptr;
        return made;
    }

private:
    P9Session& session_;
    Fid* fid_;
};

Result<void> P9Server::agree(std::uint32_t message_bytes) {
    P9Call call(session_);
    Writer request = call.begin(Type::version);
    request.u32(message_bytes).text(p9::version_name);
    const p9::VersionReply reply = TRY(p9::read_version(TRY(call.run(request)), message_bytes));
    session_.message_bytes = reply.message_bytes;
    return {};
}

Result<Found> P9Server::root() {
    Fid& fid = *TRY(session_.take_fid());
    P9Call call(session_);
    Writer request = call.begin(Type::attach);
    request.u32(fid.number).u32(p9::no_fid).text("root").text("").u32(0);
    auto reply = call.run(request);
    if (!reply) {
        session_.give_fid(fid);
        return reply.error();
    }
    HeldFid held(session_, fid);
    TRY(p9::read_qid(reply.value()));
    const Facts about = TRY(facts(fid));
    return Found{TRY(held.to_node(*this)), about};
}

/// A new fid for what `name` leads to from there; without a name for the same object.
Result<Fid*> P9Server::walk(Fid& from, std::string_view name) {
    Fid& fid = *TRY(session_.take_fid());
    P9Call call(session_);
    Writer request = call.begin(Type::walk);
    const bool is_step = !name.empty();
    request.u32(from.number).u32(fid.number).u16(is_step);
    if (is_step) request.text(name);
    const auto reply = call.run(request, When::interruptible);
    auto qid = reply.ok() ? p9::read_walk(reply.value(), is_step) : reply.error();
    if (qid.ok()) return &fid;
    // A reply that is none leaves it open whether the server has taken the number.
    if (qid.error() != Errc::io) session_.give_fid(fid);
    return qid.error();
}

Result<Facts> P9Server::facts(Fid& fid) {
    P9Call call(session_);
    Writer request = call.begin(Type::get_attributes);
    request.u32(fid.number).u64(basic_facts);
    const auto reply = TRY(p9::read_attributes(TRY(call.run(request, When::interruptible))));
    return facts_of(reply);
}

Result<Found> P9Server::lookup(Place place) {
    HeldFid fid(session_, *TRY(walk(fid_of(place.directory), place.name)));
    const Facts about = TRY(facts(*fid));
    return Found{TRY(fid.to_node(*this)), about};
}

Result<void> P9Server::change(Node& node, const Change& change) {
    const vfs::AttributeChange& a = change.attributes;
    P9Call call(session_);
    Writer request = call.begin(Type::set_attributes);
    std::uint32_t valid = 0;
    if (a.set_mode) valid |= set_mode;
    if (a.set_uid) valid |= set_uid;
    if (a.set_gid) valid |= set_gid;
    if (change.set_size) valid |= set_size;
    if (a.set_atime) valid |= set_atime;
    if (a.set_mtime) valid |= set_mtime;
    request.u32(fid_of(node).number).u32(valid).u32(a.mode).u32(a.uid).u32(a.gid).u64(change.size);
    for (const vfs::Timestamp& t : {a.atime, a.mtime})
        request.u64(static_cast<std::uint64_t>(t.seconds)).u64(t.nanoseconds);
    TRY(call.run(request));
    return {};
}

Result<std::size_t> P9Server::read_link(Node& node, std::span<char> into) {
    P9Call call(session_, P9Call::Size::large);
    Writer request = call.begin(Type::readlink);
    request.u32(fid_of(node).number);
    const std::string_view target =
        TRY(p9::read_target(TRY(call.run(request, When::interruptible))));
    if (target.size() > into.size()) return Errc::too_big;
    target.copy(into.data(), target.size());
    return target.size();
}

Result<RefPtr<Handle>> P9Server::open(Node& node, std::uint32_t flags) {
    HeldFid fid(session_, *TRY(walk(fid_of(node), {})));
    P9Call call(session_);
    Writer request = call.begin(Type::open);
    const std::uint32_t kept = flags & (vfs::open_access_mode | vfs::open_sync);
    request.u32(fid->number)
        .u32(kept | dotl_large_file |
             ((flags & vfs::open_directory) ? dotl_directory : std::uint32_t{0}));
    TRY(p9::read_qid(TRY(call.run(request, When::interruptible))));
    return fid.to_handle(RefPtr<Node>(&node));
}

Result<Created> P9Server::create(Place place, const vfs::NewNode& node) {
    // It becomes a fid of the new file, open.
    HeldFid fid(session_, *TRY(walk(fid_of(place.directory), {})));
    P9Call call(session_);
    Writer request = call.begin(Type::create);
    request.u32(fid->number).text(place.name);
    request.u32(std::uint32_t{vfs::open_read_write} | dotl_create | dotl_exclusive |
                dotl_large_file);
    request.u32(node.mode).u32(node.gid);
    TRY(p9::read_qid(TRY(call.run(request))));
    Found found = TRY(lookup(place));
    RefPtr<Handle> handle = TRY(fid.to_handle(found.node));
    return Created{std::move(found), std::move(handle)};
}

Result<Found> P9Server::make(Place place, const vfs::NewNode& node) {
    const std::uint32_t directory = fid_of(place.directory).number;
    P9Call call(session_, P9Call::Size::large);
    const auto ask = [&](Writer request) -> Result<void> {
        TRY(p9::read_qid(TRY(call.run(request))));
        return {};
    };
    switch (vfs::kind_of(node.mode)) {
    case vfs::mode_directory:
        TRY(ask(call.begin(Type::mkdir)
                    .u32(directory)
                    .text(place.name)
                    .u32(node.mode & vfs::mode_changeable)
                    .u32(node.gid)));
        break;
    case vfs::mode_symlink:
        TRY(ask(call.begin(Type::symlink)
                    .u32(directory)
                    .text(place.name)
                    .text(node.link_target)
                    .u32(node.gid)));
        break;
    default:
        TRY(ask(call.begin(Type::mknod)
                    .u32(directory)
                    .text(place.name)
                    .u32(node.mode)
                    .u32(vfs::device_major(node.device))
                    .u32(vfs::device_minor(node.device))
                    .u32(node.gid)));
    }
    return lookup(place);
}

Result<void> P9Server::link(Place place, Node& target) {
    P9Call call(session_);
    Writer request = call.begin(Type::link);
    request.u32(fid_of(place.directory).number).u32(fid_of(target).number).text(place.name);
    TRY(call.run(request));
    return {};
}

Result<void> P9Server::remove(Place place, Remove what) {
    P9Call call(session_);
    Writer request = call.begin(Type::unlink_at);
    request.u32(fid_of(place.directory).number)
        .text(place.name)
        .u32(what == Remove::directory ? dotl_remove_directory : 0u);
    TRY(call.run(request));
    return {};
}

Result<void> P9Server::rename(Place from, Place to) {
    P9Call call(session_);
    Writer request = call.begin(Type::rename_at);
    request.u32(fid_of(from.directory).number).text(from.name);
    request.u32(fid_of(to.directory).number).text(to.name);
    TRY(call.run(request));
    return {};
}

Result<std::size_t> P9Server::read(Handle& handle, std::uint64_t offset,
                                   std::span<const Piece> into) {
    P9Call call(session_);
    Writer request = call.begin(Type::read);
    request.u32(fid_of(handle).number).u64(offset).u32(bytes_of(into));
    return std::size_t{TRY(call.run_read(request, into))};
}

Result<std::size_t> P9Server::write(Handle& handle, std::uint64_t offset,
                                    std::span<const Piece> from) {
    const std::uint32_t bytes = bytes_of(from);
    P9Call call(session_);
    Writer request = call.begin(Type::write);
    request.u32(fid_of(handle).number).u64(offset).u32(bytes);
    return std::size_t{TRY(p9::read_count(TRY(call.run_write(request, from)), bytes))};
}

Result<bool> P9Server::list(Handle& handle, std::uint64_t cookie, vfs::DirectorySink& sink) {
    const PhysAddr room = TRY(mm::alloc_frames(list_order));
    ScopeExit free{[&] { mm::free_frames(room, list_order); }};
    const Piece piece{room,
                      static_cast<std::uint32_t>(std::min(page_size << list_order, most_bytes()))};
    P9Call call(session_);
    Writer request = call.begin(Type::read_directory);
    request.u32(fid_of(handle).number).u64(cookie).u32(piece.bytes);
    const std::uint32_t got = TRY(call.run_read(request, {&piece, 1}));
    Reader reader({static_cast<const std::byte*>(mm::phys_to_virt(room)), got});
    p9::Entry entry;
    while (TRY(p9::read_entry(reader, entry)))
        if (!sink.add(entry.name, entry.qid.path, entry.type, entry.next)) return true;
    return got != 0;
}

Result<void> P9Server::sync(Handle& handle, bool data_only) {
    P9Call call(session_);
    Writer request = call.begin(Type::sync);
    request.u32(fid_of(handle).number).u32(data_only);
    TRY(call.run(request));
    return {};
}

Result<vfs::FileSystemStats> P9Server::stats(Node& root) {
    P9Call call(session_);
    Writer request = call.begin(Type::statfs);
    request.u32(fid_of(root).number);
    const auto s = TRY(p9::read_statfs(TRY(call.run(request, When::interruptible))));
    constexpr std::uint64_t v9fs_magic = 0x01021997;
    return vfs::FileSystemStats{v9fs_magic,    s.block_bytes, s.blocks,
                                s.blocks_free, s.files,       s.files_free};
}

Result<std::size_t> P9Server::get_xattr(Node& node, std::string_view name,
                                        std::span<std::byte> into) {
    Fid& fresh = *TRY(session_.take_fid());
    P9Call call(session_);
    Writer request = call.begin(Type::xattr_walk);
    request.u32(fid_of(node).number).u32(fresh.number).text(name);
    auto reply = call.run(request, When::interruptible);
    if (!reply) {
        if (reply.error() != Errc::io) session_.give_fid(fresh);
        return reply.error();
    }
    HeldFid fid(session_, fresh);
    const std::uint64_t size = reply.value().u64();
    constexpr std::size_t largest = 64 * 1024;
    if (!reply.value().is_sound() || size > largest) return Errc::io;
    if (into.empty() || size == 0) return static_cast<std::size_t>(size);
    if (size > into.size()) return Errc::out_of_range;
    const PhysAddr frame = TRY(mm::alloc_frames());
    ScopeExit free{[&] { mm::free_frames(frame); }};
    std::size_t at = 0;
    while (at < size) {
        const Piece piece{frame,
                          static_cast<std::uint32_t>(std::min<std::size_t>(page_size, size - at))};
        Writer read = call.begin(Type::read);
        read.u32(fid->number).u64(at).u32(piece.bytes);
        const std::uint32_t got = TRY(call.run_read(read, {&piece, 1}));
        if (got == 0) return Errc::io;
        std::memcpy(into.data() + at, mm::phys_to_virt(frame), got);
        at += got;
    }
    return at;
}

/// What is set takes effect when the fid goes, so that one is waited for.
Result<void> P9Server::finish_xattr(Fid& fid, std::span<const std::byte> value) {
    const PhysAddr frame = TRY(mm::alloc_frames());
    ScopeExit free{[&] { mm::free_frames(frame); }};
    P9Call call(session_);
    Result<void> written;
    for (std::size_t at = 0; at < value.size() && written.ok();) {
        const std::size_t bytes = std::min<std::size_t>(page_size, value.size() - at);
        std::memcpy(mm::phys_to_virt(frame), value.data() + at, bytes);
        const Piece piece{frame, static_cast<std::uint32_t>(bytes)};
        Writer request = call.begin(Type::write);
        request.u32(fid.number).u64(at).u32(piece.bytes);
        const auto reply = call.run_write(request, {&piece, 1});
        const auto count = reply.ok() ? p9::read_count(reply.value(), piece.bytes) : reply.error();
        if (!count.ok())
            written = count.error();
        else if (count.value() == 0)
            written = Errc::io;
        else
            at += count.value();
    }
    Writer request = call.begin(Type::clunk);
    request.u32(fid.number);
    const auto set = call.run(request);
    session_.give_fid(fid);
    if (!written.ok()) return written;
    return set.ok() ? Result<void>{} : set.error();
}

Result<void> P9Server::put_xattr(Node& node, std::string_view name,
                                 std::span<const std::byte> value, std::uint32_t flags) {
    Fid* fid = TRY(walk(fid_of(node), {}));
    P9Call call(session_);
    Writer request = call.begin(Type::xattr_create);
    request.u32(fid->number).text(name).u64(value.size()).u32(flags);
    if (const auto reply = call.run(request); !reply) {
        session_.clunk(*fid);
        return reply.error();
    }
    return finish_xattr(*fid, value);
}

// One of no bytes removes it; so the protocol cannot make one that is empty.
Result<void> P9Server::remove_xattr(Node& node, std::string_view name) {
    return put_xattr(node, name, {}, 0);
}
Result<void> P9Server::set_xattr(Node& node, std::string_view name,
                                 std::span<const std::byte> value, std::uint32_t flags) {
    return value.empty() ? Errc::not_supported : put_xattr(node, name, value, flags);
}

} // namespace

Result<RefPtr<Server>> connect_p9(const SessionOptions& options) {
    return connect<P9Server>(options.tag, share::Protocol::ninep, options.message_bytes);
}

} // namespace drupe::hostfs
