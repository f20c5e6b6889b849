// SPDX-License-Identifier: BSD-2-Clause
#include "p9_session.h"

#include <drupe/mm/frames.h>

#include <algorithm>
#include <bit>
#include <new>

namespace drupe::hostfs {

using p9::Type;
using share::Exchange;
using share::Piece;

namespace {

Piece piece_of(std::span<std::byte> room) {
    return {mm::virt_to_phys(room.data()), static_cast<std::uint32_t>(room.size())};
}

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
        IrqGuard guard{lock_};
        if (Fid* fid = free_fids_) {
            free_fids_ = fid->next_free;
            return fid;
        }
    }
    auto* fid = new (std::nothrow) Fid;
    if (!fid) return Errc::no_memory;
    IrqGuard guard{lock_};
    fid->number = next_fid_++;
    fid->next_made = std::exchange(made_fids_, fid);
    return fid;
}

void P9Session::give_fid(Fid& fid) {
    IrqGuard guard{lock_};
    fid.next_free = std::exchange(free_fids_, &fid);
}

std::uint16_t P9Session::take_tag() {
    std::uint16_t tag = 0;
    const auto take = [&] {
        IrqGuard guard{lock_};
        if (free_tags_ == 0) return false;
        tag = static_cast<std::uint16_t>(std::countr_zero(free_tags_));
        free_tags_ &= free_tags_ - 1;
        return true;
    };
    static_cast<void>(changed_.wait_until(take, Nanos::never(), sched::Interruptible::no));
    return tag;
}

void P9Session::give_tag(std::uint16_t tag) {
    {
        IrqGuard guard{lock_};
        free_tags_ |= std::uint64_t{1} << tag;
    }
    changed_.wake_all();
}

