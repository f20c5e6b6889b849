// SPDX-License-Identifier: BSD-2-Clause
// Several flows of control on one thread of the build machine: what each simulated CPU is doing.
// Beside the kernel's own switching: a flow may change threads while others wait.
#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>

namespace sim {

class Flows {
public:
    /// Flow 0 is the caller's. Flow `number` begins with `entry`, which never returns, on the
    /// stack below `stack_top` when it is first resumed.
    void add(std::size_t number, void* stack_top, std::size_t stack_bytes, void (*entry)());
    /// Goes on with another flow; returns when this one is resumed.
    void resume(std::size_t number);

private:
    struct Flow {
        ucontext_t machine = {};
        void (*entry)() = nullptr;
        // Where it stands, for AddressSanitizer.
        void* stack_bottom = nullptr;
        std::size_t stack_bytes = 0;
        void* fake_stack = nullptr;
    };
    static void begin(unsigned high, unsigned low);
    void arrived();
    std::array<Flow, 8> flows_;
    std::size_t here_ = 0;
    std::size_t before_ = 0; // who resumed this one
};

} // namespace sim
