// SPDX-License-Identifier: BSD-2-Clause
// Calls of one 9P session: tags, fids, memory for messages, and waiting for answers.
#pragma once

#include "transfer.h"

#include <drupe/p9/message.h>
#include <drupe/sync/spin_lock.h>

#include <cstdint>
#include <span>

namespace drupe::hostfs {

/// A fid's number. Records are used again and never freed while the session lives, so that giving
/// one back needs no memory, wherever that happens.
struct Fid {
    std::uint32_t number;
    Fid* next_free = nullptr;
    Fid* next_made = nullptr;
};

class P9Session {
public:
    explicit P9Session(share::Device& device) : device_(device) {}
    ~P9Session();

    share::Device& device() const { return device_; }
    /// Largest message; known after the version was agreed on.
    std::uint32_t message_bytes = 8192;

    Result<Fid*> take_fid();
    /// Of no use to the server (any more). Any context.
    void give_fid(Fid& fid);
    /// Tells the server; the number is used again when it has answered. Nobody waits.
    void clunk(Fid& fid);
    /// Waits until nothing is under way.
    void settle();

private:
    friend class P9Call;
    std::uint16_t take_tag();
    void give_tag(std::uint16_t tag);
    static constexpr unsigned tags = 64;

    share::Device& device_;
    Answers answers_; // tags are waited for, too
    std::uint64_t free_tags_ GUARDED_BY(answers_.lock) = ~std::uint64_t{0};
    Fid* free_fids_ GUARDED_BY(answers_.lock) = nullptr;
    Fid* made_fids_ GUARDED_BY(answers_.lock) = nullptr;
    std::uint32_t next_fid_ GUARDED_BY(answers_.lock) = 0;
};

/// One request and its answer.
class P9Call final : private Transfer {
public:
    using Size = MessageRoom::Size;
    /// May a signal end it? Only calls that can be repeated.
    enum class When : std::uint8_t { uninterrupted, interruptible };

    P9Call(P9Session& session, Size size = Size::small);
    ~P9Call();
    P9Call(const P9Call&) = delete;
    P9Call& operator=(const P9Call&) = delete;

    /// Once, or again after run() for another request in the same memory.
    p9::Writer begin(p9::Type type);
    /// Sends what `writer` wrote and waits. The server's error, io, no_memory; restart_always.
    Result<p9::Reader> run(p9::Writer& writer, When when = When::uninterrupted);
    /// With data behind the request.
    Result<p9::Reader> run_write(p9::Writer& writer, std::span<const share::Piece> data);
    /// With data that goes to `data`: how many bytes came.
    Result<std::uint32_t> run_read(p9::Writer& writer, std::span<const share::Piece> data);

private:
    Result<void> exchange(p9::Writer& writer, std::span<const share::Piece> out,
                          std::span<const share::Piece> in, When when);
    void flush();

    P9Session& session_;
    const MessageRoom room_;
    p9::Type type_ = p9::Type::error;
    std::uint16_t tag_ = 0;
    bool has_tag_ = false;
};

} // namespace drupe::hostfs
