// SPDX-License-Identifier: BSD-2-Clause
// One class per size of objects. Each CPU has a list of free objects of each (the hot path); behind
// these stand the class's slabs with free objects, for all CPUs. A slab is one frame without a
// header: its record counts the objects that are out and points to its free ones, and its place in
// the class's list of slabs is written into the first of those. Objects in a CPU's list count as
// out. An object joins the list of the CPU that frees it.
#include <drupe/mm/heap.h>

#include <drupe/mm/frames.h>

#include "cpu_stock.h"

#include <algorithm>
#include <array>
#include <bit>
#include <new>

namespace drupe::mm {
namespace {

constexpr std::array<std::uint16_t, slab_class_count> class_sizes = {
    32,  48,  64,  80,  96,  112, 128, 160,  192,  224,
    256, 320, 384, 448, 512, 640, 816, 1024, 1360, 2048};
static_assert(class_sizes.back() == max_slab_object);

constexpr auto class_of_granule = [] {
    std::array<std::uint8_t, max_slab_object / heap_alignment + 1> table{};
    unsigned c = 0;
    for (std::size_t i = 0; i < table.size(); i++) {
        if (i * heap_alignment > class_sizes[c]) c++;
        table[i] = static_cast<std::uint8_t>(c);
    }
    return table;
}();

// The first free object of a slab that has some: the slab's links in its class's list.
struct SlabHead : FreeObject {
    SlabHead* prev_slab;
    SlabHead* next_slab;
};
static_assert(sizeof(SlabHead) <= class_sizes[0]);

constexpr std::uint32_t per_slab(unsigned number) { return page_size / class_sizes[number]; }

// What all CPUs share of a class. Its lock is taken under that of a CPU's lists, so nothing may be
// allocated here: when memory is short all lists are asked for theirs.
class SlabClass {
public:
    /// The free objects of one slab become the list's, which is empty. False: no slab has any.
    bool fill(ObjectList& list, unsigned number);
    /// A new frame, all of its objects out: they are the list's.
    void add_slab(Frame& frame, ObjectList& list, FreeObject* first, FreeObject* last,
                  unsigned number);
    void take_back(ObjectList& list, std::uint32_t leave);
    SlabReport report(unsigned number);

private:
    void return_to_slab(FreeObject* object) REQUIRES(lock_);
    void link(SlabHead* slab, SlabHead* prev, SlabHead* next) REQUIRES(lock_) {
        slab->prev_slab = prev;
        slab->next_slab = next;
        (prev ? prev->next_slab : slabs_) = slab;
        if (next) next->prev_slab = slab;
    }
    void unlink(SlabHead* slab) REQUIRES(lock_) {
        (slab->prev_slab ? slab->prev_slab->next_slab : slabs_) = slab->next_slab;
        if (slab->next_slab) slab->next_slab->prev_slab = slab->prev_slab;
    }

