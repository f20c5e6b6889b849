// SPDX-License-Identifier: BSD-2-Clause
// When a core file is written, and by whom. What stands in it is core_file.cc's and
// core_notes.cc's.
#include "core_dump.h"

#include "send.h"

#include <drupe/arch/user_context.h>
#include <drupe/process/lifecycle.h>
#include <drupe/vfs/operations.h>

namespace drupe::process {
namespace {

constexpr std::size_t longest_name = 256;

/// False: the process is ending already, or another thread writes, or execs.
bool begin(Process& process, CoreDump& dump, CoreThread& writer) {
    IrqGuard guard{process.actions->lock};
    if (process.is_exiting || process.survivor || process.core_dump) return false;
    dump.threads = &writer;
    process.core_dump = &dump;
    process.is_stopped = false;
    process.continued.wake_all();
    kick_all(process);
    // What waits for the writer must not end its waits for the file system; a kill still does.
    // Relaxed: what the flag stands for is under the lock that is held here.
    writer.user->thread->work.fetch_and(~std::uint32_t{sched::work_signal},
                                        std::memory_order_relaxed);
    return true;
}

/// Until every other thread stands still, or is gone; false: somebody kills the process.
bool gather(Process& process, const CoreDump& dump) {
    bool is_alone = false;
    const auto look = [&] {
        IrqGuard guard{process.actions->lock};
        is_alone = dump.standing + 1 == process.thread_count;
        return is_alone || process.is_exiting;
    };
    (void)process.thread_gone.wait_until(look, Nanos::never(), sched::Interruptible::no).ok();
    return is_alone && !process.is_exiting;
}

void end(Process& process) {
    IrqGuard guard{process.actions->lock};
    process.core_dump = nullptr;
    process.continued.wake_all();
}

/// An ordinary file with one name, the dumper's own.
bool may_hold_core(const vfs::Inode& inode, const vfs::Attributes& now) {
    return inode.kind() == vfs::mode_regular && now.nlink == 1 &&
           now.uid == current_context().credentials.effective_uid;
}

[[gnu::noinline]] Result<void> write_file(const CoreDump& dump, std::uint64_t limit) {
    char room[longest_name];
    const std::string_view name = core_name(dump, room);
    if (name.empty()) return Errc::not_found;
    vfs::TaskContext& who = current_context();
    const RefPtr<vfs::File> file = TRY(vfs::open(
        who, nullptr, name.data(),
        {.flags = vfs::open_create | vfs::open_write_only | vfs::open_no_follow, .mode = 0600}));
    if (!may_hold_core(file->inode(), file->inode().attributes())) return Errc::not_permitted;
    TRY(file->truncate(0));
    return write_core(dump, *file, limit);
}

} // namespace

bool dump_core(UserThread& self, const SigInfo& info, const arch::TrapFrame& frame) {
    Process& process = *self.process;
    const std::uint64_t limit = process.limit(Resource::core).soft;
    if (limit < page_size || !process.image->is_dumpable) return false;
    CoreThread writer{.user = &self, .frame = &frame, .fpu = {}, .tls = arch::user_tls()};
    arch::fpu_save(writer.fpu);
    CoreDump dump{.info = info};
    if (!begin(process, dump, writer)) return false;
    const bool is_whole = gather(process, dump) && write_file(dump, limit).ok();
    end(process);
    return is_whole;
}

void attend_core_dump(UserThread& self, const arch::TrapFrame& frame) {
    Process& process = *self.process;
    if (!process.core_dump) return;
    CoreThread me{.user = &self, .frame = &frame, .fpu = {}, .tls = arch::user_tls()};
    arch::fpu_save(me.fpu);
    {
        IrqGuard guard{process.actions->lock};
        CoreDump* const dump = process.core_dump;
        if (!dump) return;
        // Behind the writer, which is the first.
        me.next = dump->threads->next;
        dump->threads->next = &me;
        dump->standing++;
    }
    process.thread_gone.wake_all();
    (void)process.continued
        .wait_until([&] { return !process.core_dump; }, Nanos::never(), sched::Interruptible::no)
        .ok();
    IrqGuard guard{process.actions->lock}; // behind all that the writer read of `me`
}

} // namespace drupe::process
