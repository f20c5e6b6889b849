// SPDX-License-Identifier: BSD-2-Clause
// The heap of what is played. Giving storage back is a write to all of it: an access that nothing
// orders before it is a race.
#include <weak/machine.h>
#include <weak/played.h>

#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {

void* allocate(std::size_t bytes) {
    void* at = std::malloc(bytes);
    if (at) weak::storage_begins(at, malloc_usable_size(at));
    return at;
}

void give_back(void* at, const void* site) {
    if (!at) return;
    weak::storage_ends(at, malloc_usable_size(at), site);
    std::free(at);
}

} // namespace

void* operator new(std::size_t bytes) {
    if (void* at = allocate(bytes)) return at;
    throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void operator delete(void* at) noexcept { give_back(at, __builtin_return_address(0)); }
void operator delete(void* at, std::size_t) noexcept { give_back(at, __builtin_return_address(0)); }
void operator delete(void* at, const std::nothrow_t&) noexcept {
    give_back(at, __builtin_return_address(0));
}
