// SPDX-License-Identifier: BSD-2-Clause
// The kernel's first thread.
#include "start_program.h"

#include "machine_state.h"

#include <drupe/mm/frames.h>
#include <drupe/trace/log.h>

namespace drupe::image {

void start_program(void*) {
    const mm::MemoryStats memory = mm::memory_stats();
    log(LogLevel::notice, "{} of {} pages are free", memory.free.n, memory.total.n);
    end_machine({Ending::Kind::exited, 0});
}

} // namespace drupe::image
