// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/clock.h>
#include <drupe/arch/cpu_report.h>
#include <drupe/arch/elf_abi.h>

namespace drupe::arch {

void write_cpu_report(FormatSink& out) {
    std::uint64_t midr;
    asm("mrs %0, midr_el1" : "=r"(midr));
    write_cpu_properties(out, {midr, hwcap(), hwcap2(), ticks_per_second()});
}

} // namespace drupe::arch
