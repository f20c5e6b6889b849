// SPDX-License-Identifier: BSD-2-Clause
// ID register values as QEMU 7.2 gives them for its CPU models (read at EL1).
#include <catch2/catch.hpp>

#include <drupe/arch/cpu_features.h>

using namespace drupe::arch;

TEST_CASE("an Armv8.0 CPU offers its crypto and nothing newer") {
    IdRegisters a72{};
    a72.isar0 = 0x0000'1120;
    a72.pfr0 = 0x2222;
    const CpuFeatures f = features_from(a72);
    CHECK(f.hwcap == 0x07b); // FP ASIMD AES PMULL SHA1 SHA2
    CHECK(f.hwcap2 == 0);
    CHECK_FALSE(f.sve);
    CHECK_FALSE(f.pan);
}
TEST_CASE("fields that say absent give no bit") {
    IdRegisters none{};
    none.pfr0 = 0xffull << 16;
    CHECK(features_from(none).hwcap == 0);
}
TEST_CASE("scalable vector extras count only with SVE") {
    IdRegisters id{};
    id.zfr0 = 1;
    CHECK(features_from(id).hwcap2 == 0);
    id.pfr0 = std::uint64_t{1} << 32;
    CHECK(features_from(id).hwcap2 == 2);
    CHECK((features_from(id).hwcap >> 22 & 1) == 1);
}
