// SPDX-License-Identifier: BSD-2-Clause
// A process's user half: regions, and the page tables that demand paging fills.
//
// Private pages live in the page table alone: an anonymous frame's references count the entries
// that lead to it. A private page is writable in the table only while its frame has one owner.
//
// Two locks: the space's own over regions and break, held for every operation and never while
// sleeping (objects are filled between two looks); and one over the page table, so that truncation,
// which comes from the object's side, can take entries out without the first. Order: space,
// object's pages, table.
#pragma once

#include <drupe/arch/page_table.h>
#include <drupe/arch/trap.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/mm/region.h>
#include <drupe/mm/vm_object.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace drupe::mm {

enum class Placement : std::uint8_t {
    anywhere,   // `at` is a hint
    fixed,      // replaces what is there
    fixed_free, // exists when something is there (MAP_FIXED_NOREPLACE)
};

struct MapRequest {
    VirtAddr at{};
    PageCount pages{};
    arch::Perm perm = arch::Perm::none; // without Perm::user; that is implied
    Sharing sharing = Sharing::private_copy;
    Placement placement = Placement::anywhere;
    RefPtr<VmObject> object;      // null: anonymous
    RefPtr<MappedFile> file;      // kept open while it is mapped
    std::uint64_t first_page = 0; // of the object
    bool grows_down = false;      // a stack: extends on a fault just below, up to its limit
    bool populate = false;
    bool no_reserve = false;   // may be larger than all RAM
    bool is_counted = false;   // its file hears of every region, and no two of them are joined
    bool tells_writes = false; // its file hears of the first write to a page, again after msync
    AtFork at_fork = AtFork::copy;
    Locked locked = Locked::no; // at least what lock_all() said
    arch::Perm may =
        arch::Perm::read | arch::Perm::write | arch::Perm::exec; // upper bound for protect
};

enum class FaultOutcome : std::uint8_t {
    resolved,       // retry the instruction
    no_mapping,     // SIGSEGV, SEGV_MAPERR
    no_permission,  // SIGSEGV, SEGV_ACCERR
    beyond_object,  // SIGBUS, BUS_ADRERR
    stack_overflow, // SIGSEGV; the address lies in the guard gap below a growing stack
    no_memory,      // the process is to be killed with a message
};

/// Bounds a process may set itself (RLIMIT_AS, _DATA, _STACK, _MEMLOCK), in bytes.
struct SpaceLimits {
    std::uint64_t address_space = UINT64_MAX;
    std::uint64_t data = UINT64_MAX;
    std::uint64_t stack = 8 << 20;
    std::uint64_t locked = UINT64_MAX;
};

/// What /proc shows of a region.
struct RegionInfo {
    VirtAddr begin, end;
    arch::Perm perm, may;
    Sharing sharing;
    bool grows_down;
    bool is_break; // lies in [break start, break)
    Locked locked;
    bool is_dumped;
    std::uint64_t first_page;
    RefPtr<VmObject> object;
    RefPtr<MappedFile> file;
};

struct SpaceStats {
    PageCount mapped;   // in regions
    PageCount resident; // in the page table
    PageCount data;     // private, writable
    PageCount stack;    // growing regions
    PageCount locked;
    PageCount most_mapped, most_resident; // at any time so far
    PageCount tables;
    std::size_t regions;
};

/// Pages of a range as smaps counts them.
struct Residency {
    PageCount present, anonymous, shared, shared_written;
};

