// SPDX-License-Identifier: BSD-2-Clause
#include "power_key.h"

#include "machine_state.h"

#include <drupe/base/ref_ptr.h>
#include <drupe/process/lifecycle.h>
#include <drupe/process/signal.h>
#include <drupe/process/signal_abi.h>
#include <drupe/time/clock.h>
#include <drupe/trace/log.h>

#include <utility>

namespace drupe::image {
namespace {

constexpr std::int64_t patience = 10'000'000'000; // nanoseconds

void kill_program() {
    static_cast<void>(process::post_signal(*process::program(), process::sigkill));
}

} // namespace

void on_power_key() {
    static constinit bool was_pressed = false; // one CPU takes the interrupt
    process::Process* const program = process::program();
    if (!program) end_machine({Ending::Kind::powered_off});
    if (std::exchange(was_pressed, true)) return kill_program();
    log(LogLevel::notice, "power key: the program is asked to end, and has 10 s");
    static_cast<void>(process::post_signal(*program, process::sigterm));
    // Without memory for it the key has to be pressed again.
    auto timer = make_own<time::Timer>([](time::Timer&) { kill_program(); });
    if (timer) timer.value().leak()->arm(time::now() + Nanos{patience});
}

} // namespace drupe::image
