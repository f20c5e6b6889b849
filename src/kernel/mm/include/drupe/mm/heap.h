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
/// Gives back frames that only cached free objects keep. For memory pressure and for tests that
/// count frames.
void heap_trim();

} // namespace drupe::mm
