// SPDX-License-Identifier: BSD-2-Clause
// reboot(2) up to the machine: who may, what is refused, and which of the endings is asked for.
#include "process_programs.h"

#include <catch2/catch.hpp>

#include <drupe/syscall/handlers.h>
#include <drupe/syscall/machine_control.h>

#include <string>

using namespace drupe;
using sim::at;
using sim::Program;
using sim::Programs;

namespace {

constexpr std::int64_t eperm = -1, eio = -5, efault = -14, einval = -22;
// [linux] include/uapi/linux/reboot.h
constexpr std::uint32_t magic = 0xfee1dead, magic2 = 672274793;
constexpr std::uint32_t restart = 0x01234567, restart2 = 0xa1b2c3d4, halt = 0xcdef0123,
                        power_off = 0x4321fedc, key_on = 0x89abcdef, key_off = 0;

constinit std::string asked;

std::int64_t ask(Program& p, std::uint32_t first, std::uint32_t second, std::uint32_t command,
                 VirtAddr argument = VirtAddr{}) {
    return p.call([&] { return syscall::reboot(first, second, command, argument); });
}

} // namespace

TEST_CASE("reboot asks the machine for the ending that it was told, and for no other") {
    // A machine that cannot: each returns.
    syscall::install_machine_control({.power_off = [] { asked += "off "; },
                                      .restart = [] { asked += "restart "; },
                                      .halt = [] { asked += "halt "; }});
    Programs programs;
    asked.clear();
    programs.start([&](Program& p) {
        char word[] = "recovery";
        CHECK(ask(p, magic, magic2, power_off) == eio);
        CHECK(ask(p, magic, magic2, halt) == eio);
        CHECK(ask(p, magic, magic2, restart) == eio);
        CHECK(ask(p, magic, magic2, restart2, at(word)) == eio);
    });
    programs.run();
    CHECK(asked == "off halt restart restart ");
    syscall::install_machine_control({});
}

TEST_CASE("reboot refuses what Linux refuses, and nothing ends") {
    syscall::install_machine_control({.power_off = [] { asked += "off "; },
                                      .restart = [] { asked += "restart "; },
                                      .halt = [] { asked += "halt "; }});
    Programs programs;
    asked.clear();
    programs.start([&](Program& p) {
        CHECK(ask(p, magic + 1, magic2, power_off) == einval);
        CHECK(ask(p, magic, magic2 + 1, power_off) == einval);
        CHECK(ask(p, magic, magic2, power_off + 1) == einval);
        CHECK(ask(p, magic, magic2, restart2, VirtAddr{}) == efault);
        for (std::uint32_t second : {672274793u, 85072278u, 369367448u, 537993216u}) {
            CHECK(ask(p, magic, second, key_on) == 0);
            CHECK(ask(p, magic, second, key_off) == 0);
        }
        REQUIRE(p.call([] { return syscall::setuid(1000); }) == 0);
        CHECK(ask(p, magic, magic2, power_off) == eperm);
        CHECK(ask(p, magic + 1, magic2, key_on) == eperm); // who asks comes before what
    });
    programs.run();
    CHECK(asked.empty());
    syscall::install_machine_control({});
}
