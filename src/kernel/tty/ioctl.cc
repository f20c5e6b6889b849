// SPDX-License-Identifier: BSD-2-Clause
// The requests of ioctl that terminals answer ([linux] asm-generic/ioctls.h), and who may make
// them.
#include <drupe/tty/tty.h>

#include <drupe/arch/user_access.h>

namespace drupe::tty {
namespace {

enum Request : std::uint32_t {
    tcgets = 0x5401,
    tcsets = 0x5402,
    tcsetsw = 0x5403,
    tcsetsf = 0x5404,
    tcsbrk = 0x5409,
    tcxonc = 0x540a,
    tcflsh = 0x540b,
    tiocexcl = 0x540c,
    tiocnxcl = 0x540d,
    tiocsctty = 0x540e,
    tiocgpgrp = 0x540f,
    tiocspgrp = 0x5410,
    tiocoutq = 0x5411,
    tiocgwinsz = 0x5413,
    tiocswinsz = 0x5414,
    tiocinq = 0x541b,
    tiocnotty = 0x5422,
    tiocsetd = 0x5423,
    tiocgetd = 0x5424,
    tcsbrkp = 0x5425,
    tiocgsid = 0x5429,
    tcgets2 = 0x802c542a,
    tcsets2 = 0x402c542b,
    tcsetsw2 = 0x402c542c,
    tcsetsf2 = 0x402c542d,
};

Result<std::uint64_t> done(Result<void> outcome) {
    if (!outcome.ok()) return outcome.error();
    return std::uint64_t{0};
}

Result<std::uint64_t> put_int(VirtAddr to, std::size_t value) {
    return done(arch::put_user(to, static_cast<std::int32_t>(value)));
}

} // namespace

Result<std::uint64_t> Tty::ioctl(std::uint32_t request, std::uint64_t argument) {
    const VirtAddr user{argument};
    switch (request) {
    case tcgets: return done(get_settings(user, termios1_bytes));
    case tcgets2: return done(get_settings(user, sizeof(Termios)));
    // Output is synchronous: what W waits for has always happened.
    case tcsets:
    case tcsetsw: return done(set_settings(user, termios1_bytes, Flush::no));
    case tcsetsf: return done(set_settings(user, termios1_bytes, Flush::yes));
    case tcsets2:
    case tcsetsw2: return done(set_settings(user, sizeof(Termios), Flush::no));
    case tcsetsf2: return done(set_settings(user, sizeof(Termios), Flush::yes));
    case tcsbrk:
    case tcsbrkp: return done(check_background(sigttou));
    case tcxonc: return done(control_flow(argument));
    case tcflsh: return done(flush_queue(argument));
    case tiocexcl:
    case tiocnxcl: return std::uint64_t{0};
    case tiocsctty: return done(take_as_controlling(argument));
    case tiocnotty: return done(give_up_controlling());
    case tiocgpgrp:
        if (!is_controlling()) return Errc::not_terminal;
        return put_int(user, static_cast<std::size_t>(foreground_.load(std::memory_order_relaxed)));
    case tiocspgrp: return done(set_foreground(user));
    case tiocgsid:
        if (!is_controlling()) return Errc::not_terminal;
        return put_int(user, static_cast<std::size_t>(session()));
    case tiocgwinsz: {
        sched::MutexGuard guard(mutex_);
        return done(arch::put_user(user, window_));
    }
    case tiocswinsz: return done(set_window_from(user));
    case tiocinq: {
        sched::MutexGuard guard(mutex_);
        return put_int(user, discipline_.readable_bytes());
    }
    case tiocoutq:
    case tiocgetd: return put_int(user, 0); // nothing waits; N_TTY
    case tiocsetd:
        return TRY(arch::get_user<std::int32_t>(user)) == 0
                   ? Result<std::uint64_t>(std::uint64_t{0})
                   : Errc::invalid;
    default: return Errc::not_terminal;
    }
}

Result<void> Tty::get_settings(VirtAddr to, std::size_t bytes) {
    Termios copy;
    {
        sched::MutexGuard guard(mutex_);
        copy = discipline_.settings();
    }
    return arch::copy_to_user(to, &copy, bytes);
}

Result<void> Tty::set_settings(VirtAddr from, std::size_t bytes, Flush flush) {
    TRY(check_background(sigttou));
    Termios fresh;
    {
        sched::MutexGuard guard(mutex_);
        fresh = discipline_.settings(); // the speeds, which the short form does not have
    }
    TRY(arch::copy_from_user(&fresh, from, bytes));
    {
        sched::MutexGuard guard(mutex_);
        if (flush == Flush::yes) discipline_.flush_input();
        discipline_.set_settings(fresh);
        publish_locked();
    }
    // A reader that waits for a line now looks for bytes, or the other way round.
    readable_.wake_all();
    kick_pump();
    return {};
}

void Tty::set_window(WindowSize size) {
    {
        sched::MutexGuard guard(mutex_);
        if (window_ == size) return;
        window_ = size;
    }
    const Id group = foreground_.load(std::memory_order_relaxed);
    if (job_control() && group != 0) job_control()->signal_group(group, sigwinch);
}

Result<void> Tty::set_window_from(VirtAddr from) {
    set_window(TRY(arch::get_user<WindowSize>(from)));
    return {};
}

void Tty::give_to(Id session, Id group) {
    session_.store(session, std::memory_order_relaxed);
    foreground_.store(group, std::memory_order_relaxed);
}

Result<void> Tty::take_as_controlling(std::uint64_t) {
    const JobControl* jobs = job_control();
    if (!jobs || is_controlling()) return {};
    // Stealing another session's terminal, which root may do on Linux, is not offered.
    if (!jobs->caller_leads_session() || session() != 0) return Errc::not_permitted;
    give_to(jobs->session_of_caller(), jobs->group_of_caller());
    return {};
}

Result<void> Tty::give_up_controlling() {
    const JobControl* jobs = job_control();
    if (!is_controlling()) return Errc::not_terminal;
    // The relation is a session's: a member that is not its leader cannot leave it alone.
    if (!jobs || !jobs->caller_leads_session()) return {};
    const Id group = foreground_.load(std::memory_order_relaxed);
    give_to(0, 0);
    if (group != 0) {
        jobs->signal_group(group, sighup);
        jobs->signal_group(group, sigcont);
    }
    return {};
}

Result<void> Tty::set_foreground(VirtAddr from) {
    const JobControl* jobs = job_control();
    if (!is_controlling()) return Errc::not_terminal;
    TRY(check_background(sigttou));
    const Id group = TRY(arch::get_user<Id>(from));
    if (group < 0) return Errc::invalid;
    if (jobs && !jobs->is_in_session(group, session())) return Errc::not_permitted;
    foreground_.store(group, std::memory_order_relaxed);
    return {};
}

// tcflush: 0 input, 1 output, 2 both. Output never waits.
Result<void> Tty::flush_queue(std::uint64_t which) {
    TRY(check_background(sigttou));
    if (which > 2) return Errc::invalid;
    if (which == 1) return {};
    {
        sched::MutexGuard guard(mutex_);
        discipline_.flush_input();
        publish_locked();
    }
    kick_pump();
    return {};
}

// tcflow: 0 stop and 1 start output, 2 and 3 ask the other side to.
Result<void> Tty::control_flow(std::uint64_t action) {
    TRY(check_background(sigttou));
    if (action > 3) return Errc::invalid;
    sched::MutexGuard guard(mutex_);
    const Termios& settings = discipline_.settings();
    if (action < 2) {
        if (action == 0)
            discipline_.hold();
        else
            discipline_.let_go();
        publish_locked();
    } else if (const auto c = static_cast<char>(settings.cc[action == 2 ? vstop : vstart])) {
        write_({&c, 1});
    }
    return {};
}

} // namespace drupe::tty
