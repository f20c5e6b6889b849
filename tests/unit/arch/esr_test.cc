// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/aarch64/esr.h>

using namespace drupe;
using namespace drupe::arch;
using aarch64::decode_fault;
using aarch64::Esr;

static_assert(Esr{0x9600'0047}.ec() == Esr::Class::data_abort && Esr{0x9600'0047}.is_write());

TEST_CASE("data aborts tell missing mappings from missing permissions") {
    Fault f = decode_fault(Esr{0x9600'0047}, 0x1234, 0x400000); // EL1, write, translation level 3
    CHECK(f.kind == Fault::Kind::translation);
    CHECK(f.access == Access::write);
    CHECK(raw(f.address) == 0x1234);
    f = decode_fault(Esr{0x9200'000f}, 0x5000, 0x400000); // EL0, read, permission level 3
    CHECK(f.kind == Fault::Kind::permission);
    CHECK(f.access == Access::read);
    CHECK(decode_fault(Esr{0x9600'0021}, 3, 0).kind == Fault::Kind::alignment);
    CHECK(decode_fault(Esr{0x9600'0010}, 3, 0).kind == Fault::Kind::bus);
}
TEST_CASE("a tag in a user address is not part of the address; a kernel address stays whole") {
    CHECK(raw(decode_fault(Esr{0x9200'0007}, 0xab00'0000'0000'1000, 0).address) == 0x1000);
    CHECK(raw(decode_fault(Esr{0x9600'0007}, 0xffff'8000'0000'0000, 0).address) ==
          0xffff'8000'0000'0000);
}
TEST_CASE("cache maintenance that faults is a read") {
    CHECK(decode_fault(Esr{0x9200'0147}, 0x1000, 0).access == Access::read);
}
TEST_CASE("instruction aborts, undefined instructions and breakpoints carry the program counter") {
    const Fault abort = decode_fault(Esr{0x8600'0007}, 0x7000, 0x7000);
    CHECK(abort.kind == Fault::Kind::translation);
    CHECK(abort.access == Access::exec);
    CHECK(decode_fault(Esr{0x0200'0000}, 0, 0x8000).kind == Fault::Kind::undefined);
    CHECK(raw(decode_fault(Esr{0xf200'0001}, 0, 0x8000).address) == 0x8000);
    CHECK(decode_fault(Esr{0xf200'0001}, 0, 0x8000).kind == Fault::Kind::breakpoint);
}
