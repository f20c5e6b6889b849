// SPDX-License-Identifier: BSD-2-Clause
// The page table on the model CPU: that it does what it says, and that the model sees each mistake
// it is there to see.
#include <drupe/arch/cache.h>
#include <drupe/arch/page_table.h>

#include <support/test_memory.h>

#include <map>
#include <random>

using namespace drupe;
using arch::Mapping;
using arch::PageTable;
using arch::Perm;
using arch::host::Mmu;
using arch::host::MmuAccess;
using arch::host::MmuOutcome;
using drupe::testing::TestMemory;

namespace {
constexpr Perm rw = Perm::user | Perm::read | Perm::write;
constexpr Perm ro = Perm::user | Perm::read;
constexpr Perm rx = Perm::user | Perm::read | Perm::exec;
constexpr VirtAddr va{0x7f'1234'5000};

struct Setup {
    TestMemory memory{2048};
    PageTable table = PageTable::create().value();
    PhysAddr frame = mm::alloc_frames().value();
    PhysAddr other = mm::alloc_frames().value();
    Setup() { table.activate(0); }
    ~Setup() {
        table.unmap_range(VirtAddr{0}, {std::size_t{1} << 36}, [](VirtAddr, Mapping) {});
        table.flush_all();
        PageTable::deactivate();
    }
    bool reads(VirtAddr at) { return Mmu::access(at, MmuAccess::read).outcome == MmuOutcome::done; }
};
} // namespace

TEST_CASE("a mapped page translates, with its permissions and no others") {
    Setup s;
    CHECK(Mmu::access(va, MmuAccess::read).outcome == MmuOutcome::translation_fault);
    REQUIRE(s.table.map(va, s.frame, ro));
    const auto found = Mmu::access(va + 0x123, MmuAccess::read);
    CHECK(found.address == s.frame + 0x123);
    CHECK(Mmu::access(va, MmuAccess::write).outcome == MmuOutcome::permission_fault);
    CHECK(Mmu::access(va, MmuAccess::exec).outcome == MmuOutcome::permission_fault);
    CHECK(s.table.query(va).frame == s.frame);
    CHECK(s.table.query(va + page_size).perm == Perm::none);
    CHECK(s.table.tables() == 4);
}

TEST_CASE("a page without permissions keeps its frame") {
    Setup s;
    REQUIRE(s.table.map(va, s.frame, rw));
    CHECK(s.table.protect(va, Perm::user));
    s.table.flush(va, {1});
    CHECK(Mmu::access(va, MmuAccess::read).outcome == MmuOutcome::translation_fault);
    CHECK(s.table.query(va).frame == s.frame);
    CHECK(s.table.protect(va, rw));
    CHECK(s.reads(va));
    CHECK_FALSE(s.table.protect(va + page_size, rw));
}

TEST_CASE("the model panics on an access through a translation that was not flushed") {
    Setup s;
    REQUIRE(s.table.map(va, s.frame, rw));
    REQUIRE(s.reads(va));
    s.table.unmap(va);
    SECTION("unmapped") { CHECK_THROWS(s.reads(va)); }
    SECTION("mapped elsewhere at once") { CHECK_THROWS((void)s.table.map(va, s.other, rw)); }
    SECTION("frame given back") { CHECK_THROWS(mm::free_frames(s.frame)); }
    SECTION("flushed") {
        s.table.flush(va, {1});
        REQUIRE(s.table.map(va, s.other, rw));
        CHECK(Mmu::access(va, MmuAccess::write).address == s.other);
    }
    s.table.flush(va, {1});
}

TEST_CASE("the model panics when write permission is taken and the TLB is not told") {
    Setup s;
    REQUIRE(s.table.map(va, s.frame, rw));
    REQUIRE(Mmu::access(va, MmuAccess::write).outcome == MmuOutcome::done);
    s.table.protect(va, ro);
    CHECK(s.reads(va)); // still right
    CHECK_THROWS(Mmu::access(va, MmuAccess::write));
    s.table.flush(va, {1});
    CHECK(Mmu::access(va, MmuAccess::write).outcome == MmuOutcome::permission_fault);
}

TEST_CASE("the model panics when a valid entry is replaced") {
    Setup s;
    arch::TableMachine machine = arch::TableMachine::user();
    arch::aarch64::Descriptor entry = 0;
    const auto leaf = [&](PhysAddr frame) {
        return arch::aarch64::leaf_descriptor(frame, rw, arch::MemoryType::normal,
                                              arch::isolation());
    };
    machine.store(raw(va), 3, entry, leaf(s.frame));
    CHECK_THROWS(machine.store(raw(va), 3, entry, leaf(s.other)));
    CHECK_THROWS(s.table.map(va, s.frame, rw).ok() && s.table.map(va, s.other, rw).ok());
}

