// SPDX-License-Identifier: BSD-2-Clause
// The build machine's caches need no help.
#pragma once

#include <drupe/arch/host/mmu.h>

#include <cstddef>
#include <cstring>
#include <span>

namespace drupe::arch {

inline void dcache_clean(std::span<const std::byte>) {}
inline void dcache_invalidate(std::span<const std::byte>) {}
inline void dcache_clean_invalidate(std::span<const std::byte>) {}
inline void icache_sync(std::span<const std::byte> code) { host::Mmu::instructions_synced(code); }
inline void zero_page(void* page) { std::memset(page, 0, 4096); }
inline void copy_page(void* to, const void* from) { std::memcpy(to, from, 4096); }

} // namespace drupe::arch
