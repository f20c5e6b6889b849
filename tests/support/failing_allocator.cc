// SPDX-License-Identifier: BSD-2-Clause
#include "failing_allocator.h"

#include <cstddef>
#include <new>

namespace {
unsigned countdown = 0;
bool has_failed = false;
} // namespace

namespace drupe::testing {
FailingAllocator::FailingAllocator(unsigned n) {
    countdown = n;
    has_failed = false;
}
FailingAllocator::~FailingAllocator() { countdown = 0; }
bool FailingAllocator::failed() { return has_failed; }
} // namespace drupe::testing

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    if (countdown != 0 && --countdown == 0) {
        has_failed = true;
        return nullptr;
    }
    try {
        return ::operator new(bytes);
    } catch (...) { return nullptr; }
}
