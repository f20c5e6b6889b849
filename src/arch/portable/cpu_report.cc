// SPDX-License-Identifier: BSD-2-Clause
// The lines of /proc/cpuinfo on arm64. Their form: [linux] arch/arm64/kernel/cpuinfo.c.
#include <drupe/arch/cpu_report.h>

#include <cstddef>
#include <string_view>

namespace drupe::arch {
namespace {

// By bit. [linux] Documentation/arm64/elf_hwcaps.rst; names that are not here are never offered.
constexpr std::string_view hwcap_names[] = {
    "fp",      "asimd", "evtstrm", "aes",   "pmull",    "sha1",   "sha2", "crc32",
    "atomics", "fphp",  "asimdhp", "cpuid", "asimdrdm", "jscvt",  "fcma", "lrcpc",
    "dcpop",   "sha3",  "sm3",     "sm4",   "asimddp",  "sha512", "sve",  "asimdfhm",
    "dit",     "uscat", "ilrcpc",  "flagm", "ssbs",     "sb"};
constexpr std::string_view hwcap2_names[] = {
    "dcpodp",  "sve2",   "sveaes", "svepmull", "svebitperm", "svesha3",
    "svesm4",  "flagm2", "frint",  "svei8mm",  "svef32mm",   "svef64mm",
    "svebf16", "i8mm",   "bf16",   "dgh",      "rng"};

template <std::size_t n>
void write_names(FormatSink& out, std::uint64_t bits, const std::string_view (&names)[n]) {
    for (std::size_t bit = 0; bit < n; bit++)
        if ((bits >> bit & 1) != 0) format_to(out, " {}", names[bit]);
}

} // namespace

void write_cpu_properties(FormatSink& out, const CpuProperties& cpu) {
    // Linux counts two instructions of its delay loop for each tick.
    const std::uint64_t hundredths = cpu.ticks_per_second * 2 / 10'000;
    format_to(out, "BogoMIPS\t: {}.{:02}\nFeatures\t:", hundredths / 100, hundredths % 100);
    write_names(out, cpu.hwcap, hwcap_names);
    write_names(out, cpu.hwcap2, hwcap2_names);
    // [arm/arm] "MIDR_EL1, Main ID Register": Implementer, Variant, PartNum, Revision.
    format_to(out, "\nCPU implementer\t: 0x{:02x}\nCPU architecture: 8\nCPU variant\t: 0x{:x}\n",
              cpu.midr >> 24 & 0xff, cpu.midr >> 20 & 0xf);
    format_to(out, "CPU part\t: 0x{:03x}\nCPU revision\t: {}\n", cpu.midr >> 4 & 0xfff,
              cpu.midr & 0xf);
}

} // namespace drupe::arch
