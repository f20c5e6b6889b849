// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/frame_report.h>

#include <drupe/base/format.h>

#include <array>

namespace drupe::arch {

void print_registers(const TrapFrame& frame, void (*line)(std::string_view)) {
    if (!line) return;
    std::array<char, 128> buffer;
    for (unsigned n = 0; n < 30; n += 3)
        line(format_into(buffer, "  x{}{} {:016x}  x{}{} {:016x}  x{}{} {:016x}", n,
                         n < 10 ? " " : "", frame.x[n], n + 1, n + 1 < 10 ? " " : "",
                         frame.x[n + 1], n + 2, n + 2 < 10 ? " " : "", frame.x[n + 2]));
    line(format_into(buffer, "  x30 {:016x}  sp  {:016x}  pc  {:016x}", frame.x[30], frame.user_sp,
                     frame.elr));
    line(format_into(buffer, "  pstate {:08x}", frame.spsr));
}

} // namespace drupe::arch
