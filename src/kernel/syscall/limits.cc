// SPDX-License-Identifier: BSD-2-Clause
// Resource limits and what was used.
#include <drupe/arch/user_access.h>
#include <drupe/mm/address_space.h>
#include <drupe/process/process.h>
#include <drupe/process/task_table.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>

#include <algorithm>

namespace drupe::syscall {
namespace {

using process::Limit;
using process::Process;
using process::Resource;

Result<Resource> resource_of(int number) {
    if (number < 0 || number >= static_cast<int>(Resource::count)) return Errc::invalid;
    return static_cast<Resource>(number);
}

Result<void> change(Process& process, Resource resource, Limit wanted) {
    if (wanted.soft > wanted.hard) return Errc::invalid;
    // More than a table can hold is not for the privileged either.
    if (resource == Resource::open_files && wanted.hard > vfs::FdTable::most)
        return Errc::not_permitted;
    const bool is_privileged = process::current_process().credentials.is_privileged();
    {
        IrqGuard guard{process::tasks_lock()};
        Limit& limit = process.limits[static_cast<std::size_t>(resource)];
        if (wanted.hard > limit.hard && !is_privileged) return Errc::not_permitted;
        limit = wanted;
    }
    process.apply_changes();
    return {};
}

/// The process whose limits `pid` means, when the caller may see and set them.
Result<RefPtr<Process>> target(int pid) {
    Process& self = process::current_process();
    if (pid == 0 || pid == self.pid) return RefPtr<Process>(&self);
    RefPtr<Process> other = process::find_process(pid);
    if (!other || !other->image_now()) return Errc::no_process;
    const process::Credentials &mine = self.credentials, &theirs = other->credentials;
    const bool is_same = mine.uid == theirs.uid && mine.uid == theirs.euid &&
                         mine.uid == theirs.suid && mine.gid == theirs.gid &&
                         mine.gid == theirs.egid && mine.gid == theirs.sgid;
    if (!is_same && !mine.is_privileged()) return Errc::not_permitted;
    return other;
}

struct Timeval {
    std::int64_t seconds, microseconds;
};
Timeval to_timeval(Nanos time) { return {time.ns / 1'000'000'000, time.ns % 1'000'000'000 / 1000}; }

/// struct rusage.
struct Usage {
    Timeval user_time, system_time;
    std::int64_t max_resident_kib;
    std::int64_t unused_sizes[3];
    std::int64_t minor_faults, major_faults;
    std::int64_t unused_counts[6];
    std::int64_t voluntary_switches, involuntary_switches;
};
static_assert(sizeof(Usage) == 144);

void add_switches(Usage& usage, const sched::Thread& thread) {
    usage.voluntary_switches += static_cast<std::int64_t>(thread.voluntary_switches());
    usage.involuntary_switches += static_cast<std::int64_t>(thread.involuntary_switches());
}

constexpr int usage_self = 0, usage_children = -1, usage_thread = 1;

} // namespace

Result<std::uint64_t> prlimit64(int pid, int number, VirtAddr fresh, VirtAddr old) {
    const Resource resource = TRY(resource_of(number));
    Limit wanted{};
    if (raw(fresh) != 0) wanted = TRY(arch::get_user<Limit>(fresh));
    RefPtr<Process> process = TRY(target(pid));
    const Limit before = process->limits[static_cast<std::size_t>(resource)];
    if (raw(fresh) != 0) TRY(change(*process, resource, wanted));
    if (raw(old) != 0) TRY(arch::put_user(old, before));
    return 0;
}

Result<std::uint64_t> getrlimit(int number, VirtAddr out) {
    const Resource resource = TRY(resource_of(number));
    TRY(arch::put_user(out, process::current_process().limits[static_cast<std::size_t>(resource)]));
    return 0;
}

Result<std::uint64_t> setrlimit(int number, VirtAddr from) {
    const Resource resource = TRY(resource_of(number));
    TRY(change(process::current_process(), resource, TRY(arch::get_user<Limit>(from))));
    return 0;
}

/// CPU time is not split into the program's and the kernel's: all of it is reported as the
/// program's.
Result<std::uint64_t> getrusage(int who, VirtAddr out) {
    Process& self = process::current_process();
    Usage usage{};
    if (who == usage_thread) {
        usage.user_time = to_timeval(sched::current().cpu_time());
        add_switches(usage, sched::current());
    } else if (who == usage_self) {
        usage.user_time = to_timeval(self.cpu_time());
        IrqGuard guard{process::tasks_lock()};
        for (const sched::Thread& thread : self.threads) add_switches(usage, thread);
    } else if (who == usage_children) {
        usage.user_time = to_timeval(self.cpu_time_of_children());
    } else {
        return Errc::invalid;
    }
    const PageCount peak =
        who == usage_children ? self.peak_memory_of_children() : self.peak_memory();
    usage.max_resident_kib = static_cast<std::int64_t>(peak.bytes() / 1024);
    TRY(arch::put_user(out, usage));
    return 0;
}

} // namespace drupe::syscall
