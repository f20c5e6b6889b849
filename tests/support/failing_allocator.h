// SPDX-License-Identifier: BSD-2-Clause
// Makes the n-th non-throwing allocation fail, as the kernel's heap may. Link failing_allocator.cc.
#pragma once

namespace drupe::testing {

class FailingAllocator {
public:
    /// The n-th non-throwing operator new from now on fails (1: the next), once. 0: none.
    explicit FailingAllocator(unsigned n);
    ~FailingAllocator();
    FailingAllocator(const FailingAllocator&) = delete;
    FailingAllocator& operator=(const FailingAllocator&) = delete;
    static bool failed();
};

} // namespace drupe::testing
