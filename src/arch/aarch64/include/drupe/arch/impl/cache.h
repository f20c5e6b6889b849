// SPDX-License-Identifier: BSD-2-Clause
// [arm/arm] "CTR_EL0": line sizes come from there, never from a constant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::arch {

void dcache_clean(std::span<const std::byte> bytes);
void dcache_invalidate(std::span<const std::byte> bytes);
void dcache_clean_invalidate(std::span<const std::byte> bytes);
/// Instructions just written in `bytes` are what every CPU fetches afterwards.
void icache_sync(std::span<const std::byte> bytes);
extern "C" void zero_page_asm(void* page);
extern "C" void copy_page_asm(void* to, const void* from);
inline void zero_page(void* page) { zero_page_asm(page); }
inline void copy_page(void* to, const void* from) { copy_page_asm(to, from); }

} // namespace drupe::arch
