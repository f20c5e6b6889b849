// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/elf/load_plan.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <vector>

using namespace drupe;

namespace {

// As `readelf -n` prints it for Debian's programs: one note, one property.
std::vector<std::byte> note(std::uint32_t property, std::uint32_t features) {
    const std::uint32_t words[] = {4, 16, 5, 0x00554e47, property, 4, features, 0};
    std::vector<std::byte> out(sizeof words);
    std::memcpy(out.data(), words, sizeof words);
    return out;
}

} // namespace

TEST_CASE("branch targets are promised by the AArch64 feature property alone") {
    CHECK(elf::has_branch_targets(note(0xc0000000, 3)));
    CHECK(elf::has_branch_targets(note(0xc0000000, 1)));
    CHECK_FALSE(elf::has_branch_targets(note(0xc0000000, 2)));
    CHECK_FALSE(elf::has_branch_targets(note(0xc0000001, 1)));
    CHECK_FALSE(elf::has_branch_targets({}));
}

TEST_CASE("notes cut off anywhere promise nothing") {
    auto whole = note(0xc0000000, 1);
    for (std::size_t n = 0; n < 28; n++) {
        INFO(n);
        CHECK_FALSE(elf::has_branch_targets(std::span(whole).first(n)));
    }
}