/// Context of all: thread, no spin lock of rank address_space or lower held. fault(), read(),
/// map() with populate and populate() may sleep in an object's fill_page(); the others do not.
class AddressSpace {
public:
    /// Lowest address a mapping may have, and the first beyond the user half.
    static constexpr VirtAddr user_begin{0x10000};
    static constexpr VirtAddr user_end{0x0001'0000'0000'0000};
    static constexpr std::size_t max_regions = 65530;
    /// Kept free below a growing stack.
    static constexpr std::uint64_t stack_gap = 1 << 20;

    /// `random` decides where the stack and the mappings begin. no_memory.
    static Result<OwnPtr<AddressSpace>> create(std::uint64_t random = 0);
    ~AddressSpace();
    /// Copy-on-write copy of everything (fork). no_memory.
    Result<OwnPtr<AddressSpace>> clone();

    /// invalid (no pages, unaligned, wraps), not_permitted (below user_begin), no_memory (no room,
    /// a limit, too many regions, larger than RAM), exists, would_block (more than may be locked).
    Result<VirtAddr> map(const MapRequest& request);
    /// Holes are skipped. invalid, no_memory (a region must be split).
    Result<void> unmap(VirtAddr at, PageCount pages);
    /// no_memory: part of the range is not mapped; access: beyond `may`.
    Result<void> protect(VirtAddr at, PageCount pages, arch::Perm perm);
    /// mremap without DONTUNMAP. `fixed_to` 0: stay, or move when may_move. old_pages 0: a second
    /// mapping of a shared region. fault (not one region), no_memory, invalid.
    Result<VirtAddr> remap(VirtAddr at, PageCount old_pages, PageCount new_pages, bool may_move,
                           VirtAddr fixed_to);
    /// Pages of the range read as fresh (anonymous: zeros, file: the file) afterwards. no_memory
    /// when the range has holes; the rest is done all the same.
    Result<void> discard(VirtAddr at, PageCount pages);
    /// Brings in every page of the range, for `access` when the region allows it, else for reading.
    /// no_memory (holes, out of memory), fault (beyond an object, no access at all).
    Result<void> populate(VirtAddr at, PageCount pages, arch::Access access);
    /// madvise's DONTFORK and WIPEONFORK. no_memory: holes; invalid: wiping what is not private
    /// anonymous memory.
    Result<void> set_at_fork(VirtAddr at, PageCount pages, AtFork at_fork);
    /// madvise's DONTDUMP and DODUMP. no_memory: holes.
    Result<void> set_dumped(VirtAddr at, PageCount pages, bool is_dumped);
    /// mlock and munlock; nothing is brought in. no_memory: holes (what lies before them is done),
    /// or more than may be locked.
    Result<void> set_locked(VirtAddr at, PageCount pages, Locked locked);
    /// mlockall and munlockall: all there is, if said, and all that will be. no_memory: as above.
    Result<void> lock_all(std::optional<Locked> current, Locked future);
    bool locks_future() const { return future_.load(std::memory_order_relaxed) != Locked::no; }
    /// Brings in what is locked for that; private pages become the process's own. Errors: populate.
    Result<void> bring_in(VirtAddr at, PageCount pages);
    /// msync. no_memory: holes; io. May sleep.
    Result<void> write_back(VirtAddr at, PageCount pages);
    /// Lowest mapped address of the growing stack at or above `at`. no_memory: nothing there;
    /// invalid: it does not grow.
    Result<VirtAddr> stack_begin(VirtAddr at);
    FaultOutcome fault(VirtAddr address, arch::Access access);
    /// The frames behind pages, brought in for `access` if need be, with a reference each: for a
    /// device that reads or writes them. How many; the first decides: fault, no_memory.
    Result<std::size_t> hold(VirtAddr page, arch::Access access, std::span<PhysAddr> frames);
    /// How many of the frames, from the first on, are still what the program sees at the pages, and
    /// may write to: then it sees what was written to them since hold().
    std::size_t count_writable_as(VirtAddr page, std::span<const PhysAddr> frames);
    /// Copies bytes out of the program's memory, whichever space is active; pages are brought in,
    /// which may sleep. fault: not mapped, or not readable; no_memory.
    Result<void> read(VirtAddr from, std::span<std::byte> to);
    /// Copies from one page whatever its protection, as far as it is in memory; false: it is not.
    bool read_present(VirtAddr from, std::span<std::byte> to);
    /// This CPU translates user addresses through this space. Cheap when it does already.
    void activate();
    /// This CPU translates no user address.
    static void deactivate();
    /// The scheduler's switch (sched::install_address_space_switch). Null: deactivate.
    static void switch_to(AddressSpace* space);

    /// The heap of brk: begins at `start` (page aligned upwards) and is empty.
    void set_break_start(VirtAddr start);
    VirtAddr break_start() const { return break_start_; }
    VirtAddr break_now() const { return break_; }
    /// The break afterwards: `wanted`, or what it was when that cannot be.
    VirtAddr set_break(VirtAddr wanted);

    void set_limits(const SpaceLimits& limits);
    SpaceLimits limits() const { return limits_; }
    /// Where exec puts the main stack's top, and the address below which map() looks for room.
    VirtAddr stack_top() const { return stack_top_; }
    VirtAddr mmap_top() const { return mmap_top_; }

    /// The first region that ends above `at`; false when there is none. Iterates without a lock
    /// held between two steps.
    bool region_above(VirtAddr at, RegionInfo& out);
    /// True when regions cover the whole range.
    bool is_mapped(VirtAddr at, PageCount pages);
    SpaceStats stats();
    Residency residency(VirtAddr at, PageCount pages);
    /// mincore: present(i) for each page of the range that is in memory. no_memory: holes.
    template <class Present>
    Result<void> for_each_present(VirtAddr at, PageCount pages, Present&& present);

private:
    friend class VmObject;
    using Lock = SpinLock<LockRank::address_space>;
    using Guard = SpinGuard<LockRank::address_space>;
    struct Doomed; // regions to destroy once no lock is held
    struct Spares; // regions allocated before anything changes
    struct Target;

    explicit AddressSpace(arch::PageTable&& table);
    void choose_layout(std::uint64_t random);

    // regions.cc
    Region* find(VirtAddr at) REQUIRES(lock_);              // contains at
    Region* first_above(VirtAddr at) const REQUIRES(lock_); // first with end > at
    void insert(Region& region) REQUIRES(lock_);
    void take_out(Region& region, Doomed& doomed) REQUIRES(lock_);
    void set_bounds(Region& region, VirtAddr begin, VirtAddr end) REQUIRES(lock_);
    void split(Region& region, VirtAddr at, Spares& spares) REQUIRES(lock_);
    bool absorb(Region& left, Region& right, Doomed& doomed) REQUIRES(lock_);
    void merge_around(VirtAddr from, VirtAddr to, Doomed& doomed) REQUIRES(lock_);
    VirtAddr find_room(std::uint64_t bytes, VirtAddr below) const REQUIRES(lock_);
    bool is_free(VirtAddr at, std::uint64_t bytes) const REQUIRES(lock_);
    Result<void> reserve_splits(VirtAddr at, VirtAddr end, Spares& spares) REQUIRES(lock_);

    // address_space.cc
    Result<VirtAddr> map_locked(const MapRequest& request, Spares& spares, Doomed& doomed)
        REQUIRES(lock_);
    Result<VirtAddr> place(const MapRequest& request) REQUIRES(lock_);
    Result<void> check_limits(const MapRequest& request, Locked locked) const REQUIRES(lock_);
    Region* extend_neighbour(const MapRequest& request, VirtAddr at, Doomed& doomed)
        REQUIRES(lock_);
    Result<void> unmap_locked(VirtAddr at, VirtAddr end, Spares& spares, Doomed& doomed)
        REQUIRES(lock_);
    void free_tables_in_hole(VirtAddr at, VirtAddr end) REQUIRES(lock_);
    void account(const Region& region, std::int64_t sign) REQUIRES(lock_);
    bool may_lock(std::size_t more) const REQUIRES(lock_);
    void change_locked(Region& region, Locked locked) REQUIRES(lock_);

    template <class Check, class Apply>
    Result<void> change_regions(VirtAddr at, PageCount pages, Check check, Apply apply);

    // remap.cc
    Result<VirtAddr> move_region(Region& region, VirtAddr at, PageCount old_pages,
                                 const MapRequest& request, Spares& spares, Doomed& doomed)
        REQUIRES(lock_);

    // page_ops.cc: the page table
    void zap(VirtAddr at, VirtAddr end);
    void reprotect(Region& region) REQUIRES(lock_);
    void hear_of_writes(VirtAddr at, VirtAddr end);
    void unmap_object_pages(const Region& region, std::uint64_t first);
    bool unmap_object_hole(const Region& region, std::uint64_t first, std::uint64_t end);
    void hear_of_object_writes(const Region& region, std::uint64_t first, std::uint64_t end);
    void hear_of_writes_locked(VirtAddr at, VirtAddr end);
    Result<void> move_pages(VirtAddr from, VirtAddr to, PageCount pages) REQUIRES(lock_);

    // fault.cc
    FaultOutcome try_fault(VirtAddr page, arch::Access access);
    Region* find_or_grow(VirtAddr page, FaultOutcome& why) REQUIRES(lock_);
    Region* grow(Region& stack, VirtAddr page, FaultOutcome& why) REQUIRES(lock_);
    FaultOutcome fault_anonymous(const Region& region, VirtAddr page, arch::Access access)
        REQUIRES(lock_, table_lock_);
    FaultOutcome fault_object(Region& region, VirtAddr page, arch::Access access, bool& absent)
        REQUIRES(lock_);
    FaultOutcome fault_present(const Region& region, VirtAddr page, arch::Mapping present,
                               arch::Access access) REQUIRES(table_lock_);
    FaultOutcome copy_private(const Region& region, VirtAddr page, PhysAddr old)
        REQUIRES(table_lock_);
    bool enter(const Region& region, VirtAddr page, PhysAddr frame, bool writable)
        REQUIRES(table_lock_);
    void map_around(Region& region, VmObject& object, VirtAddr page)
        REQUIRES(object.pages_lock_, table_lock_);

    Result<void> copy_region(const Region& from, AddressSpace& to) REQUIRES(lock_);

    Lock lock_;
    SpinLock<LockRank::page_table> table_lock_;
    arch::PageTable table_ GUARDED_BY(table_lock_);
    RegionTree regions_ GUARDED_BY(lock_);
    Region* last_ GUARDED_BY(lock_) = nullptr; // the region found last
    std::size_t region_count_ GUARDED_BY(lock_) = 0;
    // Pages.
    std::size_t mapped_ GUARDED_BY(lock_) = 0, data_ GUARDED_BY(lock_) = 0;
    std::size_t stack_ GUARDED_BY(lock_) = 0, locked_ GUARDED_BY(lock_) = 0;
    std::atomic<Locked> future_{Locked::no}; // of regions that will be; written under lock_
    std::size_t resident_ GUARDED_BY(table_lock_) = 0;
    // As they were before they last fell.
    std::size_t most_mapped_ GUARDED_BY(lock_) = 0;
    std::size_t most_resident_ GUARDED_BY(table_lock_) = 0;
    VirtAddr break_start_{}, break_{};
    VirtAddr stack_top_{}, mmap_top_{};
    SpaceLimits limits_;
};

#if defined(DRUPE_HOSTED)
namespace testing {
/// Gives back the frame that read faults share, so that tests can count.
void forget_zero_frame();
} // namespace testing
#endif

template <class Present>
Result<void> AddressSpace::for_each_present(VirtAddr at, PageCount pages, Present&& present) {
    Guard guard(lock_);
    const VirtAddr end = at + pages.bytes();
    VirtAddr reached = at;
    for (Region* r = first_above(at); r && r->begin <= reached && reached < end;
         r = RegionTree::next(*r)) {
        const VirtAddr stop = r->end < end ? r->end : end;
        for (VirtAddr page = reached; page < stop; page = page + page_size) {
            bool in = false;
            {
                SpinGuard table_guard(table_lock_);
                in = table_.query(page).perm != arch::Perm::none;
            }
            if (!in && r->object) {
                const PhysAddr frame = r->object->get_present_page(r->page_index(page));
                in = raw(frame) != 0;
                if (in) release_frame(frame);
            }
            if (in) present((page - at) >> page_shift);
        }
        reached = stop;
    }
    return reached >= end ? Result<void>{} : Errc::no_memory;
}

} // namespace drupe::mm
