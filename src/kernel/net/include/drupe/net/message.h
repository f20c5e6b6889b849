// SPDX-License-Identifier: BSD-2-Clause
// What goes through a socket, beside the bytes.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/process/credentials.h>
#include <drupe/process/process.h>
#include <drupe/vfs/file.h>
#include <drupe/vfs/io_buffer.h>

#include <cstddef>
#include <cstdint>

namespace drupe::net {

/// struct sockaddr as the program passes it: `length` bytes, the family first.
struct Address {
    static constexpr std::size_t most = 128;
    std::uint32_t length = 0;
    alignas(8) char bytes[most] = {};
    std::uint16_t family() const;
};

/// MSG_*. [linux] include/linux/socket.h
enum MessageFlag : std::uint32_t {
    msg_oob = 1,
    msg_peek = 2,
    msg_ctrunc = 8,
    msg_trunc = 0x20,
    msg_dontwait = 0x40,
    msg_eor = 0x80,
    msg_waitall = 0x100,
    msg_nosignal = 0x4000,
    msg_cmsg_cloexec = 0x4000'0000,
};

/// struct ucred.
struct Identity {
    std::int32_t pid = 0;
    std::uint32_t uid = 0, gid = 0;
    bool operator==(const Identity&) const = default;
};
inline constexpr std::uint32_t nobody_id = ~0u;
/// A process that did something. The ids are those it had then, and it may have ended since.
struct Sender {
    Identity identity{.pid = 0, .uid = nobody_id, .gid = nobody_id};
    RefPtr<process::Process> process{}; // null: none is told
};
/// Whom a message tells when nobody had asked for its sender.
inline constexpr Identity nobody_wanted{.pid = 0, .uid = 65534, .gid = 65534};
/// The running process with its real ids.
Sender running_sender();
/// Who is on the other side of a connection, with the groups of that time.
struct Peer : Sender {
    RefPtr<process::GroupList> groups{}; // null: none
};
/// The running process with its effective ids.
Peer running_peer();

/// Open files on their way (SCM_RIGHTS). Immutable once sent.
class Rights {
public:
    static constexpr std::size_t most = 253;
    /// no_memory.
    static Result<OwnPtr<Rights>> create(std::size_t capacity);
    /// The same files once more (MSG_PEEK). no_memory.
    Result<OwnPtr<Rights>> copy() const;
    ~Rights();
    /// Counts the files as the running process's user's, who may have only so many under way:
    /// too_many_references; no_memory.
    Result<void> charge();
    void add(RefPtr<vfs::File> file) { files_[count_++] = std::move(file); }
    std::size_t count() const { return count_; }
    RefPtr<vfs::File>& operator[](std::size_t at) const { return files_[at]; }

private:
    explicit Rights(RefPtr<vfs::File>* files) : files_(files) {}
    RefPtr<vfs::File>* files_;
    std::size_t count_ = 0;
    std::size_t charged_ = 0; // as the user's
    std::uint32_t charged_uid_ = 0;
};

struct Outgoing {
    vfs::IoBuffer& data;
    std::uint32_t flags = 0;
    const Address* to = nullptr;
    const Sender* claimed = nullptr; // and checked. Null: told if somebody wants it
    OwnPtr<Rights> rights{};
};

struct Incoming {
    vfs::IoBuffer& data;
    std::uint32_t flags = 0;
    // Where to put the sender's name and process, if they are wanted. They may have none.
    Address* from = nullptr;
    RefPtr<process::Process>* sender = nullptr;
    // What came:
    std::uint32_t flags_out = 0; // msg_trunc, msg_eor
    Identity identity{};         // all zero: no message, but the end
    OwnPtr<Rights> rights{};
    Nanos sent_at{0}; // on the wall clock; 0: a stream, which has no such times
};

} // namespace drupe::net
