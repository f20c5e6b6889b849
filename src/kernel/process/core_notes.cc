// SPDX-License-Identifier: BSD-2-Clause
// What a debugger reads of a core file beside the memory. [linux] fs/binfmt_elf.c,
// include/uapi/linux/elfcore.h, elf.h: layouts and the order of notes.
#include "core_dump.h"

#include <drupe/arch/elf_abi.h>
#include <drupe/mm/address_space.h>

namespace drupe::process {
namespace {

constexpr std::string_view core = "CORE";
enum NoteType : std::uint32_t {
    note_status = 1,
    note_registers = 2, // floating point
    note_process = 3,
    note_auxv = 6,
    note_tls = 0x401,
    note_files = 0x4649'4c45,
    note_signal = 0x5349'4749,
};

struct Time {
    std::int64_t seconds, microseconds;
};
Time to_time(Nanos t) { return {t.ns / 1'000'000'000, t.ns % 1'000'000'000 / 1000}; }

/// struct elf_prstatus.
struct Status {
    std::int32_t signo, code, error;
    std::int16_t current_signal, padding;
    std::uint64_t pending, blocked;
    Pid tid, parent, group, session;
    Time user, system, children_user, children_system;
    std::uint64_t registers[arch::core_register_count];
    std::int32_t has_fpu, padding2;
};
/// struct elf_prpsinfo.
struct ProcessInfo {
    char state, state_letter, is_zombie, nice;
    std::uint32_t padding;
    std::uint64_t flags;
    std::uint32_t uid, gid;
    Pid pid, parent, group, session;
    char name[16];
    char arguments[80];
};
static_assert(sizeof(ProcessInfo) == 136);
/// struct user_fpsimd_state.
struct FloatingPoint {
    std::uint64_t q[64];
    std::uint32_t fpsr, fpcr, reserved[2];
};

Status status_of(const CoreDump& dump, const CoreThread& thread) {
    const UserThread& user = *thread.user;
    const Process& process = *user.process;
    Status s{};
    s.signo = dump.info.signo;
    s.current_signal = static_cast<std::int16_t>(dump.info.signo);
    s.pending = user.pending.set().raw();
    s.blocked = user.blocked.raw();
    s.tid = user.tid;
    s.parent = process.parent_pid;
    s.group = process.group;
    s.session = process.session;
    s.user = to_time(user.thread->cpu_time());
    s.has_fpu = 1;
    arch::core_registers(*thread.frame, s.registers);
    return s;
}

[[gnu::noinline]] void put_process(const Process& process, NoteBuffer& notes) {
    ProcessInfo info{};
    info.state_letter = 'R';
    info.uid = process.credentials.uid;
    info.gid = process.credentials.gid;
    info.pid = process.pid;
    info.parent = process.parent_pid;
    info.group = process.group;
    info.session = process.session;
    const std::string_view name = sched::current().name();
    std::copy_n(name.data(), std::min(name.size(), sizeof info.name - 1), info.name);
    const Image& image = *process.image;
    const std::size_t bytes = std::min<std::size_t>(image.arguments_end - image.arguments_begin,
                                                    sizeof info.arguments - 1);
    const std::span text(info.arguments, bytes);
    if (process.image->space().read(image.arguments_begin, std::as_writable_bytes(text)).ok())
        std::replace(text.begin(), text.end(), '\0', ' ');
    notes.note(core, note_process, info);
}

void put_thread_rest(const CoreThread& thread, NoteBuffer& notes) {
    FloatingPoint fp{};
    std::copy(std::begin(thread.fpu.q), std::end(thread.fpu.q), fp.q);
    fp.fpsr = thread.fpu.fpsr;
    fp.fpcr = thread.fpu.fpcr;
    notes.note(core, note_registers, fp);
    notes.note("LINUX", note_tls, thread.tls);
}

/// Every mapping of a file: places, and behind all of them the names.
Result<void> put_files(Image& image, NoteBuffer& notes) {
    NoteBuffer places, names;
    constexpr std::size_t longest = 4096;
    const OwnPtr<std::array<char, longest>> room = TRY((make_own<std::array<char, longest>>()));
    std::uint64_t count = 0;
    mm::RegionInfo region{};
    for (VirtAddr at{0}; image.space().region_above(at, region); at = region.end) {
        if (!region.file) continue;
        const auto path =
            vfs::path_of(vfs::File::of(*region.file).dentry(),
                         current_user().fs ? current_user().fs->root().get() : nullptr, *room);
        if (!path.ok()) continue;
        places.put(raw(region.begin));
        places.put(raw(region.end));
        places.put(region.first_page);
        names.put(path.value().data(), path.value().size());
        names.put(char{0});
        count++;
    }
    notes.begin(core, note_files, 16 + places.size() + names.size());
    notes.put(count);
    notes.put(std::uint64_t{page_size}); // in which the offsets count
    notes.put(places.data(), places.size());
    notes.put(names.data(), names.size());
    notes.pad(4);
    return places.has_failed() || names.has_failed() ? Result<void>{Errc::no_memory}
                                                     : Result<void>{};
}

void put_signal(const SigInfo& info, NoteBuffer& notes) {
    char padded[SigInfo::user_bytes] = {};
    std::memcpy(padded, &info, sizeof info);
    notes.note(core, note_signal, padded);
}

} // namespace

Result<void> write_notes(const CoreDump& dump, NoteBuffer& notes) {
    for (const CoreThread* thread = dump.threads; thread; thread = thread->next) {
        notes.note(core, note_status, status_of(dump, *thread));
        if (thread == dump.threads) {
            const Process& process = *thread->user->process;
            Image& image = *process.image;
            put_process(process, notes);
            put_signal(dump.info, notes);
            notes.begin(core, note_auxv, image.auxv_words * sizeof(std::uint64_t));
            notes.put(image.auxv.data(), image.auxv_words * sizeof(std::uint64_t));
            TRY(put_files(image, notes));
        }
        put_thread_rest(*thread, notes);
    }
    return notes.has_failed() ? Result<void>{Errc::no_memory} : Result<void>{};
}

} // namespace drupe::process
