// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/vm_object.h>

#include <support/failing_allocator.h>

#include "space_model.h"

#include <map>
#include <random>

using namespace drupe;
using namespace drupe::mm;
using namespace drupe::mm::test;
using drupe::testing::FailingAllocator;
using drupe::testing::TestMemory;

namespace {

/// Data that lies in memory already, as a boot archive's.
class InPlace final : public VmObject {
public:
    InPlace(PhysAddr first, std::uint64_t pages) : first_(first), pages_(pages) {}
    unsigned provided = 0;

private:
    std::uint64_t page_limit() const override { return pages_; }
    PhysAddr page_in_place(std::uint64_t index) override {
        provided++;
        return first_ + index * page_size;
    }
    PhysAddr first_;
    std::uint64_t pages_;
};

class Broken final : public VmObject {
    std::uint64_t page_limit() const override { return 4; }
    Result<void> fill_page(std::uint64_t, void*) override { return Errc::io; }
};

} // namespace

TEST_CASE("the index finds what was put in, at every height, and forgets from a number on") {
    TestMemory memory(512);
    PageIndex index;
    std::map<std::uint64_t, PhysAddr> model;
    std::mt19937_64 random(GENERATE(1u, 2u, 3u));
    for (int step = 0; step < 3000; step++) {
        const std::uint64_t number = random() >> (13 + random() % 51);
        if (random() % 50 == 0) {
            std::size_t removed = 0;
            index.remove_range(number, PageIndex::limit, [&](PhysAddr) { removed++; });
            const auto from = model.lower_bound(number);
            CHECK(removed == static_cast<std::size_t>(std::distance(from, model.end())));
            model.erase(from, model.end());
        } else if (random() % 4 == 0 && !model.empty()) {
            const auto some = model.lower_bound(number);
            const auto gone = some == model.end() ? model.begin() : some;
            index.remove(gone->first);
            model.erase(gone);
        } else if (!model.contains(number)) {
            const PhysAddr frame{(random() % 100000 + 1) << page_shift};
            REQUIRE(index.insert(number, frame));
            model[number] = frame;
        }
        const std::uint64_t probe = random() >> (13 + random() % 51);
        CHECK(index.find(probe) == (model.contains(probe) ? model[probe] : PhysAddr{0}));
    }
    for (auto [number, frame] : model) CHECK(index.find(number) == frame);
    index.remove_range(0, PageIndex::limit, [](PhysAddr) {});
    CHECK(raw(index.find(0)) == 0);
}

TEST_CASE("an index that runs out of memory keeps what it had") {
    TestMemory memory(512);
    for (unsigned n = 1; n < 12; n++) {
        PageIndex index;
        REQUIRE(index.insert(3, PhysAddr{0x3000}));
        {
            FailingAllocator heap(n);
            (void)index.insert(std::uint64_t{1} << 40, PhysAddr{0x5000});
        }
        CHECK(index.find(3) == PhysAddr{0x3000});
        if (raw(index.find(std::uint64_t{1} << 40)) == 0)
            REQUIRE(index.insert(std::uint64_t{1} << 40, PhysAddr{0x5000}));
        CHECK(index.find(std::uint64_t{1} << 40) == PhysAddr{0x5000});
        index.remove_range(0, PageIndex::limit, [](PhysAddr) {});
    }
}

TEST_CASE("the clock takes pages that nobody holds or has used since it passed") {
    TestMemory memory(512);
    {
        const auto object = make_ref<TestObject>(64, 7).value();
        for (std::uint64_t i = 0; i < 64; i++) release_frame(object->get_page(i).value());
        const PhysAddr held = object->get_page(5).value();
        std::uint64_t hand = 0;
        CHECK(object->evict(hand, 64, 64) == 0); // all were used just now
        frame_of(held).is_recent.store(false);
        const PhysAddr used = object->get_page(9).value();
        frame_of(used).is_recent.store(true);
        release_frame(used);
        CHECK(object->evict(hand, 10, 64) == 8); // behind the last page it begins anew
        CHECK(hand == 9);
        CHECK(object->evict(hand, 55, 64) == 54); // of 9 to 63 one was used
        CHECK(object->page_count() == 2);
        CHECK(object->evict(hand, 3, 64) == 1); // the same one, now
        CHECK(word_at(held) == 12);
        release_frame(held);
        CHECK(object->evict(hand, 3, 64) == 1);
        const PhysAddr again = object->get_page(9).value();
        CHECK(word_at(again) == 16);
        release_frame(again);
    }
    CHECK(memory.leaked() == 0);
}

