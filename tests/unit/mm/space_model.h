// SPDX-License-Identifier: BSD-2-Clause
// What an address space should do, one page at a time: a map from page to attributes and content.
// Content is one number for each page. Drives the real one through a model CPU that faults, so that
// TLB and break-before-make mistakes show as well.
#pragma once

#include <support/test_memory.h>

#include <map>
#include <optional>
#include <vector>

namespace drupe::mm::test {

inline std::uint64_t& word_at(PhysAddr frame) {
    return *static_cast<std::uint64_t*>(phys_to_virt(frame));
}

/// A "file" whose page i reads as `first_value + i` until written.
class TestObject final : public VmObject {
public:
    TestObject(std::uint64_t pages, std::uint64_t first_value)
        : limit(pages), first_value_(first_value) {}
    std::uint64_t limit;
    unsigned fills = 0;

private:
    std::uint64_t page_limit() const override { return limit; }
    Result<void> fill_page(std::uint64_t index, void* page) override {
        fills++;
        *static_cast<std::uint64_t*>(page) = first_value_ + index;
        return {};
    }
    std::uint64_t first_value_;
};

struct ObjectModel {
    RefPtr<TestObject> real;
    std::uint64_t first_value;
    std::map<std::uint64_t, std::uint64_t> written; // page -> content other than the initial
    std::uint64_t value(std::uint64_t index) const {
        auto it = written.find(index);
        return it != written.end() ? it->second : first_value + index;
    }
};

struct PageModel {
    arch::Perm perm;
    arch::Perm may;
    Sharing sharing;
    int object; // -1: anonymous
    std::uint64_t index;
    std::optional<std::uint64_t> own; // private content

    bool continues_as(const PageModel& next) const {
        return perm == next.perm && may == next.may && sharing == next.sharing &&
               object == next.object && (object < 0 || index + 1 == next.index);
    }
};

enum class Outcome { done, no_mapping, no_permission, beyond_object, no_memory };

/// The program on the model CPU: touches `va`, faulting as often as it takes.
inline Outcome touch(AddressSpace& space, VirtAddr va, arch::host::MmuAccess access,
                     PhysAddr& where) {
    using arch::host::Mmu;
    using arch::host::MmuAccess;
    using arch::host::MmuOutcome;
    space.activate();
    for (int tries = 0; tries < 4; tries++) {
        const auto result = Mmu::access(va, access);
        where = result.address;
        if (result.outcome == MmuOutcome::done) return Outcome::done;
        const arch::Access kind = access == MmuAccess::write  ? arch::Access::write
                                  : access == MmuAccess::exec ? arch::Access::exec
                                                              : arch::Access::read;
        switch (space.fault(va, kind)) {
        case FaultOutcome::resolved: break;
        case FaultOutcome::no_mapping:
        case FaultOutcome::stack_overflow: return Outcome::no_mapping;
        case FaultOutcome::no_permission: return Outcome::no_permission;
        case FaultOutcome::beyond_object: return Outcome::beyond_object;
        case FaultOutcome::no_memory: return Outcome::no_memory;
        }
    }
    FAIL("the fault was resolved, and resolved, and resolved");
    return Outcome::no_memory;
}

} // namespace drupe::mm::test
