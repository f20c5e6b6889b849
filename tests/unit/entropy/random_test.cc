// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/entropy/chacha20.h>
#include <drupe/entropy/random.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/lock_statistics.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

using namespace drupe;
using namespace drupe::entropy;

namespace {

std::vector<std::byte> draw(std::size_t count) {
    std::vector<std::byte> out(count);
    fill(out);
    return out;
}

} // namespace

TEST_CASE("the block function gives the vector of RFC 8439, section 2.3.2") {
    ChaChaKey key;
    unsigned char bytes[32];
    for (unsigned i = 0; i < 32; i++) bytes[i] = static_cast<unsigned char>(i);
    std::memcpy(&key, bytes, sizeof key);
    const ChaChaBlock expected = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
                                  0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
                                  0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                  0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
    CHECK(chacha20(key, {1, 0x09000000, 0x4a000000, 0}) == expected);
}

TEST_CASE("it counts as seeded after 16 bytes fit for it, not after any number of others") {
    const std::vector<std::byte> some(8, std::byte{1}), many(1000, std::byte{2});
    add(many, Quality::stir);
    CHECK_FALSE(is_seeded());
    add(some, Quality::seed);
    CHECK_FALSE(is_seeded());
    add(some, Quality::seed);
    CHECK(is_seeded());
}

TEST_CASE("timing counts as a seed when there is no other") {
    const auto before = draw(32);
    seed_from_timing();
    CHECK(is_seeded());
    CHECK(draw(32) != before);
}

TEST_CASE("no two draws are alike, whatever their sizes") {
    for (std::size_t size : {16, 32, 33, 64, 100, 4096}) {
        auto a = draw(size), b = draw(size);
        CHECK(a != b);
        CHECK(std::count(a.begin(), a.end(), std::byte{0}) < static_cast<long>(size / 4 + 4));
    }
    draw(0);
}

TEST_CASE("a long draw is spread evenly") {
    auto bytes = draw(1 << 20);
    unsigned counts[256] = {};
    for (std::byte b : bytes) counts[static_cast<unsigned char>(b)]++;
    for (unsigned n : counts) CHECK((n > 3700 && n < 4500)); // 4096 ± 6 standard deviations
}

TEST_CASE("each CPU draws for itself, and hears of what is added") {
    const std::vector<std::byte> seed(16, std::byte{7});
    add(seed, Quality::seed);
    draw(32);
    const auto keyed = [](const CpuRandom& r) { return std::vector(r.key, r.key + 8); };
    CpuRandom& here = boot_cpu_core.random;
    const CpuRandom first = std::exchange(here, {}); // another CPU's is new
    draw(32);
    CHECK(here.generation == first.generation);
    CHECK(keyed(here) != keyed(first));
    const std::uint64_t roots = lock_statistics::of(LockRank::entropy).taken;
    draw(32);
    draw(4096);
    CHECK(lock_statistics::of(LockRank::entropy).taken == roots);
    add(seed, Quality::stir);
    draw(32);
    CHECK(here.generation == first.generation + 1);
    CHECK(lock_statistics::of(LockRank::entropy).taken == roots + 2);
}
