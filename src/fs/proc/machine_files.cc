// SPDX-License-Identifier: BSD-2-Clause
// The texts about the machine and the kernel that programs read. Every number is the kernel's own;
// rows that other kernels have and this one has no such thing for are zero or left out.
#include "proc_inodes.h"

#include <drupe/arch/cpu_report.h>
#include <drupe/entropy/random.h>
#include <drupe/irq/irq_chip.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/frames.h>
#include <drupe/mm/heap.h>
#include <drupe/mm/last_resort.h>
#include <drupe/net/unix.h>
#include <drupe/process/task_table.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>
#include <drupe/syscall/system_name.h>
#include <drupe/time/clock.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/generated_file.h>

#include <array>

namespace drupe::proc {

using namespace vfs;

namespace {

std::string_view text_of(const syscall::SystemName::Field& field) { return field.data(); }

void row(FormatSink& out, std::string_view name, std::uint64_t kib) {
    out.put(name);
    for (std::size_t n = name.size(); n < 16; n++) out.put(" ");
    format_to(out, "{:8} kB\n", kib);
}

void write_meminfo(FormatSink& out) {
    const mm::MemoryStats m = mm::memory_stats();
    const auto kib = [](PageCount pages) { return std::uint64_t{pages.bytes() / 1024}; };
    row(out, "MemTotal:", kib(m.total));
    row(out, "MemFree:", kib(m.free));
    // Files in memory are not given up for programs, pages of disks are.
    const mm::CacheSizes caches = mm::cache_sizes();
    row(out, "MemAvailable:", kib({m.free.n + caches.all.n - caches.dirty.n}));
    row(out, "Buffers:", kib(caches.all));
    for (const char* none :
         {"Cached:", "SwapCached:", "Active:", "Inactive:", "SwapTotal:", "SwapFree:"})
        row(out, none, 0);
    row(out, "Dirty:", kib(caches.dirty));
    row(out, "Writeback:", 0);
    row(out, "Slab:", kib(m.slab));
    row(out, "CommitLimit:", kib(m.total));
    row(out, "VmallocTotal:", 0);
    format_to(out,
              "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n");
}

// [linux] mm/slab_common.c: print_slabinfo_header, cache_show. Objects have no names, only sizes.
void write_slabinfo(FormatSink& out) {
    out.put("slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
            "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
            "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    for (unsigned n = 0; n < mm::slab_class_count; n++) {
        const mm::SlabReport r = mm::slab_report(n);
        const std::size_t per_slab = page_size / r.object_bytes;
        format_to(out, "size-{} {} {} {} {} 1 : tunables 0 0 0 : slabdata {} {} 0\n",
                  r.object_bytes, r.in_use, r.frames * per_slab, r.object_bytes, per_slab, r.frames,
                  r.frames);
    }
}

std::uint64_t ticks(Nanos time) { return static_cast<std::uint64_t>(time.ns / 10'000'000); }

/// CPU time of all programs.
Nanos busy_time() {
    Nanos sum{0};
    IrqGuard guard{process::tasks_lock()};
    for (process::Process* p = process::next_process_locked(nullptr); p;
         p = process::next_process_locked(p)) {
        sum = sum + p->ended_threads_time;
        for (sched::Thread& thread : p->threads) sum = sum + thread.cpu_time();
    }
    return sum;
}

void write_stat(FormatSink& out) {
    const Nanos up = time::now();
    const std::uint64_t cpus = sched::cpus_expected();
    const std::uint64_t busy = ticks(busy_time());
    const std::uint64_t all = ticks(up) * cpus;
    const std::uint64_t idle = all > busy ? all - busy : 0;
    format_to(out, "cpu  {} 0 0 {} 0 0 0 0 0 0\n", busy, idle);
    for (std::uint64_t i = 0; i < cpus; i++)
        format_to(out, "cpu{} {} 0 0 {} 0 0 0 0 0 0\n", i, busy / cpus, idle / cpus);
    std::uint64_t switches = 0, processes = 0;
    for (std::uint32_t i = 0; i < sched::cpu_count(); i++) {
        sched::Cpu& cpu = sched::cpu(i);
        IrqGuard guard{cpu.queue.lock};
        switches += cpu.switches;
    }
    process::for_each_process([&](process::Process&) { processes++; });
    std::uint64_t interrupts = 0;
    for (std::size_t n = 0; n < irq::in_use(); n++)
        for (std::uint32_t i = 0; i < sched::cpu_count(); i++)
            interrupts += irq::count(sched::cpu(i), n);
    format_to(out, "intr {}\nctxt {}\nbtime {}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n",
              interrupts, switches, (time::wall() - up).ns / 1'000'000'000, processes);
}

/// A line for each interrupt, by the controller's number: how often each CPU took it.
void write_interrupts(FormatSink& out) {
    const std::uint32_t cpus = sched::cpu_count();
    out.put("    ");
    for (std::uint32_t i = 0; i < cpus; i++) format_to(out, "       CPU{}", i);
    out.put("\n");
    for (std::size_t n = 0; n < irq::in_use(); n++) {
        format_to(out, "{:3}:", static_cast<std::uint32_t>(irq::number_of(n)));
        for (std::uint32_t i = 0; i < cpus; i++)
            format_to(out, " {:10}", irq::count(sched::cpu(i), n));
        format_to(out, "  {}\n", irq::chip().name());
    }
}

void write_hundredths(FormatSink& out, std::uint64_t value) {
    format_to(out, "{}.{:02}", value / 100, value % 100);
}

void write_uptime(FormatSink& out) {
    const std::uint64_t up = ticks(time::now());
    const std::uint64_t busy = ticks(busy_time());
    const std::uint64_t all = up * sched::cpus_expected();
    write_hundredths(out, up);
    out.put(" ");
    write_hundredths(out, all > busy ? all - busy : 0);
    out.put("\n");
}

void write_loadavg(FormatSink& out) {
    std::uint32_t threads = 0;
    process::Pid last = 0;
    process::for_each_process([&](process::Process& p) {
        threads += p.thread_count;
        last = std::max(last, p.pid);
    });
    // No average is kept; the reader itself runs.
    format_to(out, "0.00 0.00 0.00 1/{} {}\n", threads, last);
}

void write_version(FormatSink& out) {
    const syscall::SystemName name = syscall::system_name();
    format_to(out, "{} version {} {}\n", text_of(name.sysname), text_of(name.release),
              text_of(name.version));
}

void write_filesystems(FormatSink& out) {
    for (FileSystemType* type = first_file_system(); type; type = type->next)
        format_to(out, "{}\t{}\n", type->needs_device ? "" : "nodev", type->name);
}

// The CPUs are alike.
void write_cpuinfo(FormatSink& out) {
    for (std::uint32_t i = 0; i < sched::cpu_count(); i++) {
        format_to(out, "processor\t: {}\n", i);
        arch::write_cpu_report(out);
        out.put("\n");
    }
}

void write_swaps(FormatSink& out) { out.put("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"); }

template <syscall::SystemName::Field syscall::SystemName::*field>
void write_name(FormatSink& out) {
    const syscall::SystemName name = syscall::system_name();
    format_to(out, "{}\n", text_of(name.*field));
}

template <Result<void> (*set_name)(std::string_view)>
Result<void> store_name(std::string_view text) {
    if (process::current_process().credentials.euid != 0) return Errc::not_permitted;
    if (text.ends_with('\n')) text.remove_suffix(1);
    return set_name(text);
}

template <std::uint64_t number>
void write_number(FormatSink& out) {
    format_to(out, "{}\n", number);
}

template <const auto& text>
void write_text(FormatSink& out) {
    out.put(text);
}

/// A random identifier in the form of RFC 4122, version 4.
void write_uuid_bytes(FormatSink& out, std::array<std::byte, 16> bytes) {
    bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
    bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
    for (std::size_t i = 0; i < bytes.size(); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out.put("-");
        format_to(out, "{:02x}", static_cast<unsigned>(bytes[i]));
    }
    out.put("\n");
}

void write_uuid(FormatSink& out) {
    std::array<std::byte, 16> bytes;
    entropy::fill(bytes);
    write_uuid_bytes(out, bytes);
}

void write_boot_id(FormatSink& out) {
    static constinit std::array<std::byte, 16> bytes{};
    static constinit bool is_made = false;
    if (!is_made) entropy::fill(bytes); // the first reader; threads switch only where they block
    is_made = true;
    write_uuid_bytes(out, bytes);
}

void write_entropy_available(FormatSink& out) {
    format_to(out, "{}\n", entropy::is_seeded() ? 256 : 0);
}

void write_threads_max(FormatSink& out) {
    // One thread costs at least its kernel stack.
    format_to(out, "{}\n", mm::memory_total().bytes() / sched::Thread::stack_bytes / 2);
}

/// A line for each socket with a name or without.
class UnixLines final : public net::UnixVisitor {
public:
    explicit UnixLines(FormatSink& out) : out_(out) {}
    void visit(const net::UnixReport& report) override {
        // [linux] uapi/linux/net.h: SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED.
        unsigned state = 1;
        if (report.is_connected) state = report.is_accepted ? 3 : 2;
        constexpr unsigned accepts = 0x10000; // __SO_ACCEPTCON
        format_to(out_, "0000000000000000: 00000002 00000000 {:08x} {:04x} {:02x} {:5}",
                  report.is_listening ? accepts : 0u, static_cast<unsigned>(report.type), state,
                  report.ino);
        if (!report.name.empty()) write_name(report.name);
        out_.put("\n");
    }

private:
    /// The NUL behind a path is none of it; those of other names show as Linux shows them.
    void write_name(std::string_view name) {
        const bool is_path = name.front() != 0;
        if (is_path && name.back() == 0) name.remove_suffix(1);
        out_.put(" ");
        for (char c : name) out_.put(c == 0 ? std::string_view("@") : std::string_view(&c, 1));
    }
    FormatSink& out_;
};

void write_unix_sockets(FormatSink& out) {
    out.put("Num       RefCount Protocol Flags    Type St Inode Path\n");
    UnixLines lines(out);
    net::visit_unix_sockets(lines);
}

constexpr char never[] = "always madvise [never]\n";

constinit GeneratedFile proc_list[] = {
    {"meminfo", write_meminfo},
    {"slabinfo", write_slabinfo},
    {"cpuinfo", write_cpuinfo},
    {"stat", write_stat},
    {"interrupts", write_interrupts},
    {"uptime", write_uptime},
    {"loadavg", write_loadavg},
    {"version", write_version},
    {"filesystems", write_filesystems},
    {"swaps", write_swaps},
    {"net/unix", write_unix_sockets},
    {"sys/kernel/ostype", write_name<&syscall::SystemName::sysname>},
    {"sys/kernel/osrelease", write_name<&syscall::SystemName::release>},
    {"sys/kernel/version", write_name<&syscall::SystemName::version>},
    {"sys/kernel/hostname", write_name<&syscall::SystemName::nodename>,
     store_name<syscall::set_host_name>},
    {"sys/kernel/domainname", write_name<&syscall::SystemName::domainname>,
     store_name<syscall::set_domain_name>},
    {"sys/kernel/tainted", write_number<0>},
    {"sys/kernel/pid_max", write_number<process::max_pid>},
    {"sys/kernel/threads-max", write_threads_max},
    {"sys/kernel/ngroups_max", write_number<65536>},
    {"sys/kernel/cap_last_cap", write_number<40>},
    {"sys/kernel/random/boot_id", write_boot_id},
    {"sys/kernel/random/uuid", write_uuid},
    {"sys/kernel/random/entropy_avail", write_entropy_available},
    {"sys/kernel/random/poolsize", write_number<256>},
    {"sys/vm/overcommit_memory", write_number<0>}, // what cannot ever fit is refused
    {"sys/vm/max_map_count", write_number<mm::AddressSpace::max_regions>},
    {"sys/fs/file-max", write_number<static_cast<std::uint64_t>(INT64_MAX)>},
    {"sys/fs/nr_open", write_number<FdTable::most>},
    {"sys/fs/pipe-max-size", write_number<1048576>},
};

constinit GeneratedFile sys_list[] = {
    {"kernel/mm/transparent_hugepage/enabled", write_text<never>},
    {"kernel/mm/transparent_hugepage/hpage_pmd_size", write_number<2 << 20>},
};

} // namespace

void register_machine_files() {
    for (GeneratedFile& file : proc_list) register_file(proc_files, file);
    for (GeneratedFile& file : sys_list) register_file(sys_files, file);
}

} // namespace drupe::proc
