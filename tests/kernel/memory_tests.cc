// SPDX-License-Identifier: BSD-2-Clause
// What the live translation tables allow, what user copies do at the edge, and where memory goes.
#include "ktest.h"

#include <drupe/arch/boot.h>
#include <drupe/arch/cache.h>
#include <drupe/arch/page_table.h>
#include <drupe/arch/user_access.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/frames.h>
#include <drupe/mm/heap.h>
#include <drupe/mm/kernel_space.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>

#include <array>
#include <cstring>
#include <new>

namespace drupe::ktest {
namespace {

using arch::Perm;

extern "C" const char drupe_image_start[], drupe_text_end[], drupe_rodata_end[],
    drupe_sealed_begin[], drupe_sealed_end[], drupe_image_end[];

/// The kernel half as the CPU walks it. Looked at, never destroyed.
arch::PageTable& kernel_half() {
    alignas(arch::PageTable) static std::byte storage[sizeof(arch::PageTable)];
    return *new (storage) arch::PageTable(arch::PageTable::adopt_kernel(arch::kernel_root_table()));
}

VirtAddr page_of(const void* address) {
    return VirtAddr{align_down(reinterpret_cast<std::uint64_t>(address), page_size)};
}

bool all_pages_are(const char* from, const char* to, Perm perm) {
    if (from == to) return false; // an empty range would prove nothing
    const arch::PageTable& table = kernel_half();
    for (VirtAddr page = page_of(from); raw(page) < reinterpret_cast<std::uint64_t>(to);
         page = page + page_size)
        if (table.query(page).perm != perm) return false;
    return true;
}

/// A page of the program half in front of a hole, active in this thread while it lives.
class TwoPages {
public:
    static constexpr VirtAddr first{0x4000'0000};
    static constexpr VirtAddr hole = first + page_size;

    TwoPages() {
        auto space = mm::AddressSpace::create();
        if (!space) return;
        space_ = std::move(space.value());
        mm::MapRequest request;
        request.at = first;
        request.pages = {1};
        request.perm = Perm::read | Perm::write;
        request.placement = mm::Placement::fixed;
        is_ready_ = space_->map(request).ok();
        sched::current().address_space = space_.get();
        space_->activate();
    }
    ~TwoPages() {
        sched::current().address_space = nullptr;
        if (space_) sched::forget_address_space(*space_);
        mm::AddressSpace::deactivate();
    }
    bool is_ready() const { return is_ready_; }

private:
    OwnPtr<mm::AddressSpace> space_;
    bool is_ready_ = false;
};

KTEST(text_is_read_and_exec) {
    KCHECK(all_pages_are(drupe_image_start, drupe_text_end, Perm::read | Perm::exec));
    return nullptr;
}

KTEST(constants_are_read_only) {
    KCHECK(all_pages_are(drupe_text_end, drupe_rodata_end, Perm::read));
    return nullptr;
}

KTEST(sealed_data_is_read_only) {
    KCHECK(all_pages_are(drupe_sealed_begin, drupe_sealed_end, Perm::read));
    return nullptr;
}

KTEST(data_is_not_executable) {
    KCHECK(all_pages_are(drupe_sealed_end, drupe_image_end, Perm::read | Perm::write));
    return nullptr;
}

KTEST(direct_map_is_not_executable) {
    // All of it: where a frame lies that is free now says nothing about the others.
    constexpr std::uint64_t most = std::uint64_t{1} << 38;
    std::size_t leaves = 0, executable = 0;
    kernel_half().for_each(page_of(mm::phys_to_virt(PhysAddr{0})), {most / page_size},
                           [&](VirtAddr, arch::Mapping mapping) {
                               ++leaves;
                               executable += has(mapping.perm, Perm::exec);
                           });
    KCHECK(leaves != 0 && executable == 0);
    return nullptr;
}

KTEST(stack_has_a_guard_below) {
    const std::uint64_t top = sched::current().kernel_stack_top;
    const VirtAddr bottom{top - sched::Thread::stack_bytes};
    KCHECK(kernel_half().query(bottom).perm == (Perm::read | Perm::write));
    for (std::uint64_t below = page_size; below <= sched::Thread::stack_bytes; below += page_size)
        KCHECK(kernel_half().query(bottom - below).perm == Perm::none);
    return nullptr;
}

KTEST(user_copy_counts_to_the_byte) {
    TwoPages memory;
    KCHECK(memory.is_ready());
    static std::array<char, 256> bytes;
    static std::array<char, 256> back;
    for (std::size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<char>(i + 1);
    for (std::size_t inside = 0; inside <= 128; inside++) {
        const VirtAddr at = TwoPages::hole - inside;
        KCHECK(arch::copy_to_user_raw(at, bytes.data(), bytes.size()) == bytes.size() - inside);
        back.fill(0);
        KCHECK(arch::copy_from_user_raw(back.data(), at, back.size()) == back.size() - inside);
        KCHECK(std::memcmp(back.data(), bytes.data(), inside) == 0);
        KCHECK(arch::clear_user_raw(at, 200) == 200 - inside);
    }
    KCHECK(arch::copy_from_user_raw(back.data(), TwoPages::first, back.size()) == 0);
    return nullptr;
}

KTEST(user_copy_refuses_kernel_addresses) {
    static char secret[16];
    char out[16];
    const VirtAddr kernel{reinterpret_cast<std::uint64_t>(secret)};
    KCHECK(arch::copy_from_user_raw(out, kernel, sizeof out) == sizeof out);
    KCHECK(arch::copy_to_user_raw(kernel, out, sizeof out) == sizeof out);
    KCHECK(arch::user_load(kernel).error() == Errc::fault);
    return nullptr;
}

KTEST(user_strings_end_or_fault) {
    TwoPages memory;
    KCHECK(memory.is_ready());
    char text[16];
    KCHECK(arch::copy_to_user_raw(TwoPages::hole - 4, "abc", 4) == 0);
    const auto whole = arch::copy_string_from_user(text, TwoPages::hole - 4, sizeof text);
    KCHECK(whole.ok() && whole.value() == 3 && std::memcmp(text, "abc", 4) == 0);
    const auto tight = arch::copy_string_from_user(text, TwoPages::hole - 4, 3);
    KCHECK(!tight.ok() && tight.error() == Errc::name_too_long);
    KCHECK(arch::copy_to_user_raw(TwoPages::hole - 4, "abcd", 4) == 0);
    const auto open = arch::copy_string_from_user(text, TwoPages::hole - 4, sizeof text);
    KCHECK(!open.ok() && open.error() == Errc::fault);
    return nullptr;
}

KTEST(user_words_fault_as_errors) {
    TwoPages memory;
    KCHECK(memory.is_ready());
    KCHECK(arch::put_user<std::uint32_t>(TwoPages::first, 7).ok());
    const auto swapped = arch::user_compare_exchange(TwoPages::first, 7, 9);
    KCHECK(swapped.ok() && swapped.value() == 7);
    const auto kept = arch::user_compare_exchange(TwoPages::first, 7, 11);
    KCHECK(kept.ok() && kept.value() == 9);
    KCHECK(arch::user_load(TwoPages::first).value() == 9);
    KCHECK(arch::user_load(TwoPages::hole).error() == Errc::fault);
    KCHECK(arch::user_compare_exchange(TwoPages::hole, 0, 1).error() == Errc::fault);
    KCHECK(arch::user_load(VirtAddr{0}).error() == Errc::fault);
    return nullptr;
}

KTEST(frames_return) {
    static std::array<PhysAddr, 256> taken;
    const std::size_t before = mm::memory_stats().free.n;
    for (unsigned round = 0; round < 4; round++) {
        for (std::size_t i = 0; i < taken.size(); i++) {
            auto frame = mm::alloc_frames(i % 3);
            KCHECK(frame.ok());
            taken[i] = frame.value();
            *static_cast<std::uint64_t*>(mm::phys_to_virt(taken[i])) = i;
        }
        KCHECK(mm::memory_stats().free.n < before);
        for (std::size_t i = 0; i < taken.size(); i++) {
            const std::size_t which = i * 101 % taken.size(); // another order than they came in
            KCHECK(*static_cast<std::uint64_t*>(mm::phys_to_virt(taken[which])) == which);
            mm::free_frames(taken[which], which % 3);
        }
        KCHECK(mm::memory_stats().free.n == before);
    }
    return nullptr;
}

KTEST(heap_returns) {
    static std::array<unsigned char*, 256> taken;
    mm::heap_trim();
    const mm::MemoryStats before = mm::memory_stats();
    for (std::size_t i = 0; i < taken.size(); i++) {
        const std::size_t bytes = 1 + i * 97 % 9000;
        taken[i] = static_cast<unsigned char*>(mm::heap_alloc(bytes));
        KCHECK(taken[i] != nullptr);
        std::memset(taken[i], static_cast<int>(i), bytes);
    }
    for (std::size_t i = 0; i < taken.size(); i++) {
        const std::size_t which = i * 37 % taken.size();
        KCHECK(taken[which][which * 97 % 9000] == which);
        mm::heap_free(taken[which]);
    }
    mm::heap_trim();
    KCHECK(mm::memory_stats().free.n == before.free.n);
    KCHECK(mm::memory_stats().slab.n == before.slab.n);
    return nullptr;
}

// `mov w0, #value; ret`
Result<int> run_generated(void* page, std::uint32_t value) {
    TRY(mm::protect_kernel(page, page_size, Perm::read | Perm::write));
    const std::uint32_t code[] = {0x52800000u | value << 5, 0xd65f03c0u};
    std::memcpy(page, code, sizeof code);
    arch::icache_sync({static_cast<const std::byte*>(page), sizeof code});
    TRY(mm::protect_kernel(page, page_size, Perm::read | Perm::exec));
    return reinterpret_cast<int (*)()>(page)();
}

KTEST(generated_code_runs_after_icache_sync) {
    alignas(page_size) static std::byte page[page_size];
    for (std::uint32_t value = 1; value <= 100; value++) {
        const auto got = run_generated(page, value);
        KCHECK(got.ok() && got.value() == static_cast<int>(value));
    }
    KCHECK(mm::protect_kernel(page, page_size, Perm::read | Perm::write).ok());
    return nullptr;
}

} // namespace
} // namespace drupe::ktest
