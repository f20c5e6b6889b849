// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/process.h>

#include <drupe/mm/address_space.h>
#include <drupe/process/lifecycle.h>
#include <drupe/process/task_table.h>
#include <drupe/time/clock.h>

#include <algorithm>

namespace drupe::process {

Process::~Process() = default;
void Process::destroy(Process* process) { delete process; }

Result<RefPtr<Process>> Process::create(Process* parent) {
    auto* fresh = new (std::nothrow) Process(parent);
    if (!fresh) return Errc::no_memory;
    RefPtr<Process> process = RefPtr<Process>::adopt(fresh);
    process->started = time::now();
    if (parent) {
        IrqGuard guard{tasks_lock()};
        process->group = parent->group;
        process->session = parent->session;
        process->credentials = parent->credentials;
        process->limits = parent->limits;
        process->personality = parent->personality;
    }
    return process;
}

RefPtr<Image> Process::image_now() const {
    IrqGuard guard{tasks_lock()};
    return image;
}

void Process::refresh_locked(UserThread& thread) const {
    vfs::TaskContext& context = thread.context;
    thread.groups = credentials.groups;
    context.credentials = {credentials.uid, credentials.gid, credentials.fsuid, credentials.fsgid,
                           thread.groups ? std::as_const(*thread.groups).ids()
                                         : std::span<const std::uint32_t>{}};
    context.max_descriptors = limit(Resource::open_files).soft;
    context.max_file_bytes = limit(Resource::file_size).soft;
}

void Process::apply_changes() {
    if (const RefPtr<Image> now = image_now())
        now->space().set_limits({limit(Resource::address_space).soft, limit(Resource::data).soft,
                                 limit(Resource::stack).soft});
    IrqGuard guard{tasks_lock()};
    for (sched::Thread& thread : threads) {
        // Another one may be in the middle of a call that looks at what it knows.
        if (&thread == &sched::current())
            refresh_locked(*thread.user);
        else
            thread.post_work(sched::work_other);
    }
}

Nanos Process::cpu_time() {
    IrqGuard guard{tasks_lock()};
    Nanos total = ended_threads_time;
    for (const sched::Thread& thread : threads) total = total + thread.cpu_time();
    return total;
}

Nanos Process::cpu_time_of_children() {
    IrqGuard guard{tasks_lock()};
    return children_time;
}

PageCount Process::peak_memory() {
    const std::size_t now = image ? image->space().stats().most_resident.n : 0;
    IrqGuard guard{tasks_lock()};
    return {std::max(now, most_resident.n)};
}

PageCount Process::peak_memory_of_children() {
    IrqGuard guard{tasks_lock()};
    return children_most_resident;
}

void Process::keep_peak_memory() {
    const PageCount peak = peak_memory();
    IrqGuard guard{tasks_lock()};
    most_resident = peak;
}

} // namespace drupe::process
