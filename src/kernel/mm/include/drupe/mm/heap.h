// SPDX-License-Identifier: BSD-2-Clause
// The kernel heap: slabs of one frame for objects up to 2 KiB, whole frames above. On the target
// the non-throwing operator new and operator delete are these functions; the throwing operator new
// does not exist.
#pragma once

#include <cstddef>

namespace drupe::mm {

inline constexpr std::size_t heap_alignment = 16;
inline constexpr std::size_t max_slab_object = 2048;

/// Memory for `bytes`, aligned to 16; objects whose size is a power of two are aligned to it, up to
/// a page. Null when there is none. Context: thread or early boot, never an interrupt. Does not
/// sleep.
void* heap_alloc(std::size_t bytes);
/// Null is allowed.
void heap_free(void* object);
/// Gives back frames that only free objects on the lists of CPUs keep. Done by itself where frames
/// run out; for tests that count frames. Any context.
void heap_trim();

/// One size of objects.
struct SlabReport {
    std::size_t object_bytes;
    std::size_t in_use; // objects that their owners have
    std::size_t frames;
};
inline constexpr unsigned slab_class_count = 20;
/// Counters that return to their start when nothing leaks; exact while nobody allocates or frees.
/// Precondition: number below slab_class_count. Context: any. Takes time in proportion to the slabs
/// with free objects.
SlabReport slab_report(unsigned number);

} // namespace drupe::mm
