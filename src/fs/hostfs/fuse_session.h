// SPDX-License-Identifier: BSD-2-Clause
// Calls of one FUSE session: memory for messages, waiting for answers, and what nobody waits for.
#pragma once

#include "transfer.h"

#include <drupe/fuse/message.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>
#include <cstdint>
#include <span>

namespace drupe::hostfs {

class FuseSession {
public:
    explicit FuseSession(share::Device& device) : device_(device) {}

    share::Device& device() const { return device_; }
    std::uint32_t flags = 0;      // fuse::InitFlag, as agreed on
    std::uint32_t most_bytes = 0; // of one read or write, as agreed on
    std::uint64_t next_unique() { return unique_.fetch_add(1, std::memory_order_relaxed); }

    /// A server that does not know a request says so once, and means it.
    bool knows(fuse::Opcode opcode) const {
        return (unknown_.load(std::memory_order_relaxed) & bit(opcode)) == 0;
    }
    void note_unknown(fuse::Opcode opcode) {
        unknown_.fetch_or(bit(opcode), std::memory_order_relaxed);
    }

    enum class Answer : bool { none, comes };
    /// A request that nobody waits for. Without memory for it, it is not sent: the server keeps
    /// something for longer.
    template <class T>
    void tell(fuse::Opcode opcode, std::uint64_t node, const T& body, Answer answer) {
        tell(opcode, node, std::as_bytes(std::span(&body, 1)), answer);
    }
    /// Waits until nothing is under way that nobody waits for.
    void settle();

private:
    friend class FuseCall;
    struct Told;
    void tell(fuse::Opcode opcode, std::uint64_t node, std::span<const std::byte> body,
              Answer answer);
    static std::uint64_t bit(fuse::Opcode opcode) {
        return std::uint64_t{1} << static_cast<std::uint32_t>(opcode);
    }

    share::Device& device_;
    std::atomic<std::uint64_t> unique_{1};
    std::atomic<std::uint64_t> unknown_{0};
    Answers answers_;
    std::uint32_t told_ GUARDED_BY(answers_.lock) = 0; // under way
};

/// On whose behalf: what a server makes is theirs.
struct Owner {
    std::uint32_t uid = 0, gid = 0;
};

/// One request and its answer. Signals wait for it: servers of virtio-fs are sent no FUSE_INTERRUPT
/// by anybody, and the common one dies of it (docs/decisions/0008-host-folders.md).
class FuseCall final : private Transfer {
public:
    using Size = MessageRoom::Size;

    explicit FuseCall(FuseSession& session, Size size = Size::small)
        : Transfer(session.device(), session.answers_), session_(session), room_(size) {}

    /// Once, or again after run() for another request in the same memory.
    fuse::Writer begin(fuse::Opcode opcode, std::uint64_t node, Owner owner = {});
    /// Sends what `writer` wrote, with `data` behind it, and waits. The server's error, io,
    /// no_memory, name_too_long.
    Result<fuse::Reader> run(fuse::Writer& writer, std::span<const share::Piece> data = {});
    /// With data that goes to `data`: how many bytes came.
    Result<std::uint32_t> run_read(fuse::Writer& writer, std::span<const share::Piece> data);

private:
    Result<void> exchange(fuse::Writer& writer, std::span<const share::Piece> to_server,
                          std::span<const share::Piece> from_server);
    template <class T>
    Result<T> said(Result<T> reply);

    FuseSession& session_;
    const MessageRoom room_;
    std::uint64_t unique_ = 0;
    fuse::Opcode opcode_ = fuse::Opcode::init;
};

} // namespace drupe::hostfs
