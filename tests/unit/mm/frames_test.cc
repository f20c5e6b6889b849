// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/frames.h>
#include <drupe/mm/last_resort.h>

#include <support/test_memory.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace drupe;
using namespace drupe::mm;
using drupe::testing::TestMemory;

namespace {
constexpr std::uint64_t MiB = 1 << 20;
PhysAddr at(std::uint64_t address) { return PhysAddr{address}; }
} // namespace

TEST_CASE("every frame but the records' can be had once, and comes back") {
    TestMemory memory(1024);
    const std::size_t start = TestMemory::free_frames();
    CHECK(memory_stats().total.n == 1024);
    CHECK(start == 1024 - 4); // 1024 records of 16 bytes
    std::set<PhysAddr> taken;
    while (auto frame = alloc_frames()) {
        CHECK(is_ram(frame.value()));
        CHECK(taken.insert(frame.value()).second);
    }
    CHECK(taken.size() == start);
    CHECK(TestMemory::free_frames() == 0);
    CHECK(alloc_frames(3).error() == Errc::no_memory);
    for (PhysAddr frame : taken) free_frames(frame);
    CHECK(memory.leaked() == 0);
    // What was single frames has become large blocks again.
    auto large = alloc_frames(9);
    REQUIRE(large);
    CHECK(is_aligned(large.value(), page_size << 9));
    free_frames(large.value(), 9);
}

TEST_CASE("banks may be small, unaligned and far apart, and reserved ranges are left alone") {
    const std::vector<MemoryRange> banks = {{at(0x4000'0000 + 3 * 4096), 5 * MiB},
                                            {at(0x4000'0000 + 16 * MiB), 4096 * 3},
                                            {at(0x4000'0000 + 20 * MiB + 4096), 9 * MiB}};
    const std::vector<MemoryRange> reserved = {{at(0x4000'0000 + 22 * MiB + 100), 5000},
                                               {at(0x4000'0000), 0x100000},
                                               {at(0x4000'0000 + 0x100000), 4096},
                                               {at(0x4000'0000 + 18 * MiB), 4096}};
    TestMemory memory(banks, reserved);
    std::set<std::uint64_t> taken;
    while (auto frame = alloc_frames()) taken.insert(raw(frame.value()));
    auto inside = [](std::uint64_t a, const MemoryRange& r) {
        return a + page_size > raw(r.base) && a < raw(r.base) + r.bytes;
    };
    for (std::uint64_t a : taken) {
        CHECK(std::any_of(banks.begin(), banks.end(), [&](auto& b) {
            return a >= raw(b.base) && a + page_size <= raw(b.base) + b.bytes;
        }));
        CHECK(
            std::none_of(reserved.begin(), reserved.end(), [&](auto& r) { return inside(a, r); }));
    }
    CHECK(taken.size() > (14 * MiB - 2 * MiB) / page_size - 30);
    for (std::uint64_t a : taken) free_frames(at(a));
    CHECK(memory.leaked() == 0);
}

TEST_CASE("reserved memory is given back except where somebody holds it") {
    const MemoryRange archive{at(0x4000'0000 + 2 * MiB), MiB};
    TestMemory memory({{at(0x4000'0000), 16 * MiB}}, {archive});
    retain_frame(archive.base + 5 * page_size);
    const std::size_t before = TestMemory::free_frames();
    frames_add({archive.base + 100, archive.bytes - 100}); // the first is not whole
    CHECK(TestMemory::free_frames() == before + 256 - 2);
    release_frame(archive.base + 5 * page_size);
    CHECK(TestMemory::free_frames() == before + 256 - 1);
}

TEST_CASE("records are made only for the chunks that are used") {
    // 64 MiB of RAM whose records would be 256 KiB: the first frames touch 16 KiB of them.
    TestMemory memory({{at(0x4000'0000), 64 * MiB}}, {});
    auto frame = alloc_frames();
    REQUIRE(frame);
    const auto* records = reinterpret_cast<const unsigned char*>(&frame_of(at(0x4000'0000)));
    const std::size_t all = 64 * MiB / page_size * sizeof(Frame);
    const auto untouched = std::count(records, records + all, 0xa5);
    CHECK(untouched > static_cast<std::ptrdiff_t>(all - all / 8));
    free_frames(frame.value());
}

TEST_CASE("random allocations of all orders neither overlap nor leak") {
    TestMemory memory(4096);
    std::mt19937 random(GENERATE(1u, 2u, 3u, 4u));
    std::map<std::uint64_t, unsigned> live; // base -> order
    for (int step = 0; step < 20000; step++) {
        if (random() % 100 < 55) {
            const unsigned order = random() % 4 == 0 ? random() % (max_frame_order + 1) : 0;
            auto block = alloc_frames(order);
            if (!block) continue;
            const std::uint64_t base = raw(block.value()), end = base + (page_size << order);
            REQUIRE(is_aligned(block.value(), page_size << order));
            auto next = live.lower_bound(base);
            REQUIRE((next == live.end() || next->first >= end));
            if (next != live.begin()) {
                auto previous = std::prev(next);
                REQUIRE(previous->first + (page_size << previous->second) <= base);
            }
            live[base] = order;
        } else if (!live.empty()) {
            auto victim = std::next(live.begin(), random() % live.size());
            free_frames(at(victim->first), victim->second);
            live.erase(victim);
        }
    }
    for (auto [base, order] : live) free_frames(at(base), order);
    CHECK(memory.leaked() == 0);
}

TEST_CASE("a frame goes back with its last reference, and not twice") {
    TestMemory memory(256);
    const PhysAddr frame = alloc_zeroed_frame().value();
    const auto* bytes = static_cast<const char*>(phys_to_virt(frame));
    CHECK(std::all_of(bytes, bytes + page_size, [](char c) { return c == 0; }));
    CHECK(address_of(frame_of(frame)) == frame);
    retain_frame(frame);
    release_frame(frame);
    CHECK(memory.leaked() == 1);
    release_frame(frame);
    CHECK(memory.leaked() == 0);
    CHECK_THROWS(release_frame(frame));
}

TEST_CASE("who has memory is asked before an allocation fails, as often as that helps") {
    TestMemory memory(64);
    static std::vector<PhysAddr> kept;
    static unsigned asked = 0;
    kept.clear();
    asked = 0;
    for (;;) {
        const auto frame = mm::alloc_frames();
        if (!frame) break;
        kept.push_back(frame.value());
    }
    mm::set_last_resort([] {
        asked++;
        if (kept.empty()) return false;
        mm::free_frames(kept.back());
        kept.pop_back();
        return true;
    });
    const std::size_t had = kept.size();
    CHECK(mm::alloc_frames().ok());
    CHECK(asked == 1);
    CHECK(mm::alloc_frames(2).ok()); // until four are together
    CHECK(kept.size() < had - 4);
    asked = 0;
    CHECK(mm::alloc_frames(9).error() == Errc::no_memory);
    CHECK(kept.empty());
    CHECK(asked > 1);
    mm::set_last_resort(nullptr);
}
