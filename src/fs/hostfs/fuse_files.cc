// SPDX-License-Identifier: BSD-2-Clause
// FUSE: what is open, extended attributes, and the file system as a whole.
#include "fuse_server.h"
#include "regular.h"

#include <drupe/base/scope_exit.h>

#include <algorithm>
#include <cstring>

namespace drupe::hostfs {

using fuse::Opcode;
using fuse::Reader;
using fuse::Writer;
using share::Piece;

namespace {

constexpr unsigned list_order = 2; // frames for one answer of a directory's names
constexpr std::size_t largest_xattr = 64 * 1024;

/// What a server does not know it cannot refuse.
Result<void> done_or_unknown(const Result<Reader>& reply) {
    if (reply.ok() || reply.error() == Errc::not_implemented) return {};
    return reply.error();
}
Errc supported(Errc error) { return error == Errc::not_implemented ? Errc::not_supported : error; }

} // namespace

Result<std::size_t> FuseServer::read(Handle& handle, std::uint64_t offset,
                                     std::span<const Piece> into) {
    FuseCall call(session_);
    Writer request = call.begin(Opcode::read, handle.node().id);
    request.put(fuse::DataRequest{handle.id, offset, bytes_of(into), 0, 0, 0, 0});
    return std::size_t{TRY(call.run_read(request, into))};
}

Result<std::size_t> FuseServer::write(Handle& handle, std::uint64_t offset,
                                      std::span<const Piece> from) {
    const std::uint32_t bytes = bytes_of(from);
    FuseCall call(session_);
    Writer request = call.begin(Opcode::write, handle.node().id);
    request.put(fuse::DataRequest{handle.id, offset, bytes, 0, 0, 0, 0});
    return std::size_t{TRY(fuse::read_count(TRY(call.run(request, from)), bytes))};
}

Result<bool> FuseServer::list(Handle& handle, std::uint64_t cookie, vfs::DirectorySink& sink) {
    const PhysAddr room = TRY(mm::alloc_frames(list_order));
    ScopeExit free{[&] { mm::free_frames(room, list_order); }};
    const Piece piece{room, static_cast<std::uint32_t>(page_size << list_order)};
    FuseCall call(session_);
    Writer request = call.begin(Opcode::readdir, handle.node().id);
    request.put(fuse::DataRequest{handle.id, cookie, piece.bytes, 0, 0, 0, 0});
    const std::uint32_t got = TRY(call.run_read(request, {&piece, 1}));
    Reader reader({static_cast<const std::byte*>(mm::phys_to_virt(room)), got});
    fuse::Name entry;
    while (TRY(fuse::read_name(reader, entry)))
        if (!sink.add(entry.name, entry.ino, entry.type, entry.next)) return true;
    return got != 0;
}

Result<void> FuseServer::sync(Handle& handle, bool data_only) {
    const Opcode opcode = (handle.kind & of_directory) != 0 ? Opcode::fsyncdir : Opcode::fsync;
    if (!session_.knows(opcode)) return {};
    FuseCall call(session_);
    Writer request = call.begin(opcode, handle.node().id);
    request.put(fuse::FsyncRequest{handle.id, data_only, 0});
    return done_or_unknown(call.run(request));
}

Result<void> FuseServer::flush(Handle& handle) {
    if (!session_.knows(Opcode::flush)) return {};
    FuseCall call(session_);
    Writer request = call.begin(Opcode::flush, handle.node().id);
    request.put(fuse::FlushRequest{handle.id, 0, 0});
    return done_or_unknown(call.run(request));
}

Result<void> FuseServer::allocate(Handle& handle, int mode, std::uint64_t offset,
                                  std::uint64_t length) {
    if (!session_.knows(Opcode::fallocate)) return Errc::not_supported;
    FuseCall call(session_);
    Writer request = call.begin(Opcode::fallocate, handle.node().id);
    request.put(
        fuse::FallocateRequest{handle.id, offset, length, static_cast<std::uint32_t>(mode), 0});
    const auto reply = call.run(request);
    return reply.ok() ? Result<void>{} : supported(reply.error());
}

Result<std::uint64_t> FuseServer::seek(Handle& handle, std::uint64_t offset, int whence) {
    if (!session_.knows(Opcode::lseek)) return Errc::not_supported;
    FuseCall call(session_);
    Writer request = call.begin(Opcode::lseek, handle.node().id);
    request.put(fuse::LseekRequest{handle.id, offset, static_cast<std::uint32_t>(whence), 0});
    const auto reply = call.run(request);
    if (!reply.ok()) return supported(reply.error());
    return fuse::read_offset(reply.value());
}

Result<vfs::FileSystemStats> FuseServer::stats(Node& root) {
    FuseCall call(session_);
    Writer request = call.begin(Opcode::statfs, root.id);
    const auto s = TRY(fuse::read_statfs(TRY(call.run(request))));
    constexpr std::uint64_t fuse_magic = 0x65735546;
    const std::uint32_t block_bytes = s.fragment_bytes != 0 ? s.fragment_bytes : s.block_bytes;
    return vfs::FileSystemStats{fuse_magic,    block_bytes, s.blocks,
                                s.blocks_free, s.files,     s.files_free};
}

Result<std::size_t> FuseServer::get_xattr(Node& node, std::string_view name,
                                          std::span<std::byte> into) {
    const Opcode opcode = name.empty() ? Opcode::listxattr : Opcode::getxattr;
    if (!session_.knows(opcode)) return Errc::not_supported;
    const auto room = static_cast<std::uint32_t>(std::min(into.size(), largest_xattr));
    FuseCall call(session_);
    Writer request = call.begin(opcode, node.id);
    request.put(fuse::GetXattrRequest{room, 0});
    if (!name.empty()) request.text(name);
    if (room == 0) {
        const auto reply = call.run(request);
        if (!reply.ok()) return supported(reply.error());
        return std::size_t{TRY(fuse::read_count(reply.value(), largest_xattr))};
    }
    const Bounce bounce = TRY(Bounce::make(room));
    if (bounce.size() < room) return Errc::no_memory;
    const Piece piece = bounce.piece(room);
    const auto got = call.run_read(request, {&piece, 1});
    if (!got.ok()) return supported(got.error());
    std::memcpy(into.data(), bounce.bytes(), got.value());
    return std::size_t{got.value()};
}

Result<void> FuseServer::set_xattr(Node& node, std::string_view name,
                                   std::span<const std::byte> value, std::uint32_t flags) {
    if (!session_.knows(Opcode::setxattr)) return Errc::not_supported;
    if (value.size() > largest_xattr) return Errc::too_big;
    const Bounce bounce = TRY(Bounce::make(std::max<std::size_t>(value.size(), 1)));
    if (bounce.size() < value.size()) return Errc::no_memory;
    std::memcpy(bounce.bytes(), value.data(), value.size());
    const Piece piece = bounce.piece(value.size());
    FuseCall call(session_);
    Writer request = call.begin(Opcode::setxattr, node.id);
    request.put(fuse::SetXattrRequest{piece.bytes, flags}).text(name);
    const auto reply = call.run(request, {&piece, value.empty() ? 0u : 1u});
    return reply.ok() ? Result<void>{} : supported(reply.error());
}

Result<void> FuseServer::remove_xattr(Node& node, std::string_view name) {
    if (!session_.knows(Opcode::removexattr)) return Errc::not_supported;
    FuseCall call(session_);
    Writer request = call.begin(Opcode::removexattr, node.id);
    request.text(name);
    const auto reply = call.run(request);
    return reply.ok() ? Result<void>{} : supported(reply.error());
}

} // namespace drupe::hostfs
