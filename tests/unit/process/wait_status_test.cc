// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/process/wait_status.h>

#include <sys/wait.h>

using drupe::process::WaitStatus;

// The build machine's own macros say what wait(2) means; they are the same on every Linux.
TEST_CASE("wait statuses read as the C library reads them") {
    for (int code : {0, 1, 42, 255, 256 + 7, -1}) {
        const int raw = WaitStatus::exited(code).raw();
        CHECK(WIFEXITED(raw));
        CHECK_FALSE(WIFSIGNALED(raw));
        CHECK(WEXITSTATUS(raw) == (code & 0xff));
        CHECK(WaitStatus::exited(code).is_exited());
        CHECK(WaitStatus::exited(code).code() == (code & 0xff));
    }
    for (int signo = 1; signo <= 64; signo++) {
        const int killed = WaitStatus::killed(signo).raw();
        CHECK(WIFSIGNALED(killed));
        CHECK(WTERMSIG(killed) == signo);
        CHECK_FALSE(WCOREDUMP(killed));
        CHECK(WaitStatus::killed(signo).is_killed());
        CHECK(WaitStatus::killed(signo).signal() == signo);
        const int stopped = WaitStatus::stopped(signo).raw();
        CHECK(WIFSTOPPED(stopped));
        CHECK(WSTOPSIG(stopped) == signo);
        CHECK_FALSE(WaitStatus::stopped(signo).is_killed());
        CHECK_FALSE(WaitStatus::stopped(signo).is_exited());
    }
    CHECK(WIFCONTINUED(WaitStatus::continued().raw()));
    CHECK_FALSE(WaitStatus::continued().is_killed());
}