    SpinLock<LockRank::heap> lock_;
    std::size_t frames_ GUARDED_BY(lock_) = 0;
    SlabHead* slabs_ GUARDED_BY(lock_) = nullptr;
};
constinit SlabClass classes[slab_class_count];
constinit std::atomic<std::size_t> frames_taken{0};

bool SlabClass::fill(ObjectList& list, unsigned number) {
    SpinGuard guard(lock_);
    SlabHead* const slab = slabs_;
    if (!slab) return false;
    Frame& frame = frame_of(virt_to_phys(slab));
    unlink(slab);
    list.first = slab;
    list.count.store(per_slab(number) - frame.refs.load(std::memory_order_relaxed),
                     std::memory_order_relaxed);
    list.most = per_slab(number) * 2;
    frame.refs.store(per_slab(number), std::memory_order_relaxed);
    frame.owner = nullptr;
    return true;
}

void SlabClass::add_slab(Frame& frame, ObjectList& list, FreeObject* first, FreeObject* last,
                         unsigned number) {
    frames_taken.fetch_add(1, std::memory_order_relaxed);
    frame.flags = frame_slab;
    frame.slab_class = static_cast<std::uint8_t>(number);
    frame.owner = nullptr;
    frame.refs.store(per_slab(number), std::memory_order_relaxed);
    SpinGuard guard(lock_);
    frames_++;
    last->next = list.first;
    list.first = first;
    list.count.store(list.count.load(std::memory_order_relaxed) + per_slab(number),
                     std::memory_order_relaxed);
    list.most = per_slab(number) * 2;
}

void SlabClass::return_to_slab(FreeObject* object) {
    Frame& frame = frame_of(virt_to_phys(object));
    auto* head = static_cast<SlabHead*>(frame.owner);
    auto* fresh = static_cast<SlabHead*>(object);
    fresh->next = head;
    if (head) {
        SlabHead* const prev = head->prev_slab;
        SlabHead* const next = head->next_slab;
        link(fresh, prev, next);
    } else {
        link(fresh, nullptr, slabs_);
    }
    frame.owner = fresh;
    const auto out = frame.refs.load(std::memory_order_relaxed) - 1;
    frame.refs.store(out, std::memory_order_relaxed);
    if (out != 0) return;
    unlink(fresh);
    frame.refs.store(1, std::memory_order_relaxed);
    frames_taken.fetch_sub(1, std::memory_order_relaxed);
    frames_--;
    free_frames(align_down(virt_to_phys(fresh), page_size));
}

void SlabClass::take_back(ObjectList& list, std::uint32_t leave) {
    SpinGuard guard(lock_);
    std::uint32_t count = list.count.load(std::memory_order_relaxed);
    for (; count > leave; count--) {
        FreeObject* object = list.first;
        list.first = object->next;
        return_to_slab(object);
    }
    list.count.store(count, std::memory_order_relaxed);
}

// Not analysed: a number that its CPU may be changing.
std::size_t count_of(const ObjectStock& stock, unsigned number) NO_THREAD_SAFETY_ANALYSIS {
    return stock.lists[number].count.load(std::memory_order_relaxed);
}

SlabReport SlabClass::report(unsigned number) {
    IrqGuard guard(lock_); // objects stay on their side, slabs or lists
    const std::size_t all = frames_ * per_slab(number);
    std::size_t free = 0;
    for_each_stock([&](CpuStock& stock) { free += count_of(stock.objects, number); });
    for (SlabHead* slab = slabs_; slab; slab = slab->next_slab)
        free +=
            per_slab(number) - frame_of(virt_to_phys(slab)).refs.load(std::memory_order_relaxed);
    // One that wanders between CPUs may be counted on both.
    return {.object_bytes = class_sizes[number],
            .in_use = all - std::min(all, free),
            .frames = frames_};
}

void* pop(ObjectList& list) {
    FreeObject* const object = list.first;
    list.first = object->next;
    list.count.store(list.count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    return object;
}

/// The list had nothing.
[[gnu::noinline]] void* refill_and_take(unsigned number) {
    SlabClass& c = classes[number];
    {
        ObjectStock& stock = this_stock().objects;
        IrqGuard guard(stock.lock);
        ObjectList& list = stock.lists[number];
        if (list.first || c.fill(list, number)) return pop(list);
    }
    auto page = alloc_frames(); // no lock held: see SlabClass
    if (!page) return nullptr;
    auto* const at = static_cast<char*>(phys_to_virt(page.value()));
    const unsigned size = class_sizes[number];
    FreeObject* first = nullptr;
    // Front to back: neighbours in time are neighbours in memory.
    for (unsigned i = per_slab(number); i-- > 0;) first = new (at + i * size) FreeObject{first};
    auto* const last = reinterpret_cast<FreeObject*>(at + (per_slab(number) - 1) * size);
    ObjectStock& stock = this_stock().objects;
    IrqGuard guard(stock.lock);
    ObjectList& list = stock.lists[number];
    c.add_slab(frame_of(page.value()), list, first, last, number);
    return pop(list);
}

/// False: the list is full, or there was none so far.
bool push(ObjectList& list, void* object) {
    const std::uint32_t count = list.count.load(std::memory_order_relaxed);
    if (count >= list.most) [[unlikely]]
        return false;
    list.first = new (object) FreeObject{list.first};
    list.count.store(count + 1, std::memory_order_relaxed);
    return true;
}

[[gnu::noinline]] void free_slowly(unsigned number, void* object) {
    ObjectStock& stock = this_stock().objects;
    IrqGuard guard(stock.lock);
    ObjectList& list = stock.lists[number];
    list.most = per_slab(number) * 2;
    if (list.count.load(std::memory_order_relaxed) >= list.most)
        classes[number].take_back(list, list.most / 2);
    push(list, object);
}

[[gnu::noinline]] void free_large(Frame& frame, void* object) {
    DRUPE_ASSERT((frame.flags & frame_large) != 0);
    frames_taken.fetch_sub(std::size_t{1} << frame.order, std::memory_order_relaxed);
    free_frames(virt_to_phys(object), frame.order);
}

[[gnu::noinline]] void* alloc_large(std::size_t bytes) {
    const std::size_t pages = PageCount::covering(bytes).n;
    const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
    auto block = alloc_frames(order);
    if (!block) return nullptr;
    Frame& frame = frame_of(block.value());
    frame.flags = frame_large;
    frame.order = static_cast<std::uint8_t>(order);
    frames_taken.fetch_add(std::size_t{1} << order, std::memory_order_relaxed);
    return phys_to_virt(block.value());
}

} // namespace

std::size_t heap_frames() { return frames_taken.load(std::memory_order_relaxed); }

void* heap_alloc(std::size_t bytes) {
    if (bytes > max_slab_object) return alloc_large(bytes);
    const unsigned number = class_of_granule[(bytes + heap_alignment - 1) / heap_alignment];
    if (CpuStock* const stock = known_stock()) [[likely]] {
        IrqGuard guard(stock->objects.lock);
        ObjectList& list = stock->objects.lists[number];
        if (list.first) [[likely]]
            return pop(list);
    }
    return refill_and_take(number);
}

void heap_free(void* object) {
    if (!object) return;
    Frame& frame = frame_of(virt_to_phys(object));
    if ((frame.flags & frame_slab) == 0) [[unlikely]]
        return free_large(frame, object);
    const unsigned number = frame.slab_class;
    if (CpuStock* const stock = known_stock()) [[likely]] {
        IrqGuard guard(stock->objects.lock);
        ObjectList& list = stock->objects.lists[number];
        if (push(list, object)) [[likely]]
            return;
    }
    free_slowly(number, object);
}

void heap_trim() {
    for_each_stock([](CpuStock& stock) {
        for (unsigned number = 0; number < slab_class_count; number++) {
            IrqGuard guard(stock.objects.lock);
            ObjectList& list = stock.objects.lists[number];
            if (list.first) classes[number].take_back(list, 0);
        }
    });
}

SlabReport slab_report(unsigned number) { return classes[number].report(number); }

} // namespace drupe::mm
