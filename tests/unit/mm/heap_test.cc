// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/heap.h>

#include <drupe/sync/cpu_core.h>
#include <support/test_memory.h>

#include <bit>
#include <map>
#include <random>
#include <set>

using namespace drupe;
using namespace drupe::mm;
using drupe::testing::TestMemory;

TEST_CASE("objects of all sizes are apart, aligned, and keep their content") {
    TestMemory memory(4096);
    std::mt19937 random(GENERATE(1u, 2u, 3u));
    struct Object {
        std::size_t bytes;
        unsigned char mark;
    };
    std::map<unsigned char*, Object> live;
    for (int step = 0; step < 30000; step++) {
        if (random() % 100 < (step < 15000 ? 60u : 40u)) {
            const std::size_t bytes = random() % (random() % 10 == 0 ? 20000 : 2049);
            auto* p = static_cast<unsigned char*>(heap_alloc(bytes));
            if (!p) continue;
            REQUIRE(reinterpret_cast<std::uintptr_t>(p) % heap_alignment == 0);
            if (std::has_single_bit(bytes) && bytes <= page_size)
                REQUIRE(reinterpret_cast<std::uintptr_t>(p) % bytes == 0);
            auto next = live.lower_bound(p);
            REQUIRE((next == live.end() || p + bytes <= next->first));
            if (next != live.begin())
                REQUIRE(std::prev(next)->first + std::prev(next)->second.bytes <= p);
            const auto mark = static_cast<unsigned char>(random());
            std::memset(p, mark, bytes);
            live[p] = {bytes, mark};
        } else if (!live.empty()) {
            auto victim = std::next(live.begin(), random() % live.size());
            for (std::size_t i = 0; i < victim->second.bytes; i++)
                REQUIRE(victim->first[i] == victim->second.mark);
            heap_free(victim->first);
            live.erase(victim);
        }
    }
    for (auto& [p, object] : live) heap_free(p);
    CHECK(memory.leaked() == 0);
    CHECK(memory_stats().slab.n == 0);
}

TEST_CASE("out of memory is a null pointer, and what was freed can be had again") {
    TestMemory memory(64);
    std::vector<void*> all;
    while (void* p = heap_alloc(1024)) all.push_back(p);
    CHECK(all.size() > 200);
    CHECK(heap_alloc(2 << 20) == nullptr);
    heap_free(all.back());
    CHECK((all.back() = heap_alloc(1000)) != nullptr);
    for (void* p : all) heap_free(p);
    heap_free(nullptr);
    CHECK(memory.leaked() == 0);
}

TEST_CASE("the report of a size counts what its owners have") {
    TestMemory memory(512);
    std::mt19937 random(4);
    std::vector<std::vector<void*>> live(slab_class_count);
    for (int step = 0; step < 20000; step++) {
        const unsigned number = random() % slab_class_count;
        auto& objects = live[number];
        if (random() % 100 < (step % 4000 < 2000 ? 60u : 40u)) {
            if (void* p = heap_alloc(slab_report(number).object_bytes)) objects.push_back(p);
        } else if (!objects.empty()) {
            std::swap(objects[random() % objects.size()], objects.back());
            heap_free(objects.back());
            objects.pop_back();
        }
        REQUIRE(slab_report(number).in_use == objects.size());
    }
    std::size_t frames = 0;
    for (unsigned number = 0; number < slab_class_count; number++)
        frames += slab_report(number).frames;
    CHECK(frames == memory_stats().slab.n);
    for (auto& objects : live)
        for (void* p : objects) heap_free(p);
    for (unsigned number = 0; number < slab_class_count; number++) {
        CHECK(slab_report(number).in_use == 0);
        CHECK(slab_report(number).object_bytes > 0);
    }
    CHECK(memory.leaked() == 0);
}

TEST_CASE("a CPU keeps few objects that others freed, and none when memory is short") {
    TestMemory memory(512);
    struct OnCpu {
        explicit OnCpu(std::uint32_t cpu) { boot_cpu_core.index = cpu; }
        ~OnCpu() { boot_cpu_core.index = 0; }
    };
    constexpr std::size_t size = 1024, per_slab = page_size / size;
    std::vector<void*> objects;
    for (unsigned i = 0; i < 40 * per_slab; i++) objects.push_back(heap_alloc(size));
    CHECK(memory_stats().slab.n == 40);
    {
        OnCpu other(1);
        for (void* p : objects) heap_free(p);
        CHECK(memory_stats().slab.n <= 2);
        std::set<void*> again;
        for (unsigned i = 0; i < per_slab; i++) again.insert(heap_alloc(size));
        CHECK(again.size() == per_slab);
        CHECK(memory_stats().slab.n <= 2);
        for (void* p : again) heap_free(p);
    }
    CHECK(memory_stats().slab.n != 0);
    std::vector<PhysAddr> frames;
    while (auto frame = alloc_frames()) frames.push_back(frame.value());
    CHECK(memory_stats().slab.n == 0);
    for (PhysAddr frame : frames) free_frames(frame);
    CHECK(memory.leaked() == 1); // the other CPU's stock
}