TEST_CASE("a mapped page is unmapped before it is taken, unless it is locked") {
    TestMemory memory(512);
    {
        const auto object = make_ref<TestObject>(8, 7).value();
        const auto space = AddressSpace::create().value();
        MapRequest request;
        request.pages = {8};
        request.perm = request.may = arch::Perm::read | arch::Perm::write;
        request.sharing = Sharing::shared;
        request.object = RefPtr<VmObject>(object.get());
        const VirtAddr at = space->map(request).value();
        PhysAddr where{};
        for (std::uint64_t i = 0; i < 8; i++)
            REQUIRE(touch(*space, at + i * page_size, arch::host::MmuAccess::read, where) ==
                    Outcome::done);
        REQUIRE(space->set_locked(at + 6 * page_size, {2}, Locked::yes).ok());
        std::uint64_t hand = 0;
        CHECK(object->evict(hand, 8, 8) == 0);
        CHECK(object->evict(hand, 9, 8) == 0); // unmapped now
        CHECK(space->stats().resident.n == 2);
        hand = 0;
        CHECK(object->evict(hand, 8, 8) == 6);
        CHECK(object->page_count() == 2);
        for (std::uint64_t i = 0; i < 8; i++) {
            REQUIRE(touch(*space, at + i * page_size, arch::host::MmuAccess::read, where) ==
                    Outcome::done);
            CHECK(word_at(where) == 7 + i);
        }
    }
    CHECK(memory.leaked() == 0);
}

TEST_CASE("a page is filled once and held by who asked for it") {
    TestMemory memory(512);
    {
        auto object = make_ref<TestObject>(10u, 50u).value();
        CHECK(raw(object->get_present_page(4)) == 0);
        const PhysAddr a = object->get_page(4).value();
        const PhysAddr b = object->get_page(4).value();
        CHECK(a == b);
        CHECK(word_at(a) == 54);
        CHECK(object->fills == 1);
        CHECK(object->get_page(10).error() == Errc::out_of_range);
        object->truncate(0);
        CHECK(word_at(a) == 54); // still ours
        release_frame(a);
        release_frame(b);
        const PhysAddr again = object->get_page(4).value();
        CHECK(object->fills == 2);
        CHECK(object->get_present_page(4) == again);
        release_frame(again);
        release_frame(again);
    }
    CHECK(memory.leaked() == 0);
}

TEST_CASE("what cannot be filled is an error and leaves nothing") {
    TestMemory memory(512);
    auto object = make_ref<Broken>().value();
    CHECK(object->get_page(1).error() == Errc::io);
    for (unsigned n = 1; n < 3; n++) {
        mm::testing::fail_frame_allocation(n);
        CHECK_FALSE(object->get_page(1).ok());
    }
    mm::testing::fail_frame_allocation(0);
    CHECK(memory.leaked() == 0);
}

TEST_CASE("data in place is used where it lies, a group at a time") {
    TestMemory memory({{PhysAddr{0x4000'0000}, 8 << 20}},
                      {{PhysAddr{0x4020'0000}, 40 * page_size}});
    const PhysAddr data{0x4020'0000};
    const std::size_t before = TestMemory::free_frames();
    {
        auto object = make_ref<InPlace>(data, 36u).value();
        CHECK(object->get_page(20).value() == data + 20 * page_size);
        CHECK(object->provided == 1 + 15);
        release_frame(data + 20 * page_size);
        CHECK(object->get_page(35).value() == data + 35 * page_size);
        CHECK(object->provided == 16 + 4); // up to the end
        release_frame(data + 35 * page_size);
        CHECK(object->adopt_page(20, data).error() == Errc::exists);
        CHECK(frame_of(data).refs == 0);
        {
            auto other = make_ref<InPlace>(data + 8 * page_size, 8u);
            FailingAllocator heap(1); // for a node of the index
            CHECK(other.value()->get_page(1).error() == Errc::no_memory);
            CHECK(frame_of(data + 9 * page_size).refs == 0);
        }
        REQUIRE(object->adopt_page(0, data));
        CHECK(object->get_page(0).value() == data);
        release_frame(data);
    }
    // With the object gone nobody needs the data: it is memory like any other.
    CHECK(TestMemory::free_frames() == before + 21);
}

TEST_CASE("truncation takes pages out of every space that maps them") {
    TestMemory memory(2048);
    {
        auto object = make_ref<TestObject>(8u, 10u).value();
        auto one = AddressSpace::create().value(), two = AddressSpace::create().value();
        MapRequest r;
        r.pages = {8};
        r.perm = arch::Perm::read | arch::Perm::write;
        r.object = object;
        const VirtAddr a = one->map(r).value();
        r.sharing = Sharing::shared;
        const VirtAddr b = two->map(r).value();
        PhysAddr where;
        for (std::uint64_t i = 0; i < 8; i++) {
            CHECK(touch(*one, a + i * page_size, arch::host::MmuAccess::write, where) ==
                  Outcome::done);
            CHECK(touch(*two, b + i * page_size, arch::host::MmuAccess::write, where) ==
                  Outcome::done);
        }
        object->limit = 3;
        object->truncate(3);
        CHECK(one->stats().resident.n == 3);
        CHECK(two->stats().resident.n == 3);
        CHECK(touch(*one, a + 3 * page_size, arch::host::MmuAccess::read, where) ==
              Outcome::beyond_object);
        CHECK(touch(*two, b + 2 * page_size, arch::host::MmuAccess::read, where) == Outcome::done);
    }
    CHECK(memory.leaked() == 0);
}
