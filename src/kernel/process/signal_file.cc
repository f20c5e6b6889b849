// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/process.h>
#include <drupe/process/signal_file.h>
#include <drupe/process/user_thread.h>

#include <new>

namespace drupe::process {
namespace {

/// struct signalfd_siginfo. [linux] uapi/linux/signalfd.h
struct Record {
    std::uint32_t signo;
    std::int32_t error, code;
    std::uint32_t pid, uid;
    std::int32_t fd;
    std::uint32_t timer_id, band, overrun, trap;
    std::int32_t status, value_int;
    std::uint64_t value_pointer, user_ticks, system_ticks, address;
    std::uint16_t address_lsb, padding;
    std::int32_t call;
    std::uint64_t call_address;
    std::uint32_t arch;
    std::uint8_t unused[28];
};
static_assert(sizeof(Record) == 128);

bool is_fault(int signo) {
    return signo == sigill || signo == sigfpe || signo == sigsegv || signo == sigbus ||
           signo == sigtrap;
}

/// Any signal that has no codes of its own can tell of a file.
bool is_of_file(const SigInfo& info) {
    constexpr std::int32_t last = 6; // POLL_HUP
    return info.code == si_sigio || (info.code > si_user && info.code <= last &&
                                     info.signo != sigchld && info.signo != sigsys);
}

/// Which fields mean something follows from number and code, as in [linux] siginfo_layout().
Record describe(const SigInfo& info) {
    Record record{};
    record.signo = static_cast<std::uint32_t>(info.signo);
    record.error = info.error;
    record.code = info.code;
    const bool from_kernel = info.code > si_user && info.code < si_kernel;
    if (info.code == si_timer) {
        record.timer_id = static_cast<std::uint32_t>(info.u.timer.id);
        record.overrun = static_cast<std::uint32_t>(info.u.timer.overrun);
        record.value_pointer = info.u.timer.value;
        record.value_int = static_cast<std::int32_t>(info.u.timer.value);
    } else if (from_kernel && is_fault(info.signo)) {
        record.address = info.u.fault.address;
    } else if (is_of_file(info)) {
        record.band = static_cast<std::uint32_t>(info.u.poll.band);
        record.fd = info.u.poll.fd;
    } else {
        record.pid = static_cast<std::uint32_t>(info.u.sent.pid);
        record.uid = info.u.sent.uid;
        if (from_kernel && info.signo == sigchld) {
            record.status = info.u.child.status;
            record.user_ticks = static_cast<std::uint64_t>(info.u.child.user_ticks);
            record.system_ticks = static_cast<std::uint64_t>(info.u.child.system_ticks);
        } else if (info.code < si_user) {
            record.value_pointer = info.u.sent.value;
            record.value_int = static_cast<std::int32_t>(info.u.sent.value);
        }
    }
    return record;
}

SigInfo take(SignalSet wanted) {
    UserThread& self = current_user();
    IrqGuard guard{self.process->actions->lock};
    const SigInfo own = self.pending.take(wanted);
    return own.signo != 0 ? own : self.process->pending.take(wanted);
}

bool is_pending(SignalSet wanted) {
    UserThread& self = current_user();
    IrqGuard guard{self.process->actions->lock};
    return !((self.pending.set() | self.process->pending.set()) & wanted).is_empty();
}

} // namespace

Result<RefPtr<SignalFile>> SignalFile::create(SignalSet wanted, std::uint32_t flags) {
    RefPtr<vfs::Dentry> dentry = TRY(vfs::create_anonymous("anon_inode:[signalfd]", 0600, false));
    return make_ref<SignalFile>(*dentry, flags | vfs::open_read_write, wanted);
}

SignalFile::SignalFile(vfs::Dentry& dentry, std::uint32_t flags, SignalSet wanted)
    : File(dentry, flags), wanted_(wanted.without(never_blocked).raw()) {}

SignalFile::~SignalFile() {
    while (Watched* watched = watched_.pop_front()) delete watched;
}

void SignalFile::set_wanted(SignalSet wanted) {
    wanted_ = wanted.without(never_blocked).raw();
    current_process().actions->arrived.wake_all();
}

/// Also lets go of those that nobody watches any more.
bool SignalFile::keep_locked(SignalActions& actions) {
    bool is_kept = false;
    watched_.for_each_safe([&](Watched& watched) {
        if (watched.actions.get() == &actions) {
            is_kept = true;
        } else if (!watched.actions->arrived.has_waiters()) {
            watched_.remove(watched);
            delete &watched;
        }
    });
    if (is_kept) return true;
    auto* fresh = new (std::nothrow) Watched;
    if (!fresh) return false;
    fresh->actions = RefPtr<SignalActions>(&actions);
    watched_.push_back(*fresh);
    return true;
}

Result<std::size_t> SignalFile::read(vfs::IoBuffer& buffer) {
    if (buffer.size() < sizeof(Record)) return Errc::invalid;
    std::size_t moved = 0;
    while (buffer.size() >= sizeof(Record)) {
        SigInfo info = take(wanted());
        if (info.signo != 0) {
            complete_taken(info);
            const Record record = describe(info);
            const Result<std::size_t> put = buffer.put(&record, sizeof record);
            if (!put.ok() || put.value() != sizeof record)
                return moved != 0 ? Result<std::size_t>(moved) : Errc::fault;
            moved += sizeof record;
            continue;
        }
        if (moved != 0) break;
        if (is_nonblocking()) return Errc::would_block;
        TRY(current_process().actions->arrived.wait_until([this] { return is_pending(wanted()); }));
    }
    return moved;
}

std::uint32_t SignalFile::poll(vfs::PollWatcher* watcher) {
    SignalActions& actions = *current_process().actions;
    if (watcher) {
        sched::MutexGuard guard(mutex_); // until somebody watches, the others must not let go of it
        if (!keep_locked(actions)) return vfs::poll_err; // no memory: better told than waited for
        watcher->watch(actions.arrived);
    }
    return is_pending(wanted()) ? std::uint32_t{vfs::poll_in} : 0u;
}

} // namespace drupe::process