void P9Session::settle() {
    const auto is_quiet = [&] {
        IrqGuard guard{lock_};
        return free_tags_ == ~std::uint64_t{0};
    };
    static_cast<void>(changed_.wait_until(is_quiet, Nanos::never(), sched::Interruptible::no));
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

/// Where the parts of a call's memory lie.
struct P9Call::Memory {
    static constexpr std::size_t flush_bytes = 32;
    static unsigned order(Size size) { return size == Size::small ? 0 : 2; }
    static std::size_t half(Size size) { return (page_size << order(size)) / 2; }
    std::byte* bytes() { return reinterpret_cast<std::byte*>(this); }
};

P9Call::P9Call(P9Session& session, Size size) : session_(session), size_(size) {
    if (const auto frame = mm::alloc_frames(Memory::order(size)))
        memory_ = static_cast<Memory*>(mm::phys_to_virt(frame.value()));
}

P9Call::~P9Call() {
    if (has_tag_) session_.give_tag(tag_);
    if (memory_) mm::free_frames(mm::virt_to_phys(memory_), Memory::order(size_));
}

std::span<std::byte> P9Call::request_room() const {
    return {memory_->bytes(), Memory::half(size_) - 2 * Memory::flush_bytes};
}
std::span<std::byte> P9Call::reply_room() const {
    return {memory_->bytes() + Memory::half(size_), Memory::half(size_)};
}

p9::Writer P9Call::begin(Type type) {
    type_ = type;
    if (!memory_) return p9::Writer({}, type, 0);
    if (!has_tag_) {
        tag_ = session_.take_tag();
        has_tag_ = true;
    }
    return p9::Writer(request_room(), type, type == Type::version ? p9::no_tag : tag_);
}

void P9Call::arrived(Exchange& exchange) {
    auto& call = static_cast<P9Call&>(exchange);
    P9Session& session = call.session_;
    // Release pairs with the waiter's acquire: it sees the answer. Behind it the call may be gone.
    call.is_answered_.store(true, std::memory_order_release);
    session.changed_.wake_all();
}

Result<void> P9Call::send(p9::Writer& writer, std::span<const Piece> to_server,
                          std::span<const Piece> from_server, When when) {
    if (!memory_) return Errc::no_memory;
    constexpr std::size_t most = 40;
    Piece pieces[most];
    const std::size_t count = 2 + to_server.size() + from_server.size();
    if (count > std::min<std::size_t>(most, session_.device().most_pieces())) return Errc::too_big;
    std::size_t data = 0;
    for (const Piece& piece : to_server) data += piece.bytes;
    const std::size_t bytes = writer.finish(data);
    if (bytes == 0) return Errc::name_too_long;
    std::size_t at = 0;
    pieces[at++] = piece_of(request_room().first(bytes));
    for (const Piece& piece : to_server) pieces[at++] = piece;
    const std::size_t readable = at;
    pieces[at++] =
        piece_of(from_server.empty() ? reply_room() : reply_room().first(p9::read_header_bytes));
    for (const Piece& piece : from_server) pieces[at++] = piece;
    out = {pieces, readable};
    in = {pieces + readable, at - readable};
    done = arrived;
    is_answered_.store(false, std::memory_order_relaxed);
    session_.device().submit(*this);
    const auto is_answered = [&] { return is_answered_.load(std::memory_order_acquire); };
    const auto how =
        when == When::interruptible ? sched::Interruptible::yes : sched::Interruptible::no;
    const bool is_cut = !session_.changed_.wait_until(is_answered, Nanos::never(), how).ok();
    if (is_cut) {
        flush();
        static_cast<void>(
            session_.changed_.wait_until(is_answered, Nanos::never(), sched::Interruptible::no));
    }
    if (outcome != Errc::ok) return outcome;
    // The server dropped it: as if it had never been.
    if (is_cut && written == 0) return Errc::restart_always;
    return {};
}

/// Asks the server to drop the request, and waits until it has said that it has, or has answered
/// ([9p] flush(5)). The memory of the request is the server's until then.
void P9Call::flush() {
    struct Waiting : Exchange {
        P9Session* session = nullptr;
        std::atomic<bool> is_done{false};
    } waiting;
    std::byte* const room = memory_->bytes() + Memory::half(size_) - 2 * Memory::flush_bytes;
    const std::span<std::byte> request(room, Memory::flush_bytes);
    p9::Writer writer(request, Type::flush, static_cast<std::uint16_t>(tag_ + P9Session::tags));
    const std::size_t bytes = writer.u16(tag_).finish();
    const Piece pieces[2] = {piece_of(request.first(bytes)),
                             piece_of({room + Memory::flush_bytes, Memory::flush_bytes})};
    waiting.session = &session_;
    waiting.out = {&pieces[0], 1};
    waiting.in = {&pieces[1], 1};
    waiting.is_urgent = true;
    waiting.done = [](Exchange& exchange) {
        auto& back = static_cast<Waiting&>(exchange);
        P9Session& session = *back.session;
        back.is_done.store(true, std::memory_order_release); // as in arrived()
        session.changed_.wake_all();
    };
    session_.device().submit(waiting);
    static_cast<void>(session_.changed_.wait_until(
        [&] { return waiting.is_done.load(std::memory_order_acquire); }, Nanos::never(),
        sched::Interruptible::no));
}

Result<p9::Reader> P9Call::run_write(p9::Writer& writer, std::span<const Piece> data) {
    TRY(send(writer, data, {}, When::uninterrupted));
    const auto reply = reply_room();
    return p9::open_reply(reply.first(std::min<std::size_t>(written, reply.size())), type_, tag_);
}

Result<p9::Reader> P9Call::run(p9::Writer& writer, When when) {
    TRY(send(writer, {}, {}, when));
    const auto reply = reply_room();
    const std::uint16_t tag = type_ == Type::version ? p9::no_tag : tag_;
    return p9::open_reply(reply.first(std::min<std::size_t>(written, reply.size())), type_, tag);
}

Result<std::uint32_t> P9Call::run_read(p9::Writer& writer, std::span<const Piece> data) {
    std::uint32_t asked = 0;
    for (const Piece& piece : data) asked += piece.bytes;
    TRY(send(writer, {}, data, When::interruptible));
    return p9::open_data_reply(reply_room().first(p9::read_header_bytes), written, type_, tag_,
                               asked);
}

} // namespace drupe::hostfs
