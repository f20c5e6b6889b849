// SPDX-License-Identifier: BSD-2-Clause
// The simulated CPU has none of the properties that programs look for.
#include <drupe/arch/clock.h>
#include <drupe/arch/cpu_report.h>

namespace drupe::arch {

void write_cpu_report(FormatSink& out) { write_cpu_properties(out, {0, 0, 0, ticks_per_second()}); }

} // namespace drupe::arch
