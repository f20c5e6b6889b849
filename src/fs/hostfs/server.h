// SPDX-License-Identifier: BSD-2-Clause
// What a file system of the host's needs of a protocol: one session with a server. Objects are
// known by nodes, what is open by handles; both are given back when nobody uses them any more.
//
// Context of all: thread, no spin lock held; all may sleep. Calls end early (restart_always) when a
// signal comes and the server can be told to stop, if they can be done again as if nothing had
// happened. What a server sends has been checked: names are names, numbers in range.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/share/device.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/inode.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::hostfs {

/// What a server says about an object.
struct Facts {
    std::uint64_t ino, rdev, size, blocks;
    std::uint32_t mode, uid, gid, nlink, block_size;
    vfs::Timestamp atime, mtime, ctime;
};

struct Change {
    vfs::AttributeChange attributes;
    bool set_size = false;
    std::uint64_t size = 0;
};

class Server;

/// An object of the server's. `id` means something to the protocol only.
class Node final : public RefCounted<Node> {
public:
    Node(Server& server, std::uint64_t name);
    ~Node();
    Server& server() const { return server_; }
    const std::uint64_t id;
    /// How often the server has named it, which it hears when it is forgotten.
    std::uint64_t uses() const { return uses_.load(std::memory_order_relaxed); }
    void add_use() { uses_.fetch_add(1, std::memory_order_relaxed); }
    /// Takes over the uses of another record with the same id. False: the ids differ.
    bool absorb(Node& other);

private:
    std::atomic<std::uint64_t> uses_{1};
    Server& server_; // referenced
};

/// An open file or directory. `id` and `kind` mean something to the protocol only.
class Handle final : public RefCounted<Handle> {
public:
    Handle(RefPtr<Node> node, std::uint64_t name, std::uint8_t what = 0)
        : id(name), kind(what), node_(std::move(node)) {}
    ~Handle();
    Node& node() const { return *node_; }
    Server& server() const { return node_->server(); }
    const std::uint64_t id;
    const std::uint8_t kind;

private:
    RefPtr<Node> node_;
};

struct Found {
    RefPtr<Node> node;
    Facts facts;
};
struct Created {
    Found found;
    RefPtr<Handle> handle; // open for both
};

/// Where a name is.
struct Place {
    Node& directory;
    std::string_view name;
};

enum class Remove : std::uint8_t { file, directory };

class Server : public RefCounted<Server> {
public:
    virtual ~Server() = default;
    static void destroy(Server* server) { delete server; }

    /// Objects are reached through the names they had when they were looked up: one whose last
    /// name is gone, or another's by now, must not be asked for by its node. Otherwise nodes of
    /// one object, and of no other, have one id.
    virtual bool finds_by_name() const = 0;
    /// Of one read or write.
    virtual std::size_t most_bytes() const = 0;
    virtual std::size_t most_pieces() const = 0;

    virtual Result<Found> root() = 0;
    virtual Result<Found> lookup(Place place) = 0;
    virtual Result<Facts> facts(Node& node) = 0;
    virtual Result<void> change(Node& node, const Change& change) = 0;
    /// The target's length; too_big: longer than `into`.
    virtual Result<std::size_t> read_link(Node& node, std::span<char> into) = 0;

    /// `flags`: OpenFlag; of them the access mode and those about syncing count.
    virtual Result<RefPtr<Handle>> open(Node& node, std::uint32_t flags) = 0;
    /// A regular file that was not there; exists.
    virtual Result<Created> create(Place place, const vfs::NewNode& node) = 0;
    /// Anything else; exists.
    virtual Result<Found> make(Place place, const vfs::NewNode& node) = 0;
    virtual Result<void> link(Place place, Node& target) = 0;
    virtual Result<void> remove(Place place, Remove what) = 0;
    virtual Result<void> rename(Place from, Place to) = 0;
    /// Swaps what two names lead to; invalid: the server cannot.
    virtual Result<void> exchange(Place, Place) { return Errc::invalid; }

    /// Fewer bytes than asked for: there the file ends.
    virtual Result<std::size_t> read(Handle& handle, std::uint64_t offset,
                                     std::span<const share::Piece> into) = 0;
    virtual Result<std::size_t> write(Handle& handle, std::uint64_t offset,
                                      std::span<const share::Piece> from) = 0;
    /// Entries from `cookie` on, as many as come at once, "." and ".." among them as the server has
    /// it. False: there are no more.
    virtual Result<bool> list(Handle& handle, std::uint64_t cookie, vfs::DirectorySink& sink) = 0;
    virtual Result<void> sync(Handle& handle, bool data_only) = 0;
    /// A descriptor was closed: errors of what the server has delayed.
    virtual Result<void> flush(Handle&) { return {}; }
    /// `mode`: fallocate's.
    virtual Result<void> allocate(Handle&, int, std::uint64_t, std::uint64_t) {
        return Errc::not_supported;
    }
    /// lseek's SEEK_DATA and SEEK_HOLE; not_supported: the server does not tell holes from data.
    virtual Result<std::uint64_t> seek(Handle&, std::uint64_t, int) { return Errc::not_supported; }
    virtual Result<vfs::FileSystemStats> stats(Node& root) = 0;

    /// Extended attributes, `name` empty: their names, NUL behind each. The bytes there are; with
    /// room for fewer, and some, out_of_range.
    virtual Result<std::size_t> get_xattr(Node& node, std::string_view name,
                                          std::span<std::byte> into) = 0;
    /// `flags`: setxattr's.
    virtual Result<void> set_xattr(Node& node, std::string_view name,
                                   std::span<const std::byte> value, std::uint32_t flags) = 0;
    virtual Result<void> remove_xattr(Node& node, std::string_view name) = 0;

protected:
    friend class Node;
    friend class Handle;
    /// Nobody waits for these.
    virtual void forget(Node& node) = 0;
    virtual void close(Handle& handle) = 0;
};

/// Mount's options, as far as they concern a session.
struct SessionOptions {
    std::string_view tag;
    std::uint32_t message_bytes;
};
/// wrong_device: nothing there has that tag and speaks the protocol; busy: it is mounted already;
/// not_supported: another version of the protocol; io; no_memory.
Result<RefPtr<Server>> connect_p9(const SessionOptions& options);
/// The same; FUSE has a message size of its own.
Result<RefPtr<Server>> connect_fuse(std::string_view tag);

} // namespace drupe::hostfs
