// SPDX-License-Identifier: BSD-2-Clause
// The texts are those of Linux 6.1 on QEMU 7.2's CPU models, as far as features are offered here.
#include <catch2/catch.hpp>

#include <drupe/arch/cpu_report.h>

#include <string>

using namespace drupe;
using namespace drupe::arch;

namespace {

class Text final : public FormatSink {
public:
    void put(std::string_view more) override { text += more; }
    std::string text;
};

std::string report(const CpuProperties& cpu) {
    Text text;
    write_cpu_properties(text, cpu);
    return text.text;
}

} // namespace

TEST_CASE("a CPU is described as on Linux") {
    CHECK(report({0x410f'd083, 0x0fb, 0, 62'500'000}) ==
          "BogoMIPS\t: 125.00\n"
          "Features\t: fp asimd aes pmull sha1 sha2 crc32\n"
          "CPU implementer\t: 0x41\n"
          "CPU architecture: 8\n"
          "CPU variant\t: 0x0\n"
          "CPU part\t: 0xd08\n"
          "CPU revision\t: 3\n");
}

TEST_CASE("every feature that is offered has its name at its bit") {
    // [linux] uapi/asm/hwcap.h
    const auto features = [](std::uint64_t hwcap, std::uint64_t hwcap2) {
        const std::string text = report({0, hwcap, hwcap2, 1'000'000});
        const std::size_t begin = text.find("Features\t:") + 10;
        return text.substr(begin, text.find('\n', begin) - begin);
    };
    CHECK(features(1 << 22, 0) == " sve");
    CHECK(features(1 << 29 | 1 << 28 | 1 << 27, 0) == " flagm ssbs sb");
    CHECK(features(1 << 15 | 1 << 16 | 1 << 20 | 1 << 21, 0) == " lrcpc dcpop asimddp sha512");
    CHECK(features(0, 1 << 1 | 1 << 7 | 1 << 16) == " sve2 flagm2 rng");
    CHECK(features(0, 1 << 9 | 1 << 13 | 1 << 14) == " svei8mm i8mm bf16");
    CHECK(features(0, 0) == "");
}
