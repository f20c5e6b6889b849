// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/aarch64/descriptor.h>

#include <catch2/catch.hpp>

using namespace drupe;
using namespace drupe::arch;
using namespace drupe::arch::aarch64;

namespace {
constexpr PhysAddr frame{0x1'4000'3000};
constexpr Descriptor page(Perm perm, IsolationMode mode, MemoryType type = MemoryType::normal) {
    return leaf_descriptor(frame, perm, type, mode);
}
constexpr std::uint64_t field(Descriptor d, unsigned high, unsigned low) {
    return d >> low & ((std::uint64_t{1} << (high - low + 1)) - 1);
}
constexpr Perm rw = Perm::read | Perm::write, rx = Perm::read | Perm::exec;
constexpr Perm user = Perm::user;
} // namespace

TEST_CASE("a page that EL1t executes is not writable from EL0, and has PXN from its permission") {
    const Descriptor text = page(user | rx, IsolationMode::el1t);
    CHECK(field(text, 7, 6) == 0b10); // AP[2:1]: read-only at EL1, nothing at EL0
    CHECK(field(text, 53, 53) == 0);  // PXN
    CHECK(field(text, 54, 54) == 1);  // UXN
    const Descriptor data = page(user | rw, IsolationMode::el1t);
    CHECK(field(data, 7, 6) == 0b00);
    CHECK(field(data, 53, 53) == 1);
    const Descriptor both = page(user | rw | rx, IsolationMode::el1t);
    CHECK(field(both, 7, 6) == 0b00);
    CHECK(field(both, 53, 53) == 0);
}

TEST_CASE("an isolated program's pages are EL0's, and the kernel never executes them") {
    const Descriptor text = page(user | rx, IsolationMode::el0);
    CHECK(field(text, 7, 6) == 0b11);
    CHECK(field(text, 54, 53) == 0b01); // UXN = 0, PXN = 1
    CHECK(field(page(user | rw, IsolationMode::el0), 7, 6) == 0b01);
    CHECK(field(page(user | rw, IsolationMode::el0), 54, 53) == 0b11);
}

TEST_CASE(
    "kernel pages are global, programs' pages are not; all have AF and the walkers' shareability") {
    for (auto mode : {IsolationMode::el1t, IsolationMode::el0}) {
        CHECK(field(page(rw, mode), 11, 11) == 0);
        CHECK(field(page(user | rw, mode), 11, 11) == 1);
        CHECK(field(page(rw, mode), 7, 6) == 0b00); // never EL0's
        CHECK(field(page(rx, mode), 54, 53) == 0b10);
        for (Perm p : {rw, user | rx}) {
            CHECK(field(page(p, mode), 10, 10) == 1);
            CHECK(field(page(p, mode), 9, 8) == 0b11);
            CHECK(field(page(p, mode), 1, 0) == 0b11);
            CHECK(output_address(page(p, mode)) == frame);
        }
    }
    CHECK(field(page(rw, IsolationMode::el1t, MemoryType::device), 4, 2) == 1);
    CHECK(field(page(rw, IsolationMode::el1t, MemoryType::device), 9, 8) == 0);
    CHECK(field(page(rw, IsolationMode::el1t, MemoryType::uncached), 4, 2) == 2);
    CHECK(field(leaf_descriptor(PhysAddr{0x4020'0000}, rw, MemoryType::normal, IsolationMode::el1t,
                                2),
                1, 0) == 0b01);
}

TEST_CASE("what is encoded is decoded, in both modes") {
    for (auto mode : {IsolationMode::el1t, IsolationMode::el0})
        for (unsigned bits = 0; bits < 16; bits++) {
            const Perm perm = static_cast<Perm>(bits);
            if (perm == Perm::none) continue;
            const Mapping m = decode_leaf(page(perm, mode), mode);
            CHECK(m.frame == frame);
            // Every access implies reading, but for the page that allows nothing and is kept.
            CHECK(m.perm == (perm == Perm::user ? Perm::user : perm | Perm::read));
            CHECK(is_valid(page(perm, mode)) == (perm != Perm::user));
            CHECK(with_permission(page(rw | user, mode), perm | user, mode) ==
                  page(perm | user, mode));
        }
    CHECK(decode_leaf(0, IsolationMode::el1t).perm == Perm::none);
}

TEST_CASE("only permissions may change under a valid entry") {
    const auto mode = IsolationMode::el1t;
    const Descriptor d = page(user | rw, mode);
    CHECK_FALSE(needs_break_before_make(d, page(user | rx, mode)));
    CHECK_FALSE(needs_break_before_make(d, 0));
    CHECK_FALSE(needs_break_before_make(0, d));
    CHECK(needs_break_before_make(d, d + page_size));
    CHECK(needs_break_before_make(d, page(user | rw, mode, MemoryType::device)));
    CHECK(needs_break_before_make(d, page(rw, mode))); // nG
}
