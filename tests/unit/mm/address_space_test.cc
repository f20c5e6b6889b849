// SPDX-License-Identifier: BSD-2-Clause
// What the random test does not reach: placement, limits, stacks, the break, fork's exceptions,
// what /proc asks.
#include "space_model.h"

#include <set>

using namespace drupe;
using namespace drupe::mm;
using namespace drupe::mm::test;
using arch::Access;
using arch::Perm;
using arch::host::MmuAccess;
using drupe::testing::TestMemory;

namespace {
constexpr Perm rw = Perm::read | Perm::write;
constexpr std::uint64_t MiB = 1 << 20, TiB = std::uint64_t{1} << 40;

MapRequest anonymous(std::uint64_t bytes, Perm perm = rw) {
    MapRequest r;
    r.pages = {bytes >> page_shift};
    r.perm = perm;
    return r;
}
MapRequest fixed(VirtAddr at, std::uint64_t bytes, Perm perm = rw) {
    MapRequest r = anonymous(bytes, perm);
    r.at = at;
    r.placement = Placement::fixed;
    return r;
}
bool writes(AddressSpace& space, VirtAddr at, std::uint64_t value) {
    PhysAddr where;
    if (touch(space, at, MmuAccess::write, where) != Outcome::done) return false;
    word_at(where) = value;
    return true;
}
std::uint64_t reads(AddressSpace& space, VirtAddr at) {
    PhysAddr where;
    REQUIRE(touch(space, at, MmuAccess::read, where) == Outcome::done);
    return word_at(where);
}
struct Fixture {
    TestMemory memory{4096};
    OwnPtr<AddressSpace> space = AddressSpace::create().value();
    ~Fixture() {
        space = nullptr;
        CHECK(memory.leaked() == 0);
    }
};
} // namespace

TEST_CASE_METHOD(Fixture, "mappings grow downwards next to each other and become one region") {
    const VirtAddr a = space->map(anonymous(page_size)).value();
    const VirtAddr b = space->map(anonymous(3 * page_size)).value();
    CHECK(a + page_size == space->mmap_top());
    CHECK(b + 3 * page_size == a);
    CHECK(space->stats().regions == 1);
    REQUIRE(space->unmap(b + page_size, {1}));
    CHECK(space->stats().regions == 2);
    CHECK(space->map(anonymous(page_size)).value() == b + page_size);
    CHECK(space->stats().regions == 1);
    // A hole that is too small is passed by.
    REQUIRE(space->unmap(b + page_size, {1}));
    CHECK(space->map(anonymous(2 * page_size)).value() + 2 * page_size == b);
}

