// SPDX-License-Identifier: BSD-2-Clause
// A simulated thread "runs a program" by calling the test's function with the registers.
#include <drupe/arch/user_context.h>

#include <drupe/arch/fpu.h>
#include <drupe/arch/host/program.h>

#include <cstdlib>

namespace drupe::arch {
namespace host {
void (*program)(TrapFrame& frame) = nullptr;
}

TrapFrame first_user_frame(VirtAddr pc, VirtAddr sp) {
    TrapFrame frame;
    frame.set_pc(raw(pc));
    frame.set_sp(raw(sp));
    return frame;
}

// The registers lie in enter_user's own stack frame; the test's function tells where.
TrapFrame* user_frame_of(std::uintptr_t) { return nullptr; }

void enter_user(const TrapFrame& frame, std::uintptr_t) {
    TrapFrame registers = frame;
    host::program(registers);
    std::abort(); // a program ends by a call
}

void context_make_user(Context&, std::uint64_t) {}
void context_copy_fpu(Context&) {}
void reset_user_context() {}
std::uint64_t user_tls() { return 0; }
void fpu_save(FpuState& state) { state = {}; }

// The simulated CPU has no scalable vectors.
std::size_t sve_vector_length() { return 0; }
bool sve_enable() { return false; }

} // namespace drupe::arch
