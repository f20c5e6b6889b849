// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/cpu.h>
#include <drupe/arch/cpu_features.h>
#include <drupe/arch/fpu.h>
#include <drupe/arch/impl/context.h>

#include "asm_offsets.h"

#include <new>

extern "C" {
void sve_save_call(void* buffer);
void sve_load_call(const void* buffer);
void sve_clear_upper();
std::uint64_t sve_vector_bytes();
void fpu_save_call(void* q);
void fpu_load_call(const void* q);
}

namespace drupe::arch {
namespace {

Context& current_context() {
    return *reinterpret_cast<Context*>(static_cast<char*>(thread_pointer()) + THREAD_CONTEXT);
}

// [arm/arm] "CPACR_EL1": ZEN = 0b11 traps nothing.
void sve_open() {
    std::uint64_t cpacr;
    asm volatile("mrs %0, cpacr_el1" : "=r"(cpacr));
    asm volatile("msr cpacr_el1, %0\n\tisb" ::"r"(cpacr | 3u << 16));
}

void sve_close() {
    std::uint64_t cpacr;
    asm volatile("mrs %0, cpacr_el1" : "=r"(cpacr));
    asm volatile("msr cpacr_el1, %0\n\tisb" ::"r"(cpacr & ~(std::uint64_t{3} << 16)));
}

// [arm/arm] "ZCR_EL1": LEN in quadwords minus one. 64 bytes is what Linux gives a new program.
void sve_set_length() { asm volatile("msr S3_0_C1_C2_0, %0\n\tisb" ::"r"(std::uint64_t{3})); }

} // namespace

void fpu_init_cpu() {
    if (!cpu_features().sve) return;
    sve_open(); // ZCR_EL1 is out of reach while ZEN traps
    sve_set_length();
    sve_close();
}

void fpu_save(FpuState& state) {
    fpu_save_call(state.q);
    std::uint64_t fpsr, fpcr;
    asm volatile("mrs %0, fpsr\n\tmrs %1, fpcr" : "=r"(fpsr), "=r"(fpcr));
    state.fpsr = static_cast<std::uint32_t>(fpsr);
    state.fpcr = static_cast<std::uint32_t>(fpcr);
}

void fpu_restore(const FpuState& state) {
    fpu_load_call(state.q);
    asm volatile("msr fpsr, %0\n\tmsr fpcr, %1" ::"r"(std::uint64_t{state.fpsr}),
                 "r"(std::uint64_t{state.fpcr}));
}

std::size_t sve_vector_length() {
    return (current_context().flags & CONTEXT_FLAG_SVE) != 0 ? sve_vector_bytes() : 0;
}

void sve_save_state(void* buffer) { sve_save_call(buffer); }
void sve_restore_state(const void* buffer) { sve_load_call(buffer); }

bool sve_enable() {
    if (!cpu_features().sve) return false;
    Context& context = current_context();
    if ((context.flags & CONTEXT_FLAG_SVE) != 0) return true; // asked for by a call before
    sve_open();
    context.sve = ::operator new(sve_state_bytes(sve_vector_bytes()), std::nothrow);
    if (!context.sve) {
        sve_close(); // nobody would save what the threads of this CPU put into its registers
        return false;
    }
    context.flags |= CONTEXT_FLAG_SVE;
    sve_clear_upper();
    return true;
}

} // namespace drupe::arch
