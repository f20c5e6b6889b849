// SPDX-License-Identifier: BSD-2-Clause
#include "p9_session.h"

#include <algorithm>
#include <bit>
#include <new>

namespace drupe::hostfs {

using p9::Type;
using share::Exchange;
using share::Piece;

namespace {

/// A clunk on its way: in a frame of its own, with its messages behind.
struct Clunk : Exchange {
    P9Session* session = nullptr;
    Fid* fid = nullptr;
    std::uint16_t tag = 0;
    Piece pieces[2];
    std::byte request[32];
    std::byte reply[32];
};

} // namespace

P9Session::~P9Session() {
    while (Fid* fid = made_fids_) {
        made_fids_ = fid->next_made;
        delete fid;
    }
}

Result<Fid*> P9Session::take_fid() {
    {
        IrqGuard guard{answers_.lock};
        if (Fid* fid = free_fids_) {
            free_fids_ = fid->next_free;
            return fid;
        }
    }
    auto* fid = new (std::nothrow) Fid;
    if (!fid) return Errc::no_memory;
    IrqGuard guard{answers_.lock};
    fid->number = next_fid_++;
    fid->next_made = std::exchange(made_fids_, fid);
    return fid;
}

void P9Session::give_fid(Fid& fid) {
    IrqGuard guard{answers_.lock};
    fid.next_free = std::exchange(free_fids_, &fid);
}

std::uint16_t P9Session::take_tag() {
    std::uint16_t tag = 0;
    const auto take = [&] {
        IrqGuard guard{answers_.lock};
        if (free_tags_ == 0) return false;
        tag = static_cast<std::uint16_t>(std::countr_zero(free_tags_));
        free_tags_ &= free_tags_ - 1;
        return true;
    };
    static_cast<void>(answers_.changed.wait_until(take, Nanos::never(), sched::Interruptible::no));
    return tag;
}

void P9Session::give_tag(std::uint16_t tag) {
    IrqGuard guard{answers_.lock};
    free_tags_ |= std::uint64_t{1} << tag;
    answers_.changed.wake_all();
}

void P9Session::settle() {
    const auto is_quiet = [&] {
        IrqGuard guard{answers_.lock};
        return free_tags_ == ~std::uint64_t{0};
    };
    static_cast<void>(
        answers_.changed.wait_until(is_quiet, Nanos::never(), sched::Interruptible::no));
}

void P9Session::clunk(Fid& fid) {
    const auto frame = mm::alloc_frames();
    if (!frame) return; // the server keeps it, and the number is not used again
    auto* clunk = new (mm::phys_to_virt(frame.value())) Clunk;
    clunk->session = this;
    clunk->fid = &fid;
    clunk->tag = take_tag();
    p9::Writer writer(clunk->request, Type::clunk, clunk->tag);
    const std::size_t bytes = writer.u32(fid.number).finish();
    clunk->pieces[0] = piece_of(std::span(clunk->request).first(bytes));
    clunk->pieces[1] = piece_of(clunk->reply);
    clunk->out = {&clunk->pieces[0], 1};
    clunk->in = {&clunk->pieces[1], 1};
    clunk->done = [](Exchange& exchange) {
        auto& back = static_cast<Clunk&>(exchange);
        P9Session& session = *back.session;
        const std::uint16_t tag = back.tag;
        // Whatever the server said, the fid is gone ([9p] clunk(5)).
        if (back.outcome == Errc::ok) session.give_fid(*back.fid);
        back.~Clunk();
        mm::free_frames(mm::virt_to_phys(&back));
        session.give_tag(tag);
    };
    device_.submit(*clunk);
}

P9Call::P9Call(P9Session& session, Size size)
    : Transfer(session.device(), session.answers_), session_(session), room_(size) {}

P9Call::~P9Call() {
    if (has_tag_) session_.give_tag(tag_);
}

p9::Writer P9Call::begin(Type type) {
    type_ = type;
    if (!room_.is_there()) return p9::Writer({}, type, 0);
    if (!has_tag_) {
        tag_ = session_.take_tag();
        has_tag_ = true;
    }
    return p9::Writer(room_.request(), type, type == Type::version ? p9::no_tag : tag_);
}

Result<void> P9Call::exchange(p9::Writer& writer, std::span<const Piece> to_server,
                              std::span<const Piece> from_server, When when) {
    if (!room_.is_there()) return Errc::no_memory;
    const std::size_t bytes = writer.finish(bytes_of(to_server));
    if (bytes == 0) return Errc::name_too_long;
    const auto reply =
        from_server.empty() ? room_.reply() : room_.reply().first(p9::read_header_bytes);
    MessagePieces pieces;
    TRY(pieces.gather(room_.request().first(bytes), to_server, reply, from_server,
                      session_.device().most_pieces()));
    send(pieces.out(), pieces.in());
    const bool is_cut =
        !wait(when == When::interruptible ? sched::Interruptible::yes : sched::Interruptible::no);
    if (is_cut) {
        flush();
        wait(sched::Interruptible::no);
    }
    if (outcome != Errc::ok) return outcome;
    // The server dropped it: as if it had never been.
    if (is_cut && written == 0) return Errc::restart_always;
    return {};
}

/// Asks the server to drop the request, and waits until it has said that it has, or has answered
/// ([9p] flush(5)). The memory of the request is the server's until then.
void P9Call::flush() {
    Transfer asking(session_.device(), session_.answers_);
    p9::Writer writer(room_.aside_request(), Type::flush,
                      static_cast<std::uint16_t>(tag_ + P9Session::tags));
    const std::size_t bytes = writer.u16(tag_).finish();
    const Piece pieces[2] = {piece_of(room_.aside_request().first(bytes)),
                             piece_of(room_.aside_reply())};
    asking.is_urgent = true;
    asking.send({&pieces[0], 1}, {&pieces[1], 1});
    asking.wait(sched::Interruptible::no);
}

Result<p9::Reader> P9Call::run_write(p9::Writer& writer, std::span<const Piece> data) {
    TRY(exchange(writer, data, {}, When::uninterrupted));
    const auto reply = room_.reply();
    return p9::open_reply(reply.first(std::min<std::size_t>(written, reply.size())), type_, tag_);
}

Result<p9::Reader> P9Call::run(p9::Writer& writer, When when) {
    TRY(exchange(writer, {}, {}, when));
    const auto reply = room_.reply();
    const std::uint16_t tag = type_ == Type::version ? p9::no_tag : tag_;
    return p9::open_reply(reply.first(std::min<std::size_t>(written, reply.size())), type_, tag);
}

Result<std::uint32_t> P9Call::run_read(p9::Writer& writer, std::span<const Piece> data) {
    TRY(exchange(writer, {}, data, When::interruptible));
    return p9::open_data_reply(room_.reply().first(p9::read_header_bytes), written, type_, tag_,
                               bytes_of(data));
}

} // namespace drupe::hostfs
