// SPDX-License-Identifier: BSD-2-Clause
// Device registers on AArch64. Inline assembly, because a hypervisor can emulate an access to a
// device only when the instruction leaves its registers in ESR_EL2.ISS: one general register, no
// write-back ([arm/arm] "ESR_EL2": ISS encoding for Data Abort, ISV). A volatile access gives no
// such promise.
#pragma once

#include <cstdint>
#include <type_traits>

namespace drupe::arch {

template <class T>
requires std::is_integral_v<T> &&(sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 ||
                                  sizeof(T) == 8) inline T mmio_read(const volatile void* at) {
    std::uint64_t value;
    const volatile T* p = static_cast<const volatile T*>(at);
    if constexpr (sizeof(T) == 1)
        asm volatile("ldrb %w0, %1" : "=r"(value) : "Q"(*p));
    else if constexpr (sizeof(T) == 2)
        asm volatile("ldrh %w0, %1" : "=r"(value) : "Q"(*p));
    else if constexpr (sizeof(T) == 4)
        asm volatile("ldr %w0, %1" : "=r"(value) : "Q"(*p));
    else
        asm volatile("ldr %0, %1" : "=r"(value) : "Q"(*p));
    return static_cast<T>(value);
}

template <class T>
requires std::is_integral_v<T> &&
    (sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 ||
     sizeof(T) == 8) inline void mmio_write(volatile void* at, T value) {
    const auto wide = static_cast<std::uint64_t>(value);
    volatile T* p = static_cast<volatile T*>(at);
    if constexpr (sizeof(T) == 1)
        asm volatile("strb %w1, %0" : "=Q"(*p) : "rZ"(wide));
    else if constexpr (sizeof(T) == 2)
        asm volatile("strh %w1, %0" : "=Q"(*p) : "rZ"(wide));
    else if constexpr (sizeof(T) == 4)
        asm volatile("str %w1, %0" : "=Q"(*p) : "rZ"(wide));
    else
        asm volatile("str %x1, %0" : "=Q"(*p) : "rZ"(wide));
}

} // namespace drupe::arch