TEST_CASE_METHOD(Fixture, "a hint is taken when it is free") {
    MapRequest r = anonymous(page_size);
    r.at = VirtAddr{0x5555'0000};
    CHECK(space->map(r).value() == r.at);
    CHECK(space->map(r).value() != r.at);
    r.at = VirtAddr{0x1000}; // too low
    CHECK(space->map(r).value() >= AddressSpace::user_begin);
}

TEST_CASE_METHOD(Fixture, "requests that cannot be are refused, each with its own error") {
    CHECK(space->map(anonymous(0)).error() == Errc::invalid);
    CHECK(space->map(fixed(VirtAddr{0x8000}, page_size)).error() == Errc::not_permitted);
    CHECK(space->map(fixed(AddressSpace::user_end - page_size, 2 * page_size)).error() ==
          Errc::no_memory);
    CHECK(space->map(fixed(VirtAddr{0x20001}, page_size)).error() == Errc::invalid);
    MapRequest r = anonymous(std::uint64_t{1} << 49, Perm::none);
    CHECK(space->map(r).error() == Errc::no_memory);
    // More writable memory than there is RAM; but a reservation may be.
    CHECK(space->map(anonymous(17 * MiB)).error() == Errc::no_memory);
    r = anonymous(17 * MiB);
    r.no_reserve = true;
    CHECK(space->map(r));
    CHECK(space->unmap(VirtAddr{0x20001}, {1}).error() == Errc::invalid);
    CHECK(space->unmap(VirtAddr{0x20000}, {0}).error() == Errc::invalid);
    CHECK(space->unmap(VirtAddr{0x20000}, {1}));
}

TEST_CASE_METHOD(Fixture, "reservations of terabytes cost nothing but their region") {
    (void)space->map(anonymous(page_size));
    const std::size_t before = TestMemory::free_frames();
    const VirtAddr big = space->map(anonymous(100 * TiB, Perm::none)).value();
    const VirtAddr more = space->map(anonymous(100 * TiB, Perm::none)).value();
    CHECK(space->map(anonymous(100 * TiB, Perm::none)).error() == Errc::no_memory);
    CHECK(TestMemory::free_frames() == before);
    REQUIRE(space->protect(big + 7 * TiB, {1}, rw));
    CHECK(writes(*space, big + 7 * TiB, 5));
    CHECK(space->fault(more, Access::read) == FaultOutcome::no_permission);
    REQUIRE(space->unmap(more, {200 * TiB >> page_shift}));
    CHECK(before - TestMemory::free_frames() <= 3); // upper tables may stay
}

TEST_CASE_METHOD(Fixture, "a stack grows to its limit and says when it overflows") {
    space->set_limits({.stack = 1 * MiB});
    const VirtAddr top{0x7fff'0000'0000};
    MapRequest r = fixed(top - 2 * page_size, 2 * page_size);
    r.grows_down = true;
    REQUIRE(space->map(r));
    CHECK(writes(*space, top - 8, 1));
    CHECK(writes(*space, top - 64 * page_size, 2)); // a large frame skips pages
    CHECK(writes(*space, top - 1 * MiB, 3));
    CHECK(space->stats().stack.n == 256);
    CHECK(space->fault(top - 1 * MiB - 1, Access::write) == FaultOutcome::stack_overflow);
    CHECK(space->fault(top - 3 * MiB, Access::write) == FaultOutcome::no_mapping);
    CHECK(space->fault(top, Access::write) == FaultOutcome::no_mapping);
    CHECK(space->stack_begin(top - page_size).value() == top - 1 * MiB);
}

TEST_CASE_METHOD(Fixture, "a stack keeps its distance from what lies below, guards excepted") {
    const VirtAddr top{0x7fff'0000'0000};
    MapRequest r = fixed(top - 2 * page_size, 2 * page_size);
    r.grows_down = true;
    REQUIRE(space->map(r));
    const VirtAddr below = top - 4 * MiB;
    REQUIRE(space->map(fixed(below, page_size)));
    CHECK(writes(*space, below + page_size + AddressSpace::stack_gap, 1));
    CHECK(space->fault(below + 2 * page_size, Access::write) == FaultOutcome::stack_overflow);
    REQUIRE(space->protect(below, {1}, Perm::none));
    CHECK(writes(*space, below + page_size, 1));
    CHECK(space->fault(below, Access::write) == FaultOutcome::no_permission);
}

TEST_CASE_METHOD(Fixture, "the break moves, and stays where it cannot") {
    const VirtAddr start{0x1000'0123};
    space->set_break_start(start);
    const VirtAddr base = space->break_now();
    CHECK(base == VirtAddr{0x1000'1000});
    CHECK(space->set_break(VirtAddr{0}) == base);
    CHECK(space->set_break(base + 100) == base + 100);
    CHECK(writes(*space, base + 4088, 7));
    CHECK(space->set_break(base + 3 * page_size) == base + 3 * page_size);
    CHECK(reads(*space, base + 4088) == 7);
    CHECK(space->set_break(base + page_size) == base + page_size);
    CHECK(space->fault(base + page_size, Access::read) == FaultOutcome::no_mapping);
    REQUIRE(space->map(fixed(base + 8 * page_size, page_size)));
    CHECK(space->set_break(base + 9 * page_size) == base + page_size);
    space->set_limits({.data = 4 * page_size});
    CHECK(space->set_break(base + 5 * page_size) == base + page_size);
    RegionInfo info{};
    REQUIRE(space->region_above(base, info));
    CHECK(info.is_break);
    CHECK(space->set_break(base) == base);
    CHECK(space->is_mapped(base, {1}) == false);
}

TEST_CASE_METHOD(Fixture, "limits on addresses and data hold") {
    space->set_limits({.address_space = 10 * page_size, .data = 4 * page_size});
    CHECK(space->map(anonymous(5 * page_size)).error() == Errc::no_memory);
    CHECK(space->map(anonymous(4 * page_size)));
    CHECK(space->map(anonymous(6 * page_size, Perm::read)));
    CHECK(space->map(anonymous(page_size, Perm::read)).error() == Errc::no_memory);
}

TEST_CASE_METHOD(Fixture, "there may be so many regions and no more") {
    // Alternating permissions keep neighbours apart.
    const VirtAddr at{0x1000'0000};
    std::size_t made = 0;
    for (; made < AddressSpace::max_regions + 10; made++) {
        const auto r =
            space->map(fixed(at + made * page_size, page_size, made % 2 ? rw : Perm::read));
        if (!r) break;
    }
    CHECK(made == AddressSpace::max_regions);
    CHECK(space->protect(at, {1}, Perm::none)); // needs no new region
    REQUIRE(space->unmap(at, {made}));
    CHECK(space->stats().regions == 0);
}

TEST_CASE_METHOD(Fixture, "a read of untouched memory costs no frame, the write after it one") {
    const VirtAddr at = space->map(anonymous(64 * page_size)).value();
    CHECK(reads(*space, at) == 0);
    const std::size_t before = TestMemory::free_frames();
    for (int i = 1; i < 60; i++) CHECK(reads(*space, at + i * page_size) == 0);
    CHECK(TestMemory::free_frames() == before);
    CHECK(writes(*space, at + page_size, 9));
    CHECK(TestMemory::free_frames() == before - 1);
    CHECK(reads(*space, at) == 0);
    CHECK(reads(*space, at + page_size) == 9);
}

TEST_CASE_METHOD(Fixture, "the most that was mapped and present stays known") {
    const VirtAddr at = space->map(anonymous(10 * page_size, Perm::read | Perm::write)).value();
    for (std::uint64_t i = 0; i < 7; i++) CHECK(writes(*space, at + i * page_size, 1));
    CHECK(space->unmap(at, {4}).ok());
    CHECK(space->stats().resident.n == 3);
    CHECK(space->stats().most_resident.n == 7);
    CHECK(space->stats().most_mapped.n == 10);
    CHECK(writes(*space, at + 8 * page_size, 1)); // less than before
    CHECK(space->stats().most_resident.n == 7);
    const VirtAddr more = space->map(anonymous(9 * page_size, Perm::read | Perm::write)).value();
    for (std::uint64_t i = 0; i < 9; i++) CHECK(writes(*space, more + i * page_size, 1));
    CHECK(space->stats().most_resident.n == 13);
    CHECK(space->stats().most_mapped.n == 15);
    auto child = space->clone().value();
    CHECK(child->stats().most_resident.n == child->stats().resident.n);
}

TEST_CASE_METHOD(Fixture, "a file's fault maps the present neighbours too, and only those") {
    auto object = make_ref<TestObject>(40u, 100u).value();
    MapRequest r = anonymous(40 * page_size, Perm::read);
    r.object = object;
    const VirtAddr at = space->map(r).value();
    for (std::uint64_t i : {17u, 18u, 20u, 33u}) release_frame(object->get_page(i).value());
    CHECK(reads(*space, at + 16 * page_size) == 116);
    CHECK(space->stats().resident.n == 4);
    CHECK(object->fills == 5);
    CHECK(space->fault(at + 39 * page_size, Access::read) == FaultOutcome::resolved);
    object->limit = 39;
    object->truncate(39);
    CHECK(space->fault(at + 39 * page_size, Access::read) == FaultOutcome::beyond_object);
    std::set<std::size_t> present;
    REQUIRE(space->for_each_present(at, {40}, [&](std::size_t i) { present.insert(i); }));
    CHECK(present == std::set<std::size_t>{16, 17, 18, 20, 33});
    CHECK(space->for_each_present(at, {41}, [](std::size_t) {}).error() == Errc::no_memory);
}

TEST_CASE_METHOD(Fixture, "shared anonymous memory is one memory in both after a fork") {
    MapRequest r = anonymous(4 * page_size);
    r.sharing = Sharing::shared;
    const VirtAddr at = space->map(r).value();
    const VirtAddr own = space->map(anonymous(page_size)).value();
    CHECK(writes(*space, at, 1));
    CHECK(writes(*space, own, 1));
    auto child = space->clone().value();
    CHECK(writes(*child, at, 2));
    CHECK(writes(*child, own, 2));
    CHECK(writes(*child, at + page_size, 3));
    CHECK(reads(*space, at) == 2);
    CHECK(reads(*space, at + page_size) == 3);
    CHECK(reads(*space, own) == 1);
    CHECK(reads(*child, own) == 2);
    CHECK(child->residency(own, {1}).anonymous.n == 1);
    CHECK(child->residency(own, {1}).shared.n == 0);
}

TEST_CASE_METHOD(Fixture, "fork leaves out or wipes what it was told to") {
    const VirtAddr skipped = space->map(anonymous(2 * page_size)).value();
    const VirtAddr wiped = skipped + page_size;
    CHECK(writes(*space, skipped, 1));
    CHECK(writes(*space, wiped, 2));
    REQUIRE(space->set_at_fork(skipped, {1}, AtFork::skip));
    REQUIRE(space->set_at_fork(wiped, {1}, AtFork::wipe));
    CHECK(space->set_at_fork(skipped, {3}, AtFork::copy).error() == Errc::no_memory);
    REQUIRE(space->set_at_fork(skipped, {1}, AtFork::skip));
    REQUIRE(space->set_at_fork(wiped, {1}, AtFork::wipe));
    auto child = space->clone().value();
    CHECK(child->fault(skipped, Access::read) == FaultOutcome::no_mapping);
    CHECK(reads(*child, wiped) == 0);
    CHECK(reads(*space, wiped) == 2);
    auto object = make_ref<TestObject>(4u, 0u).value();
    MapRequest r = anonymous(page_size);
    r.object = object;
    CHECK(space->set_at_fork(space->map(r).value(), {1}, AtFork::wipe).error() == Errc::invalid);
}

TEST_CASE_METHOD(Fixture, "populating brings everything in, or says why not") {
    MapRequest r = anonymous(8 * page_size);
    r.populate = true;
    const VirtAddr at = space->map(r).value();
    CHECK(space->stats().resident.n == 8);
    CHECK(space->populate(at, {9}, Access::write).error() == Errc::no_memory);
    REQUIRE(space->protect(at, {1}, Perm::none));
    CHECK(space->populate(at, {1}, Access::read).error() == Errc::fault);
    CHECK(space->stats().resident.n == 8); // the frame waits
    REQUIRE(space->protect(at, {1}, rw));
    CHECK(writes(*space, at, 4));
}

TEST_CASE_METHOD(Fixture, "code is synchronised once for each frame, and again after a write") {
    auto object = make_ref<TestObject>(4u, 0u).value();
    MapRequest r = anonymous(4 * page_size, Perm::read | Perm::exec);
    r.object = object;
    const VirtAddr at = space->map(r).value();
    PhysAddr where;
    CHECK(touch(*space, at, MmuAccess::exec, where) == Outcome::done);
    const PhysAddr frame = object->get_page(0).value();
    CHECK((frame_of(frame).flags & frame_synced) != 0);
    note_frame_written(frame);
    CHECK((frame_of(frame).flags & frame_synced) == 0);
    release_frame(frame);
    // Written as data, then made executable: as a program's run-time compiler does.
    const VirtAddr jit = space->map(anonymous(page_size)).value();
    CHECK(writes(*space, jit, 0xd503201f));
    REQUIRE(space->protect(jit, {1}, Perm::read | Perm::exec));
    CHECK(touch(*space, jit, MmuAccess::exec, where) == Outcome::done);
}

TEST_CASE("layouts differ when there is randomness, and stay apart") {
    TestMemory memory(512);
    {
        auto a = AddressSpace::create(0x1234'5678'9abc'def0).value();
        auto b = AddressSpace::create(0x1234'5679'9abd'def1).value();
        CHECK(a->stack_top() != b->stack_top());
        CHECK(a->mmap_top() != b->mmap_top());
        CHECK(is_aligned(a->stack_top(), page_size));
        CHECK(a->stack_top() - a->mmap_top() >= 128 * MiB);
    }
    CHECK(memory.leaked() == 0);
}

TEST_CASE_METHOD(Fixture, "memory is read while another space is the active one") {
    auto object = make_ref<TestObject>(4u, 70u).value();
    MapRequest r = anonymous(4 * page_size);
    r.object = object;
    const VirtAddr file = space->map(r).value();
    const VirtAddr last = space->map(anonymous(page_size)).value(); // just below
    REQUIRE(last + page_size == file);
    REQUIRE(writes(*space, last, 5));
    REQUIRE(writes(*space, file + page_size, 9)); // a private copy of page 1
    auto other = AddressSpace::create().value();
    other->activate();
    std::uint64_t words[3 * page_size / 8];
    REQUIRE(space->read(last, std::as_writable_bytes(std::span(words))));
    CHECK(words[0] == 5);
    CHECK(words[page_size / 8] == 70);
    CHECK(words[2 * page_size / 8] == 9);
    std::byte few[16];
    REQUIRE(space->read(file + 3 * page_size - 8, few)); // over the edge of two pages
    CHECK(std::to_integer<int>(few[8]) == 73);
    CHECK(space->read(file + 4 * page_size - 8, few).error() == Errc::fault);
    REQUIRE(space->protect(last, {1}, Perm::none));
    CHECK(space->read(last, few).error() == Errc::fault);
    AddressSpace::deactivate();
}

namespace {
/// A file that counts what it hears of.
struct HearingFile final : MappedFile {
    explicit HearingFile(unsigned& w) : writes(w) {}
    unsigned& writes;
    void written() override { writes++; }

private:
    void destroy_self() override { delete this; }
};
} // namespace

TEST_CASE_METHOD(Fixture, "a file hears of the first write to a page, and again after msync") {
    unsigned told = 0;
    auto object = make_ref<TestObject>(std::uint64_t{8}, std::uint64_t{100}).value();
    MapRequest r = anonymous(8 * page_size);
    r.sharing = Sharing::shared;
    r.object = RefPtr<VmObject>(object.get());
    r.file = RefPtr<MappedFile>::adopt(new HearingFile(told));
    r.tells_writes = true;
    const VirtAddr at = space->map(r).value();
    for (int i = 0; i < 8; i++) CHECK(reads(*space, at + i * page_size) == 100u + i);
    CHECK(told == 0);
    CHECK(writes(*space, at, 1));
    CHECK(writes(*space, at, 2));
    CHECK(writes(*space, at + page_size, 3));
    CHECK(told == 2);
    // Permissions that come and go do not make it deaf, nor tell what nobody wrote.
    REQUIRE(space->protect(at, {8}, Perm::read));
    REQUIRE(space->protect(at, {8}, rw));
    CHECK(reads(*space, at + 2 * page_size) == 102);
    CHECK(told == 2);
    CHECK(writes(*space, at + 2 * page_size, 4));
    CHECK(told == 3);
    const unsigned before = told;
    REQUIRE(space->write_back(at, {2}));
    CHECK(reads(*space, at) == 2);
    CHECK(told == before);
    CHECK(writes(*space, at, 5));
    CHECK(writes(*space, at + 2 * page_size, 6)); // not synced
    CHECK(told == before + 1);
    // A page that is not there yet is entered by the write itself, and a part of the region tells
    // like the whole.
    REQUIRE(space->discard(at, {8}));
    REQUIRE(space->unmap(at + 3 * page_size, {1}));
    CHECK(writes(*space, at + 5 * page_size, 7));
    CHECK(writes(*space, at + 5 * page_size, 8));
    CHECK(told == before + 2);
    // Where it need not hear of all, it hears of the write that brings the page in.
    REQUIRE(space->unmap(at, {8}));
    r.tells_writes = false;
    r.placement = Placement::fixed;
    r.at = at;
    REQUIRE(space->map(r).ok());
    CHECK(reads(*space, at) == 5);
    CHECK(writes(*space, at, 5));
    CHECK(told == before + 2);
    REQUIRE(space->discard(at, {8}));
    CHECK(writes(*space, at, 5));
    CHECK(told == before + 3);
    r.placement = Placement::anywhere;
    r.at = VirtAddr{};
    // Private copies are nobody's business.
    r.sharing = Sharing::private_copy;
    const VirtAddr own = space->map(r).value();
    CHECK(writes(*space, own, 9));
    CHECK(told == before + 3);
    REQUIRE(space->unmap(own, {8}));
    REQUIRE(space->unmap(at, {8}));
    r.file = nullptr;
    r.object = nullptr;
}

TEST_CASE_METHOD(Fixture, "frames held for a device are the program's until it sees others") {
    const VirtAddr at = space->map(anonymous(4 * page_size)).value();
    PhysAddr frames[6];
    CHECK(space->hold(at, Access::write, frames).value() == 4); // behind them is nothing
    CHECK(space->count_writable_as(at, std::span(frames, 4)) == 4);
    word_at(frames[2]) = 22; // as a device does
    CHECK(reads(*space, at + 2 * page_size) == 22);

    REQUIRE(space->protect(at + 3 * page_size, {1}, Perm::read));
    CHECK(space->count_writable_as(at, std::span(frames, 4)) == 3);
    CHECK(space->hold(at + 3 * page_size, Access::write, std::span(frames + 4, 1)).error() ==
          Errc::fault);
    REQUIRE(space->discard(at + page_size, {1}));
    CHECK(space->count_writable_as(at, std::span(frames, 4)) == 1);
    {
        const auto child = space->clone().value();
        CHECK(space->count_writable_as(at, std::span(frames, 4)) == 0);
        REQUIRE(writes(*space, at, 5)); // a copy of its own
        CHECK(space->count_writable_as(at, std::span(frames, 4)) == 0);
    }
    for (const PhysAddr frame : std::span(frames, 4)) release_frame(frame);
}
