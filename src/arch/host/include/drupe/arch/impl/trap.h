// SPDX-License-Identifier: BSD-2-Clause
// A program's registers on the simulator: only what neutral code asks for.
#pragma once

#include <cstdint>

namespace drupe::arch {

struct TrapFrame {
    std::uint64_t args[6] = {};
    std::uint64_t number = 0;
    std::uint64_t result = 0;
    std::uint64_t program_counter = 0;
    std::uint64_t stack_pointer = 0;
    bool user = true;

    std::uint64_t pc() const { return program_counter; }
    void set_pc(std::uint64_t pc) { program_counter = pc; }
    std::uint64_t sp() const { return stack_pointer; }
    void set_sp(std::uint64_t sp) { stack_pointer = sp; }
    std::uint64_t arg(unsigned n) const { return args[n]; }
    std::uint64_t syscall_number() const { return number; }
    void set_return(std::uint64_t value) { result = value; }
    bool from_user() const { return user; }
};

} // namespace drupe::arch
