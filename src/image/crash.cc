// SPDX-License-Identifier: BSD-2-Clause
// Where the kernel ends when it is wrong.
#include <drupe/arch/cpu.h>
#include <drupe/arch/upcalls.h>
#include <drupe/base/assert.h>

#include <cstddef>
#include <new>

namespace drupe {
void assert_failed(const char*, const char*, int) { arch::cpu_halt(); }
void panic(std::string_view) { arch::cpu_halt(); }
namespace arch {
void on_kernel_fault(TrapFrame&, const Fault&, const char*) { cpu_halt(); }
void on_interrupt(TrapFrame&) {}
void on_user_fault(TrapFrame&, const Fault&) {}
bool on_user_access_fault(const Fault&) { return false; }
void on_return_to_user(TrapFrame&) {}
} // namespace arch
} // namespace drupe
extern "C" {
void __stack_chk_fail() { drupe::panic("a stack guard was overwritten"); }
long drupe_unknown_syscall(unsigned long) { return -38; }
const void* drupe_active_table;
const void* drupe_active_direct_table;
}
namespace std {
const nothrow_t nothrow{};
} // namespace std
void* operator new(std::size_t, const std::nothrow_t&) noexcept { return nullptr; }
void operator delete(void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}
struct BootThread {
    std::uintptr_t guard = 0x5bd1e995;
    std::uintptr_t rest[31] = {};
};
extern "C" {
constinit BootThread boot_thread;
}
