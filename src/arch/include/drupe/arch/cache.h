// SPDX-License-Identifier: BSD-2-Clause
// Cache maintenance over kernel addresses.
#pragma once

#include <drupe/arch/impl/cache.h>

#include <cstddef>
#include <span>

// Provided, each over a byte span: dcache_clean dcache_invalidate dcache_clean_invalidate, and
//   icache_sync    instructions just written there are what any CPU fetches afterwards
//   zero_page(void*)   page-aligned page of zeros, the fastest way the CPU has
//   copy_page(void* to, const void* from)
