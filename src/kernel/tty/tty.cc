// SPDX-License-Identifier: BSD-2-Clause
// Reading, writing and waiting.
#include <drupe/tty/tty.h>

#include <drupe/time/clock.h>

#include <algorithm>
#include <utility>

namespace drupe::tty {
namespace {

constinit const JobControl* installed = nullptr;
constexpr std::int64_t vtime_unit = 100'000'000; // [posix] "VTIME": tenths of a second

} // namespace

void install(const JobControl& job_control) { installed = &job_control; }
const JobControl* job_control() { return installed; }

std::size_t Tty::receive(std::string_view bytes) {
    std::size_t taken;
    {
        sched::MutexGuard guard(mutex_);
        taken = discipline_.receive(bytes, *this);
        publish_locked();
    }
    send_signals();
    if (has_input_.load(std::memory_order_relaxed)) async.tell(vfs::AsyncEvent::in);
    return taken;
}

// What sleepers look at: they cannot take the mutex while they decide whether to sleep. A hint, so
// relaxed: awake, they look under the mutex.
void Tty::publish_locked() {
    const bool has_input = discipline_.is_readable();
    has_input_.store(has_input, std::memory_order_relaxed);
    is_stopped_.store(discipline_.is_stopped(), std::memory_order_relaxed);
    if (has_input) readable_.wake_all();
    if (discipline_.is_stopped()) return;
    writable_.wake_all();
    if (std::exchange(owes_room_, false)) async.tell(vfs::AsyncEvent::out);
}

// Called under the mutex, which must not be held while a group is signalled.
void Tty::signal(TtySignal signal) {
    pending_signals_.fetch_or(1u << static_cast<unsigned>(signal), std::memory_order_relaxed);
}

void Tty::send_signals() {
    if (pending_signals_.load(std::memory_order_relaxed) == 0) return;
    const std::uint32_t signals = pending_signals_.exchange(0, std::memory_order_relaxed);
    const Id group = foreground_.load(std::memory_order_relaxed);
    if (!installed || group == 0) return;
    constexpr std::pair<TtySignal, int> numbers[] = {
        {TtySignal::interrupt, sigint}, {TtySignal::quit, sigquit}, {TtySignal::suspend, sigtstp}};
    for (auto [signal, number] : numbers)
        if ((signals >> static_cast<unsigned>(signal) & 1) != 0)
            installed->signal_group(group, number);
}

bool Tty::is_controlling() const {
    return !installed || (session() != 0 && session() == installed->session_of_caller());
}

// [posix] "Terminal Access Control": a group in the background is stopped, unless stopping it would
// be for ever or it does not want to know.
Result<void> Tty::check_background(int signal) {
    const Id foreground = foreground_.load(std::memory_order_relaxed);
    if (!installed || foreground == 0 || !is_controlling()) return {};
    const Id group = installed->group_of_caller();
    if (group == foreground) return {};
    if (installed->caller_ignores(signal)) return signal == sigttin ? Errc::io : Errc::ok;
    if (installed->is_orphaned(group)) return Errc::io;
    installed->signal_group(group, signal);
    return Errc::restart;
}

Result<void> Tty::wait_readable(Nanos deadline) {
    return readable_.wait_until([this] { return has_input_.load(std::memory_order_relaxed); },
                                deadline);
}

// Moves (part of) a line. True: that ends the read.
Result<bool> Tty::take_line(vfs::IoBuffer& buffer, std::size_t& moved) {
    sched::MutexGuard guard(mutex_);
    const Result<bool> ended = take_line_locked(buffer, moved);
    publish_locked();
    return ended;
}

Result<bool> Tty::take_line_locked(vfs::IoBuffer& buffer, std::size_t& moved) {
    if (!discipline_.is_readable()) return false;
    char piece[256];
    for (;;) {
        const std::size_t room = std::min(sizeof piece, buffer.size());
        const std::size_t bytes = discipline_.read({piece, room});
        if (bytes != 0) moved += TRY(buffer.put(piece, bytes));
        if (discipline_.ended_line() || buffer.size() == 0 || bytes == 0) return true;
    }
}

Result<std::size_t> Tty::read(vfs::IoBuffer& buffer, bool nonblocking) {
    TRY(check_background(sigttin));
    if (buffer.size() == 0) return std::size_t{0};
    for (;;) {
        bool canonical;
        {
            sched::MutexGuard guard(mutex_);
            canonical = (discipline_.settings().lflag & icanon) != 0;
        }
        if (!canonical) return read_raw(buffer, nonblocking);
        std::size_t moved = 0;
        if (TRY(take_line(buffer, moved))) {
            kick_pump();
            return moved;
        }
        if (nonblocking) return Errc::would_block;
        TRY(wait_readable(Nanos::never()));
    }
}

Result<std::size_t> Tty::take_bytes(vfs::IoBuffer& buffer) {
    sched::MutexGuard guard(mutex_);
    const Result<std::size_t> taken = take_bytes_locked(buffer);
    publish_locked();
    return taken;
}

Result<std::size_t> Tty::take_bytes_locked(vfs::IoBuffer& buffer) {
    std::size_t moved = 0;
    char piece[256];
    while (buffer.size() != 0) {
        const std::size_t bytes = discipline_.read({piece, std::min(sizeof piece, buffer.size())});
        if (bytes == 0) break;
        moved += TRY(buffer.put(piece, bytes));
    }
    return moved;
}

// [posix] "Non-Canonical Mode Input Processing": the four cases of VMIN and VTIME.
Result<std::size_t> Tty::read_raw(vfs::IoBuffer& buffer, bool nonblocking) {
    std::size_t least, moved = 0;
    std::int64_t timer;
    {
        sched::MutexGuard guard(mutex_);
        least = discipline_.settings().cc[vmin];
        timer = discipline_.settings().cc[vtime] * vtime_unit;
    }
    const Nanos whole_deadline =
        least == 0 ? Nanos{time::now().ns + timer} : Nanos::never(); // VTIME alone: for the read
    const std::size_t wanted = std::min(std::max<std::size_t>(least, 1), buffer.size());
    for (;;) {
        const Result<std::size_t> taken = take_bytes(buffer);
        if (!taken.ok()) return moved != 0 ? Result<std::size_t>(moved) : taken;
        moved += taken.value();
        if (taken.value() != 0) kick_pump();
        if (moved >= wanted || (least == 0 && timer == 0)) return moved;
        if (nonblocking) return moved != 0 ? Result<std::size_t>(moved) : Errc::would_block;
        // With both, the timer runs between bytes, from the first one on.
        const bool between = least != 0 && timer != 0 && moved != 0;
        const Nanos deadline = between ? Nanos{time::now().ns + timer} : whole_deadline;
        const Result<void> waited = wait_readable(deadline);
        if (waited.ok()) continue;
        if (waited.error() == Errc::timed_out || moved != 0) return moved;
        return waited.error();
    }
}

// Hands a piece to the device once output is not stopped. Who gives up hears, if it listens by
// then, when output goes on.
Result<void> Tty::write_piece(std::string_view piece, bool nonblocking) {
    for (;;) {
        {
            sched::MutexGuard guard(mutex_);
            if (!discipline_.is_stopped()) {
                discipline_.write(piece, *this);
                return {};
            }
            if (nonblocking) {
                owes_room_ = async.has_any();
                return Errc::would_block;
            }
        }
        const Result<void> waited =
            writable_.wait_until([this] { return !is_stopped_.load(std::memory_order_relaxed); });
        if (waited.ok()) continue;
        sched::MutexGuard guard(mutex_);
        owes_room_ = discipline_.is_stopped() && async.has_any();
        return waited;
    }
}

Result<std::size_t> Tty::write(vfs::IoBuffer& buffer, bool nonblocking) {
    bool stops_background;
    {
        sched::MutexGuard guard(mutex_);
        stops_background = (discipline_.settings().lflag & tostop) != 0;
    }
    if (stops_background) TRY(check_background(sigttou));
    std::size_t moved = 0;
    char piece[256];
    while (buffer.size() != 0) {
        const Result<std::size_t> taken = buffer.take(piece, sizeof piece);
        if (!taken.ok()) return moved != 0 ? Result<std::size_t>(moved) : taken.error();
        const Result<void> written = write_piece({piece, taken.value()}, nonblocking);
        if (!written.ok()) return moved != 0 ? Result<std::size_t>(moved) : written.error();
        moved += taken.value();
    }
    return moved;
}

std::uint32_t Tty::poll(vfs::PollWatcher* watcher) {
    if (watcher) {
        watcher->watch(readable_);
        watcher->watch(writable_);
    }
    sched::MutexGuard guard(mutex_);
    const Termios& settings = discipline_.settings();
    // Without a timer a reader of raw bytes would wait for VMIN of them.
    const std::size_t least =
        settings.cc[vtime] == 0 && settings.cc[vmin] != 0 ? settings.cc[vmin] : std::size_t{1};
    std::uint32_t events = 0;
    if (discipline_.is_readable(least)) events |= vfs::poll_in | vfs::poll_rdnorm;
    if (!discipline_.is_stopped()) events |= vfs::poll_out | vfs::poll_wrnorm;
    return events;
}

} // namespace drupe::tty
