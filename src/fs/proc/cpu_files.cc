// SPDX-License-Identifier: BSD-2-Clause
// /sys/devices/system/cpu and node: one package of cores with one thread each, and one node. What
// is said of each CPU is made when somebody first looks. [linux] drivers/base/topology.c
#include "proc_inodes.h"

#include <drupe/mm/frames.h>
#include <drupe/sched/cpu.h>
#include <drupe/vfs/generated_file.h>

#include <algorithm>
#include <iterator>

namespace drupe::proc {

using namespace vfs;

namespace {

using Write = Result<void> (*)(FormatSink& out, const void* cpu);

std::uint32_t cpu_of(const void* cpu) { return *static_cast<const std::uint32_t*>(cpu); }

/// The bits of the CPUs [first, end), as %*pb prints them: words of 32 bits, the highest first, in
/// no more digits than all CPUs need.
void write_mask(FormatSink& out, std::uint32_t first, std::uint32_t end) {
    constexpr std::uint32_t word_bits = 32, digit_bits = 4;
    std::uint32_t above = sched::cpus_expected();
    while (above != 0) {
        const std::uint32_t base = (above - 1) / word_bits * word_bits;
        for (std::uint32_t digit = (above - base + digit_bits - 1) / digit_bits; digit-- != 0;) {
            unsigned bits = 0;
            for (std::uint32_t bit = 0; bit < digit_bits; bit++) {
                const std::uint32_t cpu = base + digit * digit_bits + bit;
                if (cpu >= first && cpu < end) bits |= 1u << bit;
            }
            format_to(out, "{:x}", bits);
        }
        if (base != 0) out.put(",");
        above = base;
    }
    out.put("\n");
}

void write_all(FormatSink& out) { write_mask(out, 0, sched::cpus_expected()); }
void write_list(FormatSink& out) {
    const std::uint32_t count = sched::cpus_expected();
    if (count > 1)
        format_to(out, "0-{}\n", count - 1);
    else
        out.put("0\n");
}

template <unsigned number>
Result<void> write_plain(FormatSink& out, const void*) {
    format_to(out, "{}\n", number);
    return {};
}
Result<void> write_own_number(FormatSink& out, const void* cpu) {
    format_to(out, "{}\n", cpu_of(cpu));
    return {};
}
Result<void> write_own_mask(FormatSink& out, const void* cpu) {
    write_mask(out, cpu_of(cpu), cpu_of(cpu) + 1);
    return {};
}
template <void (*write)(FormatSink& out)>
Result<void> write_common(FormatSink& out, const void*) {
    write(out);
    return {};
}

constexpr struct Leaf {
    const char* name;
    Write write;
} leaves[] = {
    {"online", write_plain<1>},
    {"topology/core_id", write_own_number},
    {"topology/cluster_id", write_plain<0>},
    {"topology/physical_package_id", write_plain<0>},
    {"topology/core_cpus", write_own_mask},
    {"topology/core_cpus_list", write_own_number},
    {"topology/thread_siblings", write_own_mask},
    {"topology/thread_siblings_list", write_own_number},
    {"topology/cluster_cpus", write_common<write_all>},
    {"topology/cluster_cpus_list", write_common<write_list>},
    {"topology/core_siblings", write_common<write_all>},
    {"topology/core_siblings_list", write_common<write_list>},
    {"topology/package_cpus", write_common<write_all>},
    {"topology/package_cpus_list", write_common<write_list>},
};

/// Of one CPU; for ever.
struct CpuFiles {
    std::uint32_t number;
    GeneratedFile files[std::size(leaves)];
    char paths[std::size(leaves)][64];
};

Result<void> add_cpu(std::uint32_t number) {
    CpuFiles& own = *TRY(make_own<CpuFiles>()).leak();
    own.number = number;
    for (std::size_t n = 0; n < std::size(leaves); n++) {
        BufferSink path(own.paths[n]); // zeroed, and never full
        format_to(path, "devices/system/cpu/cpu{}/{}", number, leaves[n].name);
        own.files[n].path = own.paths[n];
        own.files[n].write_of = leaves[n].write;
        own.files[n].subject = &own.number;
        register_file(sys_files, own.files[n]);
    }
    return {};
}

void add_cpus() {
    for (std::uint32_t cpu = 0; cpu < sched::cpus_expected(); cpu++)
        if (!add_cpu(cpu)) return; // there is too little memory
}

template <const char* text>
void write_text(FormatSink& out) {
    out.put(text);
}
constexpr char nothing[] = "\n", zero[] = "0\n", local[] = "10\n",
               no_control[] = "notimplemented\n";

void write_last(FormatSink& out) { format_to(out, "{}\n", DRUPE_MAX_CPUS - 1); }

void write_node_memory(FormatSink& out) {
    const mm::MemoryStats m = mm::memory_stats();
    const auto row = [&](const char* name, std::size_t pages) {
        format_to(out, "Node 0 {} {:8} kB\n", name, std::uint64_t{PageCount{pages}.bytes() / 1024});
    };
    row("MemTotal:      ", m.total.n);
    row("MemFree:       ", m.free.n);
    row("MemUsed:       ", m.total.n - std::min(m.total.n, m.free.n));
}

constinit GeneratedFile files[] = {
    {"devices/system/cpu/online", write_list},
    {"devices/system/cpu/possible", write_list},
    {"devices/system/cpu/present", write_list},
    {"devices/system/cpu/offline", write_text<nothing>},
    {"devices/system/cpu/isolated", write_text<nothing>},
    {"devices/system/cpu/kernel_max", write_last},
    {"devices/system/cpu/smt/active", write_text<zero>},
    {"devices/system/cpu/smt/control", write_text<no_control>},
    {"devices/system/node/online", write_text<zero>},
    {"devices/system/node/possible", write_text<zero>},
    {"devices/system/node/has_cpu", write_text<zero>},
    {"devices/system/node/has_memory", write_text<zero>},
    {"devices/system/node/has_normal_memory", write_text<zero>},
    {"devices/system/node/node0/cpulist", write_list},
    {"devices/system/node/node0/cpumap", write_all},
    {"devices/system/node/node0/distance", write_text<local>},
    {"devices/system/node/node0/meminfo", write_node_memory},
};

} // namespace

void register_cpu_files() {
    for (GeneratedFile& file : files) register_file(sys_files, file);
    auto of_each = make_own<LateFiles>("devices/system/cpu/", add_cpus);
    if (of_each.ok()) register_late(sys_files, *of_each.value().leak());
}

} // namespace drupe::proc
