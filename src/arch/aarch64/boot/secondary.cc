// SPDX-License-Identifier: BSD-2-Clause
// What a further CPU finds when it comes out of head.S.
#include <drupe/arch/fpu.h>
#include <drupe/arch/page_table.h>
#include <drupe/arch/smp.h>
#include <drupe/arch/upcalls.h>

#include "../asm_offsets.h"
#include "sysreg.h"

#include <atomic>

namespace drupe::arch {
namespace {

struct Secondary {
    std::uint64_t hardware_id;
    std::atomic<void*> thread; // null: nobody called for it
};
static_assert(sizeof(Secondary) == 16); // head.S walks the table

} // namespace

extern "C" {
constinit Secondary drupe_secondaries[DRUPE_MAX_CPUS] = {};
extern const char drupe_secondary_entry[], drupe_image_start[];
[[noreturn]] void drupe_secondary_main();
}

std::uint64_t hardware_id() {
    std::uint64_t mpidr;
    asm("mrs %0, mpidr_el1" : "=r"(mpidr));
    return mpidr & MPIDR_AFFINITY;
}

PhysAddr secondary_entry(const BootInfo& boot) {
    return boot.image + static_cast<std::uint64_t>(drupe_secondary_entry - drupe_image_start);
}

void prepare_secondary(std::uint32_t cpu, std::uint64_t hardware_id, void* thread) {
    drupe_secondaries[cpu].hardware_id = hardware_id;
    // The number before the thread. The other CPU reads both with its caches on and shared.
    drupe_secondaries[cpu].thread.store(thread, std::memory_order_release);
}

// In the kernel's addresses; those of the identity map are dropped, in the tables and in the TLB.
void drupe_secondary_main() {
    PageTable::deactivate();
    asm volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" ::: "memory");
    fpu_init_cpu();
    secondary_main();
}

} // namespace drupe::arch
