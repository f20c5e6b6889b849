// SPDX-License-Identifier: BSD-2-Clause
// The texts of /proc/PID. Formats: [linux] Documentation/filesystems/proc.rst, proc(5).
#include "process_files.h"

#include "region_files.h"

#include <drupe/mm/address_space.h>
#include <drupe/process/task_table.h>
#include <drupe/process/user_usage.h>
#include <drupe/sched/cpu.h>
#include <drupe/vfs/fd_table.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace drupe::proc {

using process::Pid;
using process::Process;
using process::SignalSet;
using process::UserThread;

namespace {

constexpr std::int64_t ticks_per_second = 100; // USER_HZ
constexpr std::string_view reaper_name = "drupe";

std::uint64_t ticks(Nanos time) {
    return static_cast<std::uint64_t>(time.ns / (1'000'000'000 / ticks_per_second));
}

/// What is read of a process and one of its threads at once, under the tasks lock.
struct Snapshot {
    char name[16] = {};
    std::size_t name_length = 0;
    char state = 'Z';
    Pid pid = 0, tid = 0, parent = 0, group = 0, session = 0;
    std::uint32_t threads = 0;
    Nanos cpu{0}, children{0}, started{0};
    SignalSet pending, shared_pending, blocked, ignored, caught;
    process::Credentials credentials;
    bool no_new_privileges = false;
    std::uint32_t umask = 0;
    std::uint64_t switches = 0, forced_switches = 0;
    int exit_signal = 0;

    std::string_view text() const { return {name, name_length}; }
};

char state_of(const sched::Thread& thread, bool is_stopped) {
    if (is_stopped) return 'T';
    switch (thread.state()) {
    case sched::ThreadState::running:
    case sched::ThreadState::runnable:
    case sched::ThreadState::created: return 'R';
    case sched::ThreadState::blocked: return 'S';
    case sched::ThreadState::dead: return 'X';
    }
    return 'S';
}

Result<Snapshot> take(const Process& process, Subject subject) {
    Snapshot s;
    IrqGuard guard{process::tasks_lock()};
    s.pid = process.pid;
    s.tid = subject.tid;
    s.parent = process.parent_pid.load();
    s.group = process.group;
    s.session = process.session;
    s.threads = process.thread_count;
    s.children = process.children_time;
    s.started = process.started;
    s.credentials = process.credentials;
    s.no_new_privileges = process.credentials.no_new_privileges;
    s.exit_signal = process.exit_signal;
    s.cpu = process.ended_threads_time;
    const UserThread* chosen = process::find_thread_locked(subject.tid);
    if (chosen && chosen->process != &process) chosen = nullptr;
    auto& list = const_cast<Process&>(process).threads;
    for (sched::Thread& thread : list) {
        s.cpu = s.cpu + thread.cpu_time();
        if (!chosen) chosen = thread.user;
    }
    if (!chosen) {
        if (process.is_reaper()) { // the kernel itself, waiting for orphans
            s.state = 'S';
            s.name_length = reaper_name.copy(s.name, sizeof s.name - 1);
        }
        return s; // else a zombie
    }
    if (subject.tid != subject.pid) s.cpu = chosen->thread->cpu_time();
    s.state = state_of(*chosen->thread, process.is_stopped);
    s.name_length = chosen->thread->name().copy(s.name, sizeof s.name - 1);
    s.switches = chosen->thread->voluntary_switches();
    s.forced_switches = chosen->thread->involuntary_switches();
    if (chosen->fs) s.umask = chosen->fs->umask();
    if (process.actions) {
        SpinGuard signals{process.actions->lock};
        s.pending = chosen->pending.set();
        s.shared_pending = process.pending.set();
        s.blocked = chosen->blocked;
        for (int signo = 1; signo <= process::signal_count; signo++) {
            const process::SignalAction& action = (*process.actions)[signo];
            if (action.handler == process::handler_ignore) s.ignored.add(signo);
            if (action.has_handler()) s.caught.add(signo);
        }
    }
    return s;
}

mm::SpaceStats memory_of(process::Image* image) {
    return image ? image->space().stats() : mm::SpaceStats{};
}

std::uint64_t kib(PageCount pages) { return pages.bytes() / 1024; }

Result<void> write_stat(FormatSink& out, Process& process, Subject subject) {
    const Snapshot s = TRY(take(process, subject));
    const RefPtr<process::Image> image = process.image_now();
    const mm::SpaceStats memory = memory_of(image.get());
    const auto address = [](VirtAddr at) { return raw(at); };
    format_to(out, "{} ({}) {} {} {} {} 0 -1 4194304 0 0 0 0 ", s.tid, s.text(), s.state, s.parent,
              s.group, s.session);
    format_to(out, "{} 0 {} 0 20 0 {} 0 {} {} {} 18446744073709551615 ", ticks(s.cpu),
              ticks(s.children), s.threads, ticks(s.started), memory.mapped.bytes(),
              memory.resident.n);
    if (image && may_inspect(process).ok())
        format_to(out, "{} {} {} 0 0 ", address(image->code_begin), address(image->code_end),
                  address(image->stack_end));
    else
        out.put("1 1 0 0 0 ");
    format_to(out, "{} {} {} {} 0 0 0 {} 0 0 0 0 0 0 ", s.pending.raw(), s.blocked.raw(),
              s.ignored.raw(), s.caught.raw(), s.exit_signal);
    if (image && may_inspect(process).ok())
        format_to(out, "{} {} {} {} {} {} {} 0\n", address(image->data_begin),
                  address(image->data_end), address(image->space().break_start()),
                  address(image->arguments_begin), address(image->arguments_end),
                  address(image->environment_begin), address(image->environment_end));
    else
        out.put("0 0 0 0 0 0 0 0\n");
    return {};
}

Result<void> write_statm(FormatSink& out, Process& process, Subject) {
    const RefPtr<process::Image> image = process.image_now();
    const mm::SpaceStats m = memory_of(image.get());
    std::uint64_t text = 0;
    if (image) text = PageCount::covering(image->code_end - image->code_begin).n;
    format_to(out, "{} {} 0 {} 0 {} 0\n", m.mapped.n, m.resident.n, text, m.data.n + m.stack.n);
    return {};
}

const char* state_word(char state) {
    switch (state) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'T': return "stopped";
    case 'X': return "dead";
    default: return "zombie";
    }
}

void write_cpus(FormatSink& out) {
    const std::uint32_t count = sched::cpus_expected();
    const std::uint64_t mask = count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    format_to(out, "Cpus_allowed:\t{:x}\nCpus_allowed_list:\t0", mask);
    if (count > 1) format_to(out, "-{}", count - 1);
    out.put("\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

void write_memory(FormatSink& out, process::Image& image) {
    const mm::SpaceStats m = memory_of(&image);
    const auto range = [](VirtAddr from, VirtAddr to) { return (to - from) / 1024; };
    format_to(out, "VmPeak:\t{:8} kB\nVmSize:\t{:8} kB\nVmLck:\t{:8} kB\nVmPin:\t{:8} kB\n",
              kib(m.most_mapped), kib(m.mapped), kib(m.locked), 0);
    format_to(out, "VmHWM:\t{:8} kB\nVmRSS:\t{:8} kB\nVmData:\t{:8} kB\nVmStk:\t{:8} kB\n",
              kib(m.most_resident), kib(m.resident), kib(m.data), kib(m.stack));
    format_to(out, "VmExe:\t{:8} kB\nVmLib:\t{:8} kB\nVmPTE:\t{:8} kB\nVmSwap:\t{:8} kB\n",
              range(image.code_begin, image.code_end), 0, kib(m.tables), 0);
}

Result<void> write_status(FormatSink& out, Process& process, Subject subject) {
    const Snapshot s = TRY(take(process, subject));
    const process::Credentials& c = s.credentials;
    char octal[5] = {
        static_cast<char>('0' + (s.umask >> 9 & 7)), static_cast<char>('0' + (s.umask >> 6 & 7)),
        static_cast<char>('0' + (s.umask >> 3 & 7)), static_cast<char>('0' + (s.umask & 7)), 0};
    format_to(out, "Name:\t{}\nUmask:\t{}\nState:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\n",
              s.text(), octal, s.state, state_word(s.state), s.pid, s.tid);
    format_to(out, "PPid:\t{}\nTracerPid:\t0\nUid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\n",
              s.parent, c.uid, c.euid, c.suid, c.fsuid, c.gid, c.egid, c.sgid, c.fsgid);
    format_to(out, "FDSize:\t64\nGroups:\t");
    if (c.groups)
        for (std::uint32_t group : std::as_const(*c.groups).ids()) format_to(out, "{} ", group);
    format_to(out, "\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", s.pid, s.tid, s.group,
              s.session);
    const RefPtr<process::Image> image = process.image_now();
    if (image && s.state != 'Z') write_memory(out, *image);
    const std::uint64_t limit = process.limit(process::Resource::pending_signals).soft;
    format_to(out, "CoreDumping:\t0\nThreads:\t{}\nSigQ:\t{}/{}\n", s.threads,
              process::used_by(c.uid, process::PerUser::pending_signals), limit);
    format_to(out, "SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\n",
              s.pending.raw(), s.shared_pending.raw(), s.blocked.raw(), s.ignored.raw());
    // User 0 has every capability, nobody else has any.
    constexpr std::uint64_t all_capabilities = (std::uint64_t{1} << 41) - 1;
    const std::uint64_t capabilities = c.euid == 0 ? all_capabilities : 0;
    format_to(out, "SigCgt:\t{:016x}\nCapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\n",
              s.caught.raw(), 0, capabilities, capabilities);
    format_to(out, "CapBnd:\t{:016x}\nCapAmb:\t{:016x}\nNoNewPrivs:\t{}\nSeccomp:\t0\n",
              all_capabilities, 0, s.no_new_privileges ? 1 : 0);
    write_cpus(out);
    format_to(out, "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n", s.switches,
              s.forced_switches);
    return {};
}

Result<void> write_memory(FormatSink& out, process::Image& image, VirtAddr from, VirtAddr to) {
    std::array<std::byte, 256> piece;
    while (from < to) {
        const std::size_t bytes = std::min<std::size_t>(piece.size(), to - from);
        TRY(image.space().read(from, std::span(piece).first(bytes)));
        out.put({reinterpret_cast<const char*>(piece.data()), bytes});
        from = from + bytes;
    }
    return {};
}

Result<void> write_cmdline(FormatSink& out, Process& process, Subject) {
    const RefPtr<process::Image> image = process.image_now();
    if (!image) return {};
    return write_memory(out, *image, image->arguments_begin, image->arguments_end);
}

Result<void> write_environ(FormatSink& out, Process& process, Subject) {
    const RefPtr<process::Image> image = process.image_now();
    if (!image) return {};
    return write_memory(out, *image, image->environment_begin, image->environment_end);
}

Result<void> write_auxv(FormatSink& out, Process& process, Subject) {
    const RefPtr<process::Image> image = process.image_now();
    if (!image) return {};
    out.put({reinterpret_cast<const char*>(image->auxv.data()), image->auxv_words * 8});
    return {};
}

Result<void> write_comm(FormatSink& out, Process& process, Subject subject) {
    const Snapshot s = TRY(take(process, subject));
    format_to(out, "{}\n", s.text());
    return {};
}

Result<void> store_comm(std::string_view text, Process& process, Subject subject) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    return process::with_thread(subject.tid, [&](UserThread& thread) -> Result<void> {
        if (thread.process != &process) return Errc::invalid;
        thread.thread->set_name(text);
        return {};
    });
}

struct LimitRow {
    const char* name;
    const char* unit;
};
// In the order of RLIMIT_*; /proc shows them in this order too.
constexpr LimitRow limit_rows[] = {
    {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
    {"Max data size", "bytes"},      {"Max stack size", "bytes"},
    {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
    {"Max processes", "processes"},  {"Max open files", "files"},
    {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
    {"Max file locks", "locks"},     {"Max pending signals", "signals"},
    {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
    {"Max realtime priority", ""},   {"Max realtime timeout", "us"},
};

void pad(FormatSink& out, std::string_view text, std::size_t width) {
    out.put(text);
    for (std::size_t n = text.size(); n < width; n++) out.put(" ");
}

Result<void> write_limits(FormatSink& out, Process& process, Subject) {
    pad(out, "Limit", 26);
    pad(out, "Soft Limit", 21);
    pad(out, "Hard Limit", 21);
    pad(out, "Units", 10);
    out.put("\n");
    char number[24];
    const auto shown = [&](std::uint64_t value) -> std::string_view {
        return value == process::Limit::infinite ? "unlimited" : format_into(number, "{}", value);
    };
    for (std::size_t i = 0; i < std::size(limit_rows); i++) {
        pad(out, limit_rows[i].name, 26);
        pad(out, shown(process.limits[i].soft), 21);
        pad(out, shown(process.limits[i].hard), 21);
        pad(out, limit_rows[i].unit, 10);
        out.put("\n");
    }
    return {};
}

Result<void> write_oom_score_adjust(FormatSink& out, Process& process, Subject) {
    format_to(out, "{}\n", process.oom_score_adjust);
    return {};
}

/// Nobody is chosen to die here; what a program asks for is kept for it to read.
Result<void> store_oom_score_adjust(std::string_view text, Process& process, Subject) {
    constexpr std::int64_t limit = 1000;
    std::int64_t wanted = 0;
    while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
    const bool is_negative = text.starts_with('-');
    if (is_negative) text.remove_prefix(1);
    if (text.empty() || text.size() > 4) return Errc::invalid;
    for (char digit : text) {
        if (digit < '0' || digit > '9') return Errc::invalid;
        wanted = wanted * 10 + (digit - '0');
    }
    if (wanted > limit) return Errc::invalid;
    if (is_negative) wanted = -wanted;
    if (wanted < process.oom_score_adjust &&
        !process::current_process().credentials.is_privileged())
        return Errc::access;
    process.oom_score_adjust = static_cast<std::int32_t>(wanted);
    return {};
}

/// As C writes numbers: 0x and 0 before other bases than ten. invalid, out_of_range.
Result<std::uint32_t> parse_any_base(std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    unsigned base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.starts_with('0')) {
        base = 8;
    }
    if (text.empty()) return Errc::invalid;
    std::uint64_t value = 0;
    for (char c : text) {
        const unsigned lower = static_cast<unsigned char>(c) | 0x20u;
        const unsigned digit = c >= '0' && c <= '9'           ? static_cast<unsigned>(c - '0')
                               : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                              : 99;
        if (digit >= base) return Errc::invalid;
        value = value * base + digit;
        if (value > UINT32_MAX) return Errc::out_of_range;
    }
    return static_cast<std::uint32_t>(value);
}

Result<void> write_core_filter(FormatSink& out, Process& process, Subject) {
    if (const RefPtr<process::Image> image = process.image_now())
        format_to(out, "{:08x}\n", std::uint32_t{image->core_filter});
    return {};
}

Result<void> store_core_filter(std::string_view text, Process& process, Subject) {
    const std::uint32_t wanted = TRY(parse_any_base(text));
    const RefPtr<process::Image> image = process.image_now();
    if (!image) return Errc::no_process;
    image->core_filter = static_cast<process::CoreFilter>(wanted & process::core_filter_all);
    return {};
}

template <const auto& text>
Result<void> write_constant(FormatSink& out, Process&, Subject) {
    out.put(text);
    return {};
}
constexpr char root_cgroup[] = "0::/\n";
constexpr char zero[] = "0\n";
constexpr char zero_wide[] = "00000000\n";

constexpr ProcessFile files[] = {
    {"auxv", 0400, write_auxv},
    {"cgroup", 0444, write_constant<root_cgroup>},
    {"cmdline", 0444, write_cmdline},
    {"comm", 0644, write_comm, store_comm},
    {"coredump_filter", 0644, write_core_filter, store_core_filter},
    {"environ", 0400, write_environ},
    {"limits", 0444, write_limits},
    {"maps", 0444, write_maps},
    {"mountinfo", 0444, write_mountinfo},
    {"mounts", 0444, write_mounts},
    {"oom_score", 0444, write_constant<zero>},
    {"oom_score_adj", 0644, write_oom_score_adjust, store_oom_score_adjust},
    {"personality", 0400, write_constant<zero_wide>},
    {"smaps", 0444, write_smaps},
    {"stat", 0444, write_stat},
    {"statm", 0444, write_statm},
    {"status", 0444, write_status},
};

} // namespace

std::span<const ProcessFile> process_files() { return files; }

} // namespace drupe::proc
