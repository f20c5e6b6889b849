// SPDX-License-Identifier: BSD-2-Clause
// The kernel half of the address space: the direct map, device registers, kernel stacks, and who
// may write what. See arch's memory_layout.h for the picture.
#pragma once

#include <drupe/arch/page_table_types.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/mm/frames.h>

#include <cstddef>
#include <span>

namespace drupe::mm {

/// Takes over the tables that boot built and starts the frame allocator. Called once, after the
/// direct map shows all RAM and before any allocation. `root`: the kernel half's top table; it and
/// the tables below it lie in reserved RAM. `banks`: sorted, disjoint. `reserved`: the image,
/// boot's tables, the device tree, the boot archive, and what the machine keeps for itself.
/// no_memory: the banks are too small to describe themselves.
Result<void> kernel_space_init(PhysAddr root, std::span<const MemoryRange> banks,
                               std::span<const MemoryRange> reserved);

/// Context of all that follow: thread or boot, no spin lock of rank page_table or lower held. Do
/// not sleep.

/// Device registers as the kernel reads and writes them: [address, address + bytes), both of any
/// alignment. no_memory.
Result<void*> map_device(PhysAddr address, std::size_t bytes);
/// `mapped` is what map_device returned, `bytes` what it was given.
void unmap_device(void* mapped, std::size_t bytes);

/// Changes what the kernel may do with whole pages of its own: sealing text and data after boot.
/// invalid: unaligned, or part of a larger mapping that would have to be cut.
Result<void> protect_kernel(const void* from, std::size_t bytes, arch::Perm perm);

inline constexpr std::size_t kernel_stack_bytes = 16 * 1024;
/// The top of a fresh stack of kernel_stack_bytes, content undefined. It is the upper half of a
/// window aligned to twice its size whose lower half is not mapped: inside the stack, bit
/// log2(kernel_stack_bytes) of every address is set, and an overflow clears it. no_memory.
Result<void*> alloc_kernel_stack();
/// Not the stack that runs. Context: any thread, interrupts masked allowed.
void free_kernel_stack(void* top);

#if defined(DRUPE_HOSTED)
namespace testing {
/// Forgets the kernel half; idle stacks go back.
void kernel_space_reset();
} // namespace testing
#endif

} // namespace drupe::mm
