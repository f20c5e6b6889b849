// SPDX-License-Identifier: BSD-2-Clause
// A session in FUSE. Nodes are the server's numbers for objects, which stay whatever happens to
// their names; handles are its numbers for what is open.
#pragma once

#include "fuse_session.h"
#include "server.h"

namespace drupe::hostfs {

class FuseServer final : public Server {
public:
    explicit FuseServer(share::Device& device) : session_(device) {}
    ~FuseServer() override;
    Result<void> agree();

    bool finds_by_name() const override { return false; }
    std::size_t most_bytes() const override { return session_.most_bytes; }
    std::size_t most_pieces() const override { return session_.device().most_pieces() - 2; }
    Result<Found> root() override;
    Result<Found> lookup(Place place) override;
    Result<Facts> facts(Node& node) override { return facts(node.id); }
    Result<void> change(Node& node, const Change& change) override;
    Result<std::size_t> read_link(Node& node, std::span<char> into) override;
    Result<RefPtr<Handle>> open(Node& node, std::uint32_t flags) override;
    Result<Created> create(Place place, const vfs::NewNode& node) override;
    Result<Found> make(Place place, const vfs::NewNode& node) override;
    Result<void> link(Place place, Node& target) override;
    Result<void> remove(Place place, Remove what) override;
    Result<void> rename(Place from, Place to) override;
    Result<void> exchange(Place a, Place b) override;
    Result<std::size_t> read(Handle& handle, std::uint64_t offset,
                             std::span<const share::Piece> into) override;
    Result<std::size_t> write(Handle& handle, std::uint64_t offset,
                              std::span<const share::Piece> from) override;
    Result<bool> list(Handle& handle, std::uint64_t cookie, vfs::DirectorySink& sink) override;
    Result<void> sync(Handle& handle, bool data_only) override;
    Result<void> flush(Handle& handle) override;
    Result<void> allocate(Handle& handle, int mode, std::uint64_t offset,
                          std::uint64_t length) override;
    Result<std::uint64_t> seek(Handle& handle, std::uint64_t offset, int whence) override;
    Result<vfs::FileSystemStats> stats(Node& root) override;
    Result<std::size_t> get_xattr(Node& node, std::string_view name,
                                  std::span<std::byte> into) override;
    Result<void> set_xattr(Node& node, std::string_view name, std::span<const std::byte> value,
                           std::uint32_t flags) override;
    Result<void> remove_xattr(Node& node, std::string_view name) override;

protected:
    void forget(Node& node) override;
    void close(Handle& handle) override { let_go(handle.id, handle.node().id, handle.kind); }

private:
    /// A handle's kind. A server that does not know opening has nothing to release.
    enum HandleKind : std::uint8_t { of_file = 0, of_directory = 1, never_opened = 2 };
    Result<Facts> facts(std::uint64_t node);
    Result<Found> found(const fuse::Entry& entry);
    Result<RefPtr<Handle>> handle_for(RefPtr<Node> node, const fuse::OpenReply& open,
                                      std::uint8_t kind);
    void forget(std::uint64_t node, std::uint64_t uses);
    void let_go(std::uint64_t handle, std::uint64_t node, std::uint8_t kind);

    FuseSession session_;
};

} // namespace drupe::hostfs
