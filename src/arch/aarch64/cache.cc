// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/cache.h>

namespace drupe::arch {
namespace {

std::uint64_t cache_type() {
    std::uint64_t ctr;
    asm("mrs %0, ctr_el0" : "=r"(ctr));
    return ctr;
}
// DminLine and IminLine are log2 of words.
std::size_t dcache_line() { return std::size_t{4} << (cache_type() >> 16 & 15); }
std::size_t icache_line() { return std::size_t{4} << (cache_type() & 15); }

template <class Operation>
void for_lines(std::span<const std::byte> bytes, std::size_t line, Operation operation) {
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data()) & ~(line - 1);
    const auto end = reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size();
    for (std::uintptr_t at = begin; at < end; at += line) operation(at);
}

} // namespace

void dcache_clean(std::span<const std::byte> bytes) {
    for_lines(bytes, dcache_line(), [](std::uintptr_t at) {
        asm volatile("dc cvac, %0" ::"r"(at) : "memory");
    });
    asm volatile("dsb sy" ::: "memory");
}
void dcache_invalidate(std::span<const std::byte> bytes) {
    for_lines(bytes, dcache_line(), [](std::uintptr_t at) {
        asm volatile("dc ivac, %0" ::"r"(at) : "memory");
    });
    asm volatile("dsb sy" ::: "memory");
}
void dcache_clean_invalidate(std::span<const std::byte> bytes) {
    for_lines(bytes, dcache_line(), [](std::uintptr_t at) {
        asm volatile("dc civac, %0" ::"r"(at) : "memory");
    });
    asm volatile("dsb sy" ::: "memory");
}

void icache_sync(std::span<const std::byte> bytes) {
    const std::uint64_t ctr = cache_type();
    if ((ctr >> 28 & 1) == 0) { // IDC = 0: clean to the point of unification
        for_lines(bytes, dcache_line(), [](std::uintptr_t at) {
            asm volatile("dc cvau, %0" ::"r"(at) : "memory");
        });
    }
    asm volatile("dsb ish" ::: "memory");
    if ((ctr >> 29 & 1) == 0) { // DIC = 0: invalidate the instruction cache
        for_lines(bytes, icache_line(), [](std::uintptr_t at) {
            asm volatile("ic ivau, %0" ::"r"(at) : "memory");
        });
        asm volatile("dsb ish" ::: "memory");
    }
    asm volatile("isb" ::: "memory");
}

} // namespace drupe::arch
