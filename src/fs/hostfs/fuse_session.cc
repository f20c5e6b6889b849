// SPDX-License-Identifier: BSD-2-Clause
#include "fuse_session.h"

#include <algorithm>
#include <new>

namespace drupe::hostfs {

using fuse::Opcode;
using fuse::Reader;
using fuse::ReplyHeader;
using fuse::RequestHeader;
using fuse::Writer;
using share::Exchange;
using share::Piece;

/// On its way, in a frame of its own, with its messages behind.
struct FuseSession::Told : Exchange {
    FuseSession* session = nullptr;
    Piece pieces[2];
    std::byte request[128];
    std::byte reply[32];
};

void FuseSession::tell(Opcode opcode, std::uint64_t node, std::span<const std::byte> body,
                       Answer answer) {
    const auto frame = mm::alloc_frames();
    if (!frame) return;
    auto* told = new (mm::phys_to_virt(frame.value())) Told;
    Writer writer(told->request, {0, opcode, next_unique(), node, 0, 0, 0, 0});
    const std::size_t bytes = writer.bytes(body.data(), body.size()).finish();
    told->session = this;
    told->pieces[0] = piece_of(std::span(told->request).first(bytes));
    told->pieces[1] = piece_of(told->reply);
    told->out = {&told->pieces[0], 1};
    if (answer == Answer::comes) told->in = {&told->pieces[1], 1};
    // Forgetting has a queue of its own, which is not kept waiting by what waits itself.
    told->is_urgent = answer == Answer::none;
    told->done = [](Exchange& exchange) {
        auto& back = static_cast<Told&>(exchange);
        FuseSession& session = *back.session;
        back.~Told();
        mm::free_frames(mm::virt_to_phys(&back));
        IrqGuard guard{session.answers_.lock};
        if (--session.told_ == 0) session.answers_.changed.wake_all();
    };
    {
        IrqGuard guard{answers_.lock};
        told_++;
    }
    device_.submit(*told);
}

void FuseSession::settle() {
    const auto is_quiet = [&] {
        IrqGuard guard{answers_.lock};
        return told_ == 0;
    };
    static_cast<void>(
        answers_.changed.wait_until(is_quiet, Nanos::never(), sched::Interruptible::no));
}

Writer FuseCall::begin(Opcode opcode, std::uint64_t node, Owner owner) {
    opcode_ = opcode;
    unique_ = session_.next_unique();
    const RequestHeader head{0, opcode, unique_, node, owner.uid, owner.gid, 0, 0};
    return Writer(room_.is_there() ? room_.request() : std::span<std::byte>(), head);
}

Result<void> FuseCall::exchange(Writer& writer, std::span<const Piece> to_server,
                                std::span<const Piece> from_server) {
    if (!room_.is_there()) return Errc::no_memory;
    const std::size_t bytes = writer.finish(bytes_of(to_server));
    if (bytes == 0) return Errc::name_too_long;
    const auto reply =
        from_server.empty() ? room_.reply() : room_.reply().first(sizeof(ReplyHeader));
    MessagePieces pieces;
    TRY(pieces.gather(room_.request().first(bytes), to_server, reply, from_server,
                      session_.device().most_pieces()));
    send(pieces.out(), pieces.in());
    wait(sched::Interruptible::no);
    return outcome == Errc::ok ? Result<void>{} : outcome;
}

template <class T>
Result<T> FuseCall::said(Result<T> reply) {
    if (reply.error() == Errc::not_implemented) session_.note_unknown(opcode_);
    return reply;
}

Result<Reader> FuseCall::run(Writer& writer, std::span<const Piece> data) {
    TRY(exchange(writer, data, {}));
    const auto reply = room_.reply();
    return said(
        fuse::open_reply(reply.first(std::min<std::size_t>(written, reply.size())), unique_));
}

Result<std::uint32_t> FuseCall::run_read(Writer& writer, std::span<const Piece> data) {
    TRY(exchange(writer, {}, data));
    return said(fuse::open_data_reply(room_.reply().first(sizeof(ReplyHeader)), written, unique_,
                                      bytes_of(data)));
}

} // namespace drupe::hostfs
