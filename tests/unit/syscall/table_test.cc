// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/syscall_abi.h>
#include <drupe/syscall/errno.h>

#include <catch2/catch.hpp>

using namespace drupe;

// The table names the assembly entry; here it only has to be told apart.
std::int64_t drupe_direct_with_frame(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                     std::uint64_t, std::uint64_t) {
    return -1;
}

TEST_CASE("errors become Linux's numbers, and numbers have names") {
    CHECK(syscall::to_return_value(Errc::not_found) == -2);
    CHECK(syscall::to_return_value(Errc::timed_out) == -110);
    CHECK(syscall::to_return_value(Errc::restart) == arch::call_restart);
    CHECK(syscall::errno_name(2) == "ENOENT");
    CHECK(syscall::errno_name(110) == "ETIMEDOUT");
    CHECK(syscall::errno_name(4095).empty());
}
