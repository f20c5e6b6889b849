// SPDX-License-Identifier: BSD-2-Clause
// A program's registers on the simulator: only what neutral code asks for.
#pragma once

#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::arch {

struct TrapFrame {
    std::uint64_t args[6] = {};
    std::uint64_t number = 0;
    std::uint64_t result = 0;
    std::uint64_t program_counter = 0;
    std::uint64_t stack_pointer = 0;
    unsigned repeats = 0;
    bool user = true;

    std::uint64_t pc() const { return program_counter; }
    void set_pc(std::uint64_t pc) { program_counter = pc; }
    std::uint64_t sp() const { return stack_pointer; }
    void set_sp(std::uint64_t sp) { stack_pointer = sp; }
    std::uint64_t arg(unsigned n) const { return args[n]; }
    std::uint64_t syscall_number() const { return number; }
    void set_return(std::uint64_t value) { result = value; }
    std::int64_t returned() const { return static_cast<std::int64_t>(result); }
    std::uint64_t frame_pointer() const { return 0; }
    /// The program will make this call (again); `repeats` tells the test.
    void repeat_call(std::uint64_t call, const std::uint64_t (&with)[6]) {
        number = call;
        for (unsigned n = 0; n < 6; n++) args[n] = with[n];
        repeats++;
    }
    bool from_user() const { return user; }
};

} // namespace drupe::arch
