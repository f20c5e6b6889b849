// SPDX-License-Identifier: BSD-2-Clause
// Runs every self-test that the linker collected, or one crash.
#include "ktest.h"

#include <drupe/base/format.h>
#include <drupe/trace/log.h>

#include <autorun.h>

namespace drupe::ktest {
namespace {

extern "C" const Test* const drupe_ktests_begin[];
extern "C" const Test* const drupe_ktests_end[];

template <class... Args>
void say(std::string_view format, const Args&... args) {
    char line[256];
    trace::write_console(format_into(line, format, args...));
}

int run_all() {
    unsigned passed = 0, failed = 0;
    for (const Test* const* test = drupe_ktests_begin; test != drupe_ktests_end; test++) {
        const Verdict why = (*test)->run();
        if (why)
            say("ktest {} FAILED: {}\r\n", (*test)->name, why);
        else
            say("ktest {} ok\r\n", (*test)->name);
        (why ? failed : passed)++;
    }
    say("ktest: {} passed, {} failed\r\n", passed, failed);
    return failed == 0 && passed != 0 ? 0 : 1;
}

int autorun(std::string_view word) {
    constexpr std::string_view crash_prefix = "crash:";
    if (word == "ktest") return run_all();
    if (word.starts_with(crash_prefix)) crash(word.substr(crash_prefix.size()));
    say("ktest: nothing is called {}\r\n", word);
    return 1;
}

DRUPE_AUTORUN(autorun);

} // namespace
} // namespace drupe::ktest
