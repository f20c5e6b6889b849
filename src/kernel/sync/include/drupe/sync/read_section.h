// SPDX-License-Identifier: BSD-2-Clause
// A look, without a lock, at what another CPU may be taking away: sched::wait_for_readers() returns
// when whoever might still see it has left its section. Far cheaper for both than read-write locks,
// and readers write nothing that another CPU reads in vain.
#pragma once

#include <drupe/sync/cpu_core.h>

namespace drupe {

/// Context: thread. Not across anything that sleeps or switches, and no section inside another.
class ReadSection {
public:
    ReadSection() : sections_(this_cpu_core().read_sections) {
        // Release: who meets this section instead of the CPU's last one knows that one to be over.
        sections_.store(sections_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        // Being here before the look: pairs with the fence in wait_for_readers().
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    ~ReadSection() {
        // The look before its end: pairs with the acquire in wait_for_readers().
        sections_.store(sections_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    ReadSection(const ReadSection&) = delete;
    ReadSection& operator=(const ReadSection&) = delete;

private:
    std::atomic<std::uint32_t>& sections_;
};

} // namespace drupe