TEST_CASE("the model panics on instructions the cache was not synchronised for") {
    Setup s;
    REQUIRE(s.table.map(va, s.frame, rx));
    CHECK_THROWS(Mmu::access(va, MmuAccess::exec));
    arch::icache_sync({static_cast<const std::byte*>(mm::phys_to_virt(s.frame)), page_size});
    CHECK(Mmu::access(va, MmuAccess::exec).outcome == MmuOutcome::done);
    // A frame that was given back is a new one when it is next handed out.
    s.table.unmap(va);
    s.table.flush(va, {1});
    mm::free_frames(s.frame);
    s.frame = mm::alloc_frames().value();
    REQUIRE(s.table.map(va, s.frame, rx));
    CHECK_THROWS(Mmu::access(va, MmuAccess::exec));
}

TEST_CASE("blocks translate like the pages they stand for") {
    Setup s;
    const PhysAddr block = mm::alloc_frames(9).value();
    const VirtAddr at{0x6000'0000'0000};
    REQUIRE(s.table.map_block(at, block, rw, arch::MemoryType::normal, 2 << 20));
    CHECK(Mmu::access(at + 0x12345, MmuAccess::write).address == block + 0x12345);
    CHECK(s.table.query(at + 5 * page_size).frame == block + 5 * page_size);
    CHECK(s.table.leaf_bytes(at) == 2 << 20);
    s.table.for_each(at + page_size, {1}, [&](VirtAddr begin, Mapping m) {
        CHECK(begin == at);
        CHECK(m.frame == block);
    });
    Mmu::reset(); // unmapping a block is nobody's business yet
    const_cast<arch::aarch64::Descriptor&>(*s.table.tree().find(raw(at)).entry) = 0;
    s.table.activate(0);
}

TEST_CASE("tables are made on demand, and go when asked, but not those still in use") {
    Setup s;
    const std::size_t before = TestMemory::free_frames();
    const VirtAddr low{0x4000'0000}, high = low + (2 << 20);
    REQUIRE(s.table.map(low, s.frame, rw));
    REQUIRE(s.table.map(high, s.other, rw));
    CHECK(s.table.tables() == 5);
    CHECK(before - TestMemory::free_frames() == 4);
    s.table.unmap(low);
    s.table.flush(low, {1});
    s.table.free_tables(low + page_size, {511}); // does not hold the whole table
    CHECK(s.table.tables() == 5);
    s.table.free_tables(low, {512});
    CHECK(s.table.tables() == 4);
    CHECK(s.table.query(high).frame == s.other);
    s.table.unmap(high);
    s.table.flush(high, {1});
    s.table.free_tables(VirtAddr{0}, {std::size_t{1} << 36});
    CHECK(s.table.tables() == 1);
    CHECK(TestMemory::free_frames() == before);
}

TEST_CASE("no memory for a table is a value, and what was made stays usable") {
    Setup s;
    for (unsigned n : {1u, 2u, 2u}) { // tables that were made stay
        mm::testing::fail_frame_allocation(n);
        CHECK(s.table.map(va, s.frame, rw).error() == Errc::no_memory);
    }
    mm::testing::fail_frame_allocation(0);
    REQUIRE(s.table.map(va, s.frame, rw));
    CHECK(s.reads(va));
}

TEST_CASE("random pages over the whole user half agree with a map") {
    Setup s;
    std::mt19937_64 random(GENERATE(1u, 2u));
    std::map<std::uint64_t, Perm> model;
    auto pick = [&] { // clusters at each level's edges
        const std::uint64_t level[] = {0, 1ull << 21, 1ull << 30, 1ull << 39,
                                       (1ull << 48) - (1 << 21)};
        return (level[random() % 5] + (random() % 12) * page_size) & ((1ull << 48) - 1);
    };
    for (int i = 0; i < 4000; i++) {
        const std::uint64_t at = pick();
        const Perm perm = random() % 2 ? rw : ro;
        switch (random() % 4) {
        case 0:
            if (!model.contains(at)) {
                REQUIRE(s.table.map(VirtAddr{at}, s.frame, perm));
                model[at] = perm;
            }
            break;
        case 1: {
            const std::size_t pages = 1 + random() % 20;
            std::size_t removed = 0;
            s.table.unmap_range(VirtAddr{at}, {pages}, [&](VirtAddr where, Mapping m) {
                removed++;
                CHECK(model.at(raw(where)) == m.perm);
                model.erase(raw(where));
            });
            s.table.flush(VirtAddr{at}, {pages});
            auto left = model.lower_bound(at);
            CHECK((left == model.end() || left->first >= at + pages * page_size));
            break;
        }
        case 2:
            CHECK(s.table.protect(VirtAddr{at}, perm) == model.contains(at));
            if (model.contains(at)) model[at] = perm;
            s.table.flush(VirtAddr{at}, {1});
            break;
        default:
            CHECK(s.table.query(VirtAddr{at}).perm ==
                  (model.contains(at) ? model[at] : Perm::none));
        }
    }
    std::size_t seen = 0;
    s.table.for_each(VirtAddr{0}, {std::size_t{1} << 36}, [&](VirtAddr, Mapping) { seen++; });
    CHECK(seen == model.size());
}
