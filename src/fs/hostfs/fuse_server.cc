// SPDX-License-Identifier: BSD-2-Clause
// FUSE: the session, and objects by their names.
#include "fuse_server.h"
#include "connect.h"

#include <algorithm>

namespace drupe::hostfs {

using fuse::Opcode;
using fuse::Writer;
using Size = FuseCall::Size;

namespace {

// [linux] uapi/asm-generic/fcntl.h: those that every machine numbers alike.
constexpr std::uint32_t open_create_new = 0100 | 0200;
constexpr std::uint32_t exchange_names = 2; // RENAME_EXCHANGE

vfs::Timestamp time_of(std::uint64_t seconds, std::uint32_t ns) {
    return {static_cast<std::int64_t>(seconds), ns};
}

Facts facts_of(const fuse::Attributes& a) {
    return {.ino = a.ino,
            .rdev = a.rdev,
            .size = a.size,
            .blocks = a.blocks,
            .mode = a.mode,
            .uid = a.uid,
            .gid = a.gid,
            .nlink = a.nlink,
            .block_size = a.block_bytes,
            .atime = time_of(a.atime, a.atime_ns),
            .mtime = time_of(a.mtime, a.mtime_ns),
            .ctime = time_of(a.ctime, a.ctime_ns)};
}

Owner owner_of(const vfs::NewNode& node) { return {node.uid, node.gid}; }

} // namespace

FuseServer::~FuseServer() {
    session_.settle();
    if (session_.most_bytes != 0) { // there is a session
        FuseCall call(session_);
        Writer request = call.begin(Opcode::destroy, 0);
        static_cast<void>(call.run(request));
    }
    session_.device().give_back();
}

Result<void> FuseServer::agree() {
    using enum fuse::InitFlag;
    constexpr std::uint32_t largest = 128 * 1024; // the largest block of frames for data
    constexpr std::uint32_t wanted = init_async_read | init_big_writes | init_dont_mask |
                                     init_no_open | init_parallel_directories | init_max_pages |
                                     init_no_opendir;
    FuseCall call(session_);
    Writer request = call.begin(Opcode::init, 0);
    request.put(fuse::InitRequest{7, 31, largest, wanted});
    const fuse::InitReply reply = TRY(fuse::read_init(TRY(call.run(request))));
    session_.flags = reply.flags & wanted;
    session_.most_bytes = std::min(reply.max_write, largest);
    return {};
}

void FuseServer::forget(std::uint64_t node, std::uint64_t uses) {
    session_.tell(Opcode::forget, node, fuse::ForgetRequest{uses}, FuseSession::Answer::none);
}
void FuseServer::forget(Node& node) {
    if (node.id != fuse::root_node) forget(node.id, node.uses());
}

Result<Facts> FuseServer::facts(std::uint64_t node) {
    FuseCall call(session_);
    Writer request = call.begin(Opcode::get_attributes, node);
    request.put(fuse::GetAttributesRequest{});
    const auto reply = TRY(fuse::read_attributes(TRY(call.run(request))));
    return facts_of(reply);
}

Result<Found> FuseServer::root() {
    const Facts about = TRY(facts(fuse::root_node));
    return Found{TRY(make_ref<Node>(*this, fuse::root_node)), about};
}

/// The server counts the entry from here on.
Result<Found> FuseServer::found(const fuse::Entry& entry) {
    auto node = make_ref<Node>(*this, entry.node);
    if (!node.ok()) {
        forget(entry.node, 1);
        return node.error();
    }
    return Found{node.take_unchecked(), facts_of(entry.attributes)};
}

Result<Found> FuseServer::lookup(Place place) {
    FuseCall call(session_);
    Writer request = call.begin(Opcode::lookup, place.directory.id);
    request.text(place.name);
    fuse::Reader reply = TRY(call.run(request));
    return found(TRY(fuse::read_entry(reply)));
}

Result<void> FuseServer::change(Node& node, const Change& change) {
    const vfs::AttributeChange& a = change.attributes;
    fuse::SetAttributesRequest set{};
    if (a.set_mode) set.valid |= fuse::set_mode;
    if (a.set_uid) set.valid |= fuse::set_uid;
    if (a.set_gid) set.valid |= fuse::set_gid;
    if (change.set_size) set.valid |= fuse::set_size;
    if (a.set_atime) set.valid |= fuse::set_atime;
    if (a.set_mtime) set.valid |= fuse::set_mtime;
    set.mode = a.mode;
    set.uid = a.uid;
    set.gid = a.gid;
    set.size = change.size;
    set.atime = static_cast<std::uint64_t>(a.atime.seconds);
    set.atime_ns = static_cast<std::uint32_t>(a.atime.nanoseconds);
    set.mtime = static_cast<std::uint64_t>(a.mtime.seconds);
    set.mtime_ns = static_cast<std::uint32_t>(a.mtime.nanoseconds);
    FuseCall call(session_);
    Writer request = call.begin(Opcode::set_attributes, node.id);
    request.put(set);
    TRY(fuse::read_attributes(TRY(call.run(request))));
    return {};
}

Result<std::size_t> FuseServer::read_link(Node& node, std::span<char> into) {
    FuseCall call(session_, Size::large);
    Writer request = call.begin(Opcode::readlink, node.id);
    const std::string_view target = TRY(fuse::read_target(TRY(call.run(request))));
    if (target.size() > into.size()) return Errc::too_big;
    target.copy(into.data(), target.size());
    return target.size();
}

Result<RefPtr<Handle>> FuseServer::handle_for(RefPtr<Node> node, const fuse::OpenReply& open,
                                              std::uint8_t kind) {
    const std::uint64_t id = node->id;
    auto made = make_ref<Handle>(std::move(node), open.handle, kind);
    if (made.ok()) return made;
    let_go(open.handle, id, kind);
    return made.error();
}

void FuseServer::let_go(std::uint64_t handle, std::uint64_t node, std::uint8_t kind) {
    if ((kind & never_opened) != 0) return;
    session_.tell((kind & of_directory) != 0 ? Opcode::releasedir : Opcode::release, node,
                  fuse::ReleaseRequest{handle, 0, 0, 0}, FuseSession::Answer::comes);
}

Result<RefPtr<Handle>> FuseServer::open(Node& node, std::uint32_t flags) {
    const bool is_directory = (flags & vfs::open_directory) != 0;
    const Opcode opcode = is_directory ? Opcode::opendir : Opcode::open;
    const std::uint8_t kind = is_directory ? of_directory : of_file;
    const bool is_optional =
        (session_.flags & (is_directory ? fuse::init_no_opendir : fuse::init_no_open)) != 0;
    if (session_.knows(opcode) || !is_optional) {
        FuseCall call(session_);
        Writer request = call.begin(opcode, node.id);
        request.put(fuse::OpenRequest{flags & (vfs::open_access_mode | vfs::open_sync), 0});
        const auto reply = call.run(request);
        if (reply.ok())
            return handle_for(RefPtr<Node>(&node), TRY(fuse::read_open(reply.value())), kind);
        if (reply.error() != Errc::not_implemented || !is_optional) return reply.error();
    }
    return handle_for(RefPtr<Node>(&node), {}, kind | never_opened);
}

Result<Created> FuseServer::create(Place place, const vfs::NewNode& node) {
    if (session_.knows(Opcode::create)) {
        FuseCall call(session_);
        Writer request = call.begin(Opcode::create, place.directory.id, owner_of(node));
        request.put(fuse::CreateRequest{vfs::open_read_write | open_create_new, node.mode, 0, 0});
        request.text(place.name);
        auto reply = call.run(request);
        if (reply.ok()) {
            Found made = TRY(found(TRY(fuse::read_entry(reply.value()))));
            const fuse::OpenReply open = TRY(fuse::read_open(reply.value()));
            RefPtr<Handle> handle = TRY(handle_for(made.node, open, of_file));
            return Created{std::move(made), std::move(handle)};
        }
        if (reply.error() != Errc::not_implemented) return reply.error();
    }
    Found made = TRY(make(place, node));
    RefPtr<Handle> handle = TRY(open(*made.node, vfs::open_read_write));
    return Created{std::move(made), std::move(handle)};
}

Result<Found> FuseServer::make(Place place, const vfs::NewNode& node) {
    FuseCall call(session_, Size::large);
    const std::uint64_t directory = place.directory.id;
    const auto ask = [&](Writer request) -> Result<Found> {
        fuse::Reader reply = TRY(call.run(request));
        return found(TRY(fuse::read_entry(reply)));
    };
    switch (vfs::kind_of(node.mode)) {
    case vfs::mode_directory:
        return ask(call.begin(Opcode::mkdir, directory, owner_of(node))
                       .put(fuse::MkdirRequest{node.mode & vfs::mode_changeable, 0})
                       .text(place.name));
    case vfs::mode_symlink:
        return ask(call.begin(Opcode::symlink, directory, owner_of(node))
                       .text(place.name)
                       .text(node.link_target));
    default:
        return ask(
            call.begin(Opcode::mknod, directory, owner_of(node))
                .put(fuse::MknodRequest{node.mode, static_cast<std::uint32_t>(node.device), 0, 0})
                .text(place.name));
    }
}

Result<void> FuseServer::link(Place place, Node& target) {
    FuseCall call(session_);
    Writer request = call.begin(Opcode::link, place.directory.id);
    request.put(fuse::LinkRequest{target.id}).text(place.name);
    fuse::Reader reply = TRY(call.run(request));
    const fuse::Entry entry = TRY(fuse::read_entry(reply));
    if (entry.node == target.id)
        target.add_use();
    else
        forget(entry.node, 1);
    return {};
}

Result<void> FuseServer::remove(Place place, Remove what) {
    FuseCall call(session_);
    Writer request =
        call.begin(what == Remove::directory ? Opcode::rmdir : Opcode::unlink, place.directory.id);
    request.text(place.name);
    TRY(call.run(request));
    return {};
}

Result<void> FuseServer::rename(Place from, Place to) {
    FuseCall call(session_);
    Writer request = call.begin(Opcode::rename, from.directory.id);
    request.put(fuse::RenameRequest{to.directory.id}).text(from.name).text(to.name);
    TRY(call.run(request));
    return {};
}

Result<void> FuseServer::exchange(Place a, Place b) {
    if (!session_.knows(Opcode::rename2)) return Errc::invalid;
    FuseCall call(session_);
    Writer request = call.begin(Opcode::rename2, a.directory.id);
    request.put(fuse::Rename2Request{b.directory.id, exchange_names, 0}).text(a.name).text(b.name);
    const auto reply = call.run(request);
    if (reply.error() == Errc::not_implemented) return Errc::invalid;
    return reply.ok() ? Result<void>{} : reply.error();
}

Result<RefPtr<Server>> connect_fuse(std::string_view tag) {
    return connect<FuseServer>(tag, share::Protocol::fuse);
}

} // namespace drupe::hostfs
