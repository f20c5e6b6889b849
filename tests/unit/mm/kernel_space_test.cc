// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/kernel_space.h>

#include <drupe/arch/page_table.h>

#include <support/test_memory.h>

#include <set>

using namespace drupe;
using namespace drupe::mm;
using arch::PageTable;
using arch::Perm;

namespace {

// A machine at the moment the kernel takes over: a root table in a reserved page.
class Machine {
public:
    static constexpr std::uint64_t base = 0x4000'0000, bytes = 16 << 20;
    Machine() {
        arch::host::Mmu::reset();
        arena_ = std::aligned_alloc(4 << 20, bytes);
        std::memset(arena_, 0, bytes);
        arch::direct_map_offset = reinterpret_cast<std::uintptr_t>(arena_) - base;
        const MemoryRange bank{PhysAddr{base}, bytes}, root{PhysAddr{base}, page_size};
        REQUIRE(kernel_space_init(root.base, {&bank, 1}, {&root, 1}));
    }
    ~Machine() {
        mm::testing::kernel_space_reset();
        mm::testing::frames_reset();
        arch::host::Mmu::reset();
        std::free(arena_);
    }
    PageTable view() { return PageTable::adopt_kernel(PhysAddr{base}); }

private:
    void* arena_;
};

VirtAddr address(const void* p) { return VirtAddr{reinterpret_cast<std::uintptr_t>(p)}; }

} // namespace

TEST_CASE("device registers are mapped as device memory, whatever their alignment") {
    Machine machine;
    void* a = map_device(PhysAddr{0x900'0010}, 0x20).value();
    void* b = map_device(PhysAddr{0x800'0ff0}, 0x1020).value();
    PageTable view = machine.view();
    CHECK(raw(address(a)) % page_size == 0x10);
    CHECK(view.query(align_down(address(a), page_size)).frame == PhysAddr{0x900'0000});
    CHECK(view.query(align_down(address(a), page_size)).perm == (Perm::read | Perm::write));
    CHECK(view.query(align_down(address(b), page_size) + 2 * page_size).frame ==
          PhysAddr{0x800'2000});
    CHECK(view.query(align_down(address(b), page_size) + 3 * page_size).perm == Perm::none);
    unmap_device(b, 0x1020);
    CHECK(view.query(align_down(address(b), page_size)).perm == Perm::none);
    CHECK(view.query(align_down(address(a), page_size)).perm != Perm::none);
}

TEST_CASE("a kernel stack is the upper half of its window, and the lower half is not mapped") {
    Machine machine;
    PageTable view = machine.view();
    const std::size_t before = memory_stats().free.n;
    std::set<void*> stacks;
    for (int i = 0; i < 100; i++) {
        void* top = alloc_kernel_stack().value();
        CHECK(stacks.insert(top).second);
        const VirtAddr end = address(top);
        CHECK(is_aligned(end, 2 * kernel_stack_bytes));
        CHECK((raw(end - 1) & kernel_stack_bytes) != 0);
        for (std::size_t at = page_size; at <= kernel_stack_bytes; at += page_size)
            CHECK(view.query(end - at).perm == (Perm::read | Perm::write));
        for (std::size_t at = page_size; at <= kernel_stack_bytes; at += page_size)
            CHECK(view.query(end - kernel_stack_bytes - at).perm == Perm::none);
    }
    for (void* top : stacks) free_kernel_stack(top);
    const std::size_t kept = before - memory_stats().free.n;
    CHECK(kept <= 8 * 4 + 6); // idle ones, and tables
    // A window that was given back is used again.
    std::set<void*> again;
    for (int i = 0; i < 100; i++) again.insert(alloc_kernel_stack().value());
    CHECK(again == stacks);
    for (void* top : again) free_kernel_stack(top);
}

TEST_CASE("a stack that runs out of memory half-way leaves nothing behind") {
    Machine machine;
    void* first = alloc_kernel_stack().value(); // makes the tables
    const std::size_t before = memory_stats().free.n;
    for (unsigned n = 1; n <= 4; n++) {
        mm::testing::fail_frame_allocation(n);
        CHECK(alloc_kernel_stack().error() == Errc::no_memory);
        CHECK(memory_stats().free.n == before);
    }
    free_kernel_stack(first);
}

TEST_CASE("the kernel seals pages of its own, whole leaves only") {
    Machine machine;
    void* stack = static_cast<char*>(alloc_kernel_stack().value()) - kernel_stack_bytes;
    PageTable view = machine.view();
    REQUIRE(protect_kernel(stack, page_size, Perm::read));
    CHECK(view.query(address(stack)).perm == Perm::read);
    CHECK(view.query(address(stack) + page_size).perm == (Perm::read | Perm::write));
    CHECK(protect_kernel(static_cast<char*>(stack) + 1, page_size, Perm::read).error() ==
          Errc::invalid);
    CHECK(protect_kernel(stack, 100, Perm::read).error() == Errc::invalid);
    REQUIRE(protect_kernel(stack, page_size, Perm::read | Perm::write));
    free_kernel_stack(static_cast<char*>(stack) + kernel_stack_bytes);

    const VirtAddr block{0xffff'a200'0000'0000};
    REQUIRE(view.map_block(block, PhysAddr{Machine::base}, Perm::read, arch::MemoryType::normal,
                           2 << 20));
    CHECK(protect_kernel(reinterpret_cast<void*>(raw(block)), page_size, Perm::read).error() ==
          Errc::invalid);
}
