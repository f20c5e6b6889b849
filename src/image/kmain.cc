// SPDX-License-Identifier: BSD-2-Clause
// From the entry stub to a running system, in the order in which things start to work:
// machine → console → memory → scheduler → interrupts → the first thread.
#include "boot_memory.h"
#include "machine_state.h"
#include "start_program.h"

#include <drupe/arch/cpu_features.h>
#include <drupe/arch/fpu.h>
#include <drupe/arch/irq_state.h>
#include <drupe/arch/user_mode.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/kernel_space.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>
#include <drupe/time/clock.h>
#include <drupe/trace/log.h>

namespace drupe::image {
namespace {

Result<volatile void*> map_early(PhysAddr base, std::uint64_t) {
    return arch::map_boot_device(base);
}
Result<volatile void*> map_registers(PhysAddr base, std::uint64_t bytes) {
    return TRY(mm::map_device(base, bytes));
}

/// From here on: the machine is described, and there is a voice unless it has none that we know.
Result<void> find_machine(const arch::BootInfo& boot) {
    const platform::BootInfo handed{arch::boot_device_tree(boot)};
    for (const platform::Platform* candidate : {&platform::virt}) {
        if (!candidate->matches(handed)) continue;
        state.platform = candidate;
        state.machine = TRY(candidate->describe(handed));
        if (auto console = candidate->early_console(map_early)) state.use_console(*console.value());
        return {};
    }
    return Errc::not_supported;
}

/// From here on: memory can be allocated, devices mapped.
Result<void> start_memory(const arch::BootInfo& boot) {
    const void* tree = arch::boot_device_tree(boot);
    return take_memory(boot, *state.machine, TRY(platform::device_tree_bytes(tree)));
}

/// From here on: threads run, time passes, interrupts arrive.
Result<void> start_scheduler() {
    time::init();
    sched::install({.allocate = mm::alloc_kernel_stack, .release = mm::free_kernel_stack});
    sched::install_address_space_switch(mm::AddressSpace::switch_to);
    sched::init_boot_cpu();
    TRY(state.platform->attach_core(map_registers, [](void*) { time::on_timer_interrupt(); }));
    if (auto now = state.platform->wall_clock(map_registers)) time::set_wall(now.value());
    state.map_registers = map_registers;
    arch::irq_enable();
    return {};
}

void check(Result<void> outcome, std::string_view advice) {
    if (!outcome) panic(advice);
}

} // namespace
} // namespace drupe::image

extern "C" [[noreturn]] void kernel_main(const drupe::arch::BootInfo* boot) {
    using namespace drupe;
    using namespace drupe::image;
    arch::detect_cpu_features();
    arch::fpu_init_cpu();
    state.boot = *boot;
    check(find_machine(*boot), "the machine has no device tree that can be understood");
    check(start_memory(*boot), "there is too little memory: give the machine more");
    check(start_scheduler(),
          "the device tree names no interrupt controller or timer that this kernel can drive");
    auto first = sched::Thread::create("init", start_program, nullptr);
    if (!first) panic("there is too little memory: give the machine more");
    first.value()->start();
    sched::idle_loop();
}
