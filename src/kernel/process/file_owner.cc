// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/file_owner.h>

#include <drupe/process/process.h>
#include <drupe/process/signal.h>
#include <drupe/process/task_table.h>

namespace drupe::process {
namespace {

using Type = FileOwner::Type;

/// siginfo's band of each event. [linux] fs/fcntl.c
constexpr std::uint32_t poll_message = 0x400; // POLLMSG
constexpr std::uint32_t bands[] = {0,
                                   vfs::poll_in | vfs::poll_rdnorm,
                                   vfs::poll_out | vfs::poll_wrnorm | vfs::poll_wrband,
                                   vfs::poll_in | vfs::poll_rdnorm | poll_message,
                                   vfs::poll_err,
                                   vfs::poll_pri | vfs::poll_rdband,
                                   vfs::poll_hup | vfs::poll_err};

template <class Visit>
bool visit_locked(Type type, Pid id, Visit visit) REQUIRES(tasks_lock()) {
    if (type == Type::thread) {
        UserThread* const thread = find_thread_locked(id);
        if (thread) visit(*thread->process, thread);
        return thread != nullptr;
    }
    bool found = false;
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p)) {
        if ((type == Type::process ? p->pid : p->group) != id || p->is_reaper()) continue;
        found = true;
        visit(*p, nullptr);
    }
    return found;
}

bool exists(Type type, Pid id) {
    IrqGuard guard{tasks_lock()};
    return visit_locked(type, id, [](Process&, UserThread*) {});
}

} // namespace

FileOwner::FileOwner(const vfs::File::Owner& owner)
    : type_(static_cast<Type>(owner.type)), id_(owner.id), uid_(owner.uid), euid_(owner.euid) {}
FileOwner::FileOwner(const vfs::File& file) : FileOwner(file.owner()) {}

Result<FileOwner> FileOwner::create(Type type, Pid id) {
    if (id < 0) return Errc::no_process;
    if (id != 0 && !exists(type, id)) return Errc::no_process;
    const Credentials& mine = current_process().credentials;
    FileOwner owner;
    owner.type_ = type;
    owner.id_ = id;
    owner.uid_ = mine.uid;
    owner.euid_ = mine.euid;
    return owner;
}

void FileOwner::store_in(vfs::File& file) const {
    file.set_owner({id_, static_cast<std::uint8_t>(type_), uid_, euid_});
}

Pid FileOwner::id() const { return id_ != 0 && exists(type_, id_) ? id_ : 0; }

bool FileOwner::may_signal(const Process& target) const {
    const Credentials& theirs = target.credentials;
    return euid_ == 0 || euid_ == theirs.suid || euid_ == theirs.uid || uid_ == theirs.suid ||
           uid_ == theirs.uid;
}

void FileOwner::send(int signo) const { send(SigInfo::from_kernel(signo)); }

void FileOwner::tell(const vfs::File& file, int fd, vfs::AsyncEvent event) {
    const FileOwner owner(file);
    const int chosen = file.owner_signal;
    // Of urgent bytes, only who chose a signal hears here; the others got SIGURG.
    if (chosen == 0 && event == vfs::AsyncEvent::priority) return;
    owner.send(chosen == 0 ? SigInfo::from_kernel(sigio)
                           : SigInfo::from_file(chosen, static_cast<std::int32_t>(event),
                                                bands[static_cast<unsigned>(event)], fd));
}

void FileOwner::send(const SigInfo& info) const {
    if (id_ == 0) return;
    IrqGuard guard{tasks_lock()};
    (void)visit_locked(type_, id_, [&](Process& target, UserThread* thread) {
        tasks_lock().assert_held();
        if (!may_signal(target)) return;
        const auto send_one = [&](const SigInfo& what) REQUIRES(tasks_lock()) {
            return (thread ? send_signal_locked(*thread, what) : send_signal_locked(target, what))
                .ok();
        };
        // One that cannot be queued becomes a plain SIGIO: the program is to look for itself.
        if (!send_one(info)) (void)send_one(SigInfo::from_kernel(sigio));
    });
}

} // namespace drupe::process
