// SPDX-License-Identifier: BSD-2-Clause
// What reaches the console about calls: those nobody answers, and all of them under strace.
#include <drupe/arch/syscall_abi.h>
#include <drupe/syscall/strace.h>
#include <drupe/trace/log.h>

#include <sim/machine.h>

#include <catch2/catch.hpp>

#include <functional>
#include <string>

using namespace drupe;

namespace {

std::string console;

/// What `action`, run by a thread named "prog", makes the kernel say.
std::string said_by(std::function<void()> action) {
    static const bool installed = [] {
        trace::install_console([](std::string_view bytes) {
            for (char c : bytes)
                if (c != '\r') console += c;
        });
        return true;
    }();
    REQUIRE(installed);
    console.clear();
    sim::Machine machine({.seed = 1});
    machine.spawn("prog", std::move(action));
    CHECK(machine.run());
    return console;
}

std::int64_t call(unsigned number, std::uint64_t first = 0) {
    return drupe_active_table[number](first, 0, 0, 0, 0, 0);
}

} // namespace

TEST_CASE("a call that nobody answers gives ENOSYS and is reported once, by name") {
    constexpr unsigned io_setup = 0, seccomp = 277, unused = 511;
    CHECK(said_by([] { CHECK(call(io_setup) == -38); }) ==
          "drupe: prog: system call io_setup (0) is not implemented, called by a direct call\n");
    CHECK(said_by([] {
              CHECK(drupe_active_direct_table[io_setup](0, 0, 0, 0, 0, 0) == -38);
          }).empty());
    CHECK(said_by([] { CHECK(call(seccomp) == -38); }).empty()); // programs do well without
    CHECK(said_by([] { CHECK(call(unused) == -38); }) ==
          "drupe: prog: there is no system call 511, called by a direct call\n");
    CHECK(said_by([] { CHECK(drupe_unknown_syscall(~0ull) == -38); }) ==
          "drupe: prog: there is no system call 18446744073709551615, called by a direct call\n");
    CHECK(said_by([] { CHECK(drupe_unknown_syscall(1000) == -38); }).empty());
}

TEST_CASE("strace prints each call by whichever way it came, until then nothing") {
    constexpr unsigned acct = 89;
    const char* path = "/var/acct";
    const auto first = reinterpret_cast<std::uint64_t>(path);
    CHECK(said_by([&] { call(acct, first); }).find("(\"/var") == std::string::npos);
    const auto *table = drupe_active_table, *direct = drupe_active_direct_table;
    syscall::enable_strace();
    const std::string line = "acct(\"/var/acct\") = -1 ENOSYS\n";
    const std::string by_svc = said_by([&] { CHECK(call(acct, first) == -38); });
    const std::string by_call =
        said_by([&] { CHECK(drupe_active_direct_table[acct](first, 0, 0, 0, 0, 0) == -38); });
    drupe_active_table = table;
    drupe_active_direct_table = direct;
    CHECK(by_svc.starts_with("drupe: ["));
    CHECK(by_svc.ends_with(line));
    CHECK(by_call.ends_with(line));
}
