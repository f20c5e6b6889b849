// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/frame_report.h>

#include <drupe/base/format.h>

#include <array>

namespace drupe::arch {

void print_registers(const TrapFrame& frame, void (*line)(std::string_view)) {
    std::array<char, 80> buffer;
    if (line) line(format_into(buffer, "  pc {:#x} sp {:#x}", frame.pc(), frame.sp()));
}

} // namespace drupe::arch
