// SPDX-License-Identifier: BSD-2-Clause
#include "thunk.h"

#include <drupe/base/units.h>

#include <catch2/catch.hpp>

using namespace drupe;
using namespace drupe::syscall;

namespace {

int seen_fd;
VirtAddr seen_at;
std::int64_t seen_offset;
std::uint32_t seen_mode;

Result<std::uint64_t> typed(int fd, VirtAddr at, std::int64_t offset, std::uint32_t mode) {
    seen_fd = fd;
    seen_at = at;
    seen_offset = offset;
    seen_mode = mode;
    return 77;
}
Result<std::uint64_t> interrupted_call(int, VirtAddr) { return Errc::restart; }
std::uint64_t never_fails(std::uint32_t mode) { return mode; }
Result<std::uint64_t> big_value() { return 0xffff'ffff'0000ull; }

process::InterruptedCall recorded;

} // namespace

void process::record_interrupted(const InterruptedCall& call) { recorded = call; }

TEST_CASE("argument registers become a handler's types, upper halves ignored") {
    // A program may leave rubbish above a 32-bit argument.
    CHECK(Thunk<1, false, &typed>::call(0xdead'beef'ffff'ff9c, 0x1234'5678'9abc, ~0ull,
                                        0x1'0000'01ed, 9, 9) == 77);
    CHECK(seen_fd == -100);
    CHECK(seen_at == VirtAddr{0x1234'5678'9abc});
    CHECK(seen_offset == -1);
    CHECK(seen_mode == 0755);
}

TEST_CASE("a value passes whole, an address with the top bits set too") {
    CHECK(Thunk<2, false, &big_value>::call(0, 0, 0, 0, 0, 0) == 0xffff'ffff'0000);
}

TEST_CASE("a handler that cannot fail gets typed arguments, too") {
    CHECK(Thunk<3, false, &never_fails>::call(0x1'ffff'fff2, 9, 9, 9, 9, 9) == 0xffff'fff2);
}

TEST_CASE("an interrupted call that may block is remembered with the arguments it has") {
    CHECK(Thunk<63, true, &interrupted_call>::call(3, 4, 5, 6, 7, 8) == arch::call_restart);
    CHECK(recorded.number == 63);
    CHECK(recorded.args[0] == 3);
    CHECK(recorded.args[1] == 4);
    CHECK(recorded.args[2] == 0); // the handler has two
}
