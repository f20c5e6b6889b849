// SPDX-License-Identifier: BSD-2-Clause
// The kernel's operator new and delete. Only for the target: tests keep the build machine's.
#include <drupe/mm/heap.h>

#include <bit>
#include <new>

namespace {
// Sizes that are powers of two come out aligned to themselves, up to a page.
void* alloc_aligned(std::size_t bytes, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    return drupe::mm::heap_alloc(std::bit_ceil(bytes < align ? align : bytes));
}
} // namespace

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return drupe::mm::heap_alloc(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return drupe::mm::heap_alloc(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
    return alloc_aligned(bytes, a);
}
void* operator new[](std::size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
    return alloc_aligned(bytes, a);
}
void operator delete(void* p) noexcept { drupe::mm::heap_free(p); }
void operator delete[](void* p) noexcept { drupe::mm::heap_free(p); }
void operator delete(void* p, std::size_t) noexcept { drupe::mm::heap_free(p); }
void operator delete[](void* p, std::size_t) noexcept { drupe::mm::heap_free(p); }
void operator delete(void* p, std::align_val_t) noexcept { drupe::mm::heap_free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { drupe::mm::heap_free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { drupe::mm::heap_free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { drupe::mm::heap_free(p); }
