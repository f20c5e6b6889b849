// SPDX-License-Identifier: BSD-2-Clause
// One cache per size class: a list of free objects in front (the hot path), slabs with free objects
// behind it. A slab is one frame without a header: its record counts the objects that are out and
// points to its free ones, and its place in the class's list of slabs is written into the first of
// those. Objects in the front list count as out.
#include <drupe/mm/heap.h>

#include <drupe/mm/frames.h>
#include <drupe/sync/spin_lock.h>

#include <array>
#include <bit>

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

struct FreeObject {
    FreeObject* next;
};
// The first free object of a slab that has some: the slab's links in its class's list.
struct SlabHead : FreeObject {
    SlabHead* prev_slab;
    SlabHead* next_slab;
};
static_assert(sizeof(SlabHead) <= class_sizes[0]);

class SlabClass {
public:
    void* take(unsigned number) {
        IrqGuard guard(lock_);
        if (!front_ && !refill(number)) [[unlikely]]
            return nullptr;
        FreeObject* object = front_;
        front_ = object->next;
        count_--;
        return object;
    }
    void put(void* memory) {
        IrqGuard guard(lock_);
        auto* object = static_cast<FreeObject*>(memory);
        object->next = front_;
        front_ = object;
        if (++count_ > most_) [[unlikely]]
            shrink(most_ / 2);
    }
    void trim() {
        IrqGuard guard(lock_);
        shrink(0);
    }
    SlabReport report(unsigned number);

private:
    static unsigned per_slab(unsigned number) { return page_size / class_sizes[number]; }
    bool refill(unsigned number) REQUIRES(lock_);
    void shrink(unsigned leave) REQUIRES(lock_);
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
    unsigned count_ GUARDED_BY(lock_) = 0; // in front_
    unsigned most_ GUARDED_BY(lock_) = 0;  // of them; known with the first slab
    std::size_t frames_ GUARDED_BY(lock_) = 0;
    FreeObject* front_ GUARDED_BY(lock_) = nullptr;
    SlabHead* slabs_ GUARDED_BY(lock_) = nullptr;
};
constinit SlabClass classes[slab_class_count];
constinit std::atomic<std::size_t> frames_taken{0};

[[gnu::noinline]] bool SlabClass::refill(unsigned number) {
    const unsigned size = class_sizes[number];
    most_ = per_slab(number) * 2;
    if (slabs_) {
        SlabHead* slab = slabs_;
        Frame& frame = frame_of(virt_to_phys(slab));
        unlink(slab);
        front_ = slab;
        count_ = per_slab(number) - frame.refs.load(std::memory_order_relaxed);
        frame.refs.store(per_slab(number), std::memory_order_relaxed);
        frame.owner = nullptr;
        return true;
    }
    auto page = alloc_frames();
    if (!page) return false;
    frames_taken.fetch_add(1, std::memory_order_relaxed);
    frames_++;
    Frame& frame = frame_of(page.value());
    frame.flags = frame_slab;
    frame.slab_class = static_cast<std::uint8_t>(number);
    frame.owner = nullptr;
    frame.refs.store(per_slab(number), std::memory_order_relaxed);
    auto* at = static_cast<char*>(phys_to_virt(page.value()));
    // Front to back: neighbours in time are neighbours in memory.
    for (unsigned i = per_slab(number); i-- > 0;) {
        auto* object = reinterpret_cast<FreeObject*>(at + i * size);
        object->next = front_;
        front_ = object;
    }
    count_ = per_slab(number);
    return true;
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

[[gnu::noinline]] void SlabClass::shrink(unsigned leave) {
    while (count_ > leave) {
        FreeObject* object = front_;
        front_ = object->next;
        count_--;
        return_to_slab(object);
    }
}

SlabReport SlabClass::report(unsigned number) {
    IrqGuard guard(lock_);
    std::size_t in_use = frames_ * per_slab(number) - count_;
    for (SlabHead* slab = slabs_; slab; slab = slab->next_slab)
        in_use -=
            per_slab(number) - frame_of(virt_to_phys(slab)).refs.load(std::memory_order_relaxed);
    return {.object_bytes = class_sizes[number], .in_use = in_use, .frames = frames_};
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
    return classes[number].take(number);
}

void heap_free(void* object) {
    if (!object) return;
    Frame& frame = frame_of(virt_to_phys(object));
    if ((frame.flags & frame_slab) != 0) {
        classes[frame.slab_class].put(object);
        return;
    }
    free_large(frame, object);
}

void heap_trim() {
    for (SlabClass& c : classes) c.trim();
}

SlabReport slab_report(unsigned number) { return classes[number].report(number); }

} // namespace drupe::mm
