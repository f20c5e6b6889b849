// SPDX-License-Identifier: BSD-2-Clause
#include <sim/flows.h>

#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace sim {

void Flows::begin(unsigned high, unsigned low) {
    auto* self = reinterpret_cast<Flows*>(static_cast<std::uintptr_t>(high) << 32 | low);
    self->arrived();
    self->flows_[self->here_].entry();
    std::abort(); // entry never returns
}

void Flows::add(std::size_t number, void* stack_top, std::size_t stack_bytes, void (*entry)()) {
    Flow& flow = flows_.at(number);
    flow = Flow{};
    flow.entry = entry;
    flow.stack_bottom = static_cast<char*>(stack_top) - stack_bytes;
    flow.stack_bytes = stack_bytes;
    getcontext(&flow.machine);
    flow.machine.uc_stack.ss_sp = flow.stack_bottom;
    flow.machine.uc_stack.ss_size = stack_bytes;
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&flow.machine, reinterpret_cast<void (*)()>(begin), 2,
                static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

/// Learns on which stack the flow before stood: its thread may not be the one it began with.
void Flows::arrived() {
#if defined(__SANITIZE_ADDRESS__)
    const void* bottom = nullptr;
    Flow& before = flows_[before_];
    __sanitizer_finish_switch_fiber(flows_[here_].fake_stack, &bottom, &before.stack_bytes);
    before.stack_bottom = const_cast<void*>(bottom);
#endif
}

void Flows::resume(std::size_t number) {
    if (number == here_) return;
    Flow& self = flows_[here_];
    before_ = here_;
    here_ = number;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&self.fake_stack, flows_[number].stack_bottom,
                                   flows_[number].stack_bytes);
#endif
    swapcontext(&self.machine, &flows_[number].machine);
    arrived();
}

} // namespace sim
