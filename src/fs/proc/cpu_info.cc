// SPDX-License-Identifier: BSD-2-Clause
// /proc/cpuinfo. Form and names: [linux] arch/arm64/kernel/cpuinfo.c.
#include "proc_inodes.h"

#include <drupe/arch/elf_abi.h>
#include <drupe/sched/cpu.h>

#include <span>

namespace drupe::proc {
namespace {

// By bit of AT_HWCAP and AT_HWCAP2, as far as this kernel may set one.
constexpr std::string_view hwcap_names[] = {
    "fp",      "asimd", "evtstrm", "aes",   "pmull",    "sha1",   "sha2", "crc32",
    "atomics", "fphp",  "asimdhp", "cpuid", "asimdrdm", "jscvt",  "fcma", "lrcpc",
    "dcpop",   "sha3",  "sm3",     "sm4",   "asimddp",  "sha512", "sve",  "asimdfhm",
    "dit",     "uscat", "ilrcpc",  "flagm", "ssbs",     "sb",     "paca", "pacg",
};
constexpr std::string_view hwcap2_names[] = {
    "dcpodp", "sve2",    "sveaes",   "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2",
    "frint",  "svei8mm", "svef32mm", "svef64mm", "svebf16",    "i8mm",    "bf16",   "dgh",
    "rng",    "bti",     "mte",      "ecv",      "afp",        "rpres",
};

void write_features(FormatSink& out, std::uint64_t bits, std::span<const std::string_view> names) {
    for (std::size_t bit = 0; bit < names.size(); bit++)
        if (bits >> bit & 1) format_to(out, " {}", names[bit]);
}

} // namespace

void write_cpu_info(FormatSink& out) {
    const std::uint64_t id = arch::main_id();
    for (std::uint32_t cpu = 0; cpu < sched::cpu_count(); cpu++) {
        format_to(out, "processor\t: {}\nFeatures\t:", cpu);
        write_features(out, arch::hwcap(), hwcap_names);
        write_features(out, arch::hwcap2(), hwcap2_names);
        // [arm/arm] "MIDR_EL1": Implementer [31:24], Variant [23:20], PartNum [15:4], Revision
        // [3:0].
        format_to(out,
                  "\nCPU implementer\t: 0x{:02x}\nCPU architecture: 8\nCPU variant\t: 0x{:x}\n"
                  "CPU part\t: 0x{:03x}\nCPU revision\t: {}\n\n",
                  id >> 24 & 0xff, id >> 20 & 0xf, id >> 4 & 0xfff, id & 0xf);
    }
}

} // namespace drupe::proc
