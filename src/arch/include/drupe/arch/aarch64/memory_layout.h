/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel half of the address space (TTBR1, 48 bits). Read by C++, assembly and the linker script.
 *
 *   0xffff0000'00000000  direct map: this + physical address
 *   0xffff8000'00000000  kernel image (2 MiB), then the boot window (2 MiB)
 *   0xffffa000'00000000  kernel dynamic area: stacks, device registers
 *   0xffffffff'ffe00000  never mapped, so that (void*)-1 faults
 */
#pragma once

#define DIRECT_MAP_BASE 0xffff000000000000
#define KERNEL_IMAGE_BASE 0xffff800000000000
#define KERNEL_TEXT_OFFSET 0x80000
#define BOOT_WINDOW_BASE (KERNEL_IMAGE_BASE + 0x200000)
#define KERNEL_DYNAMIC_BASE 0xffffa00000000000

/* In the boot window: the boot stack, upper half of its 32 KiB; early device pages above it. */
#define BOOT_STACK_BYTES 0x4000
#define BOOT_STACK_TOP_VA (BOOT_WINDOW_BASE + 0x8000)
#define BOOT_DEVICE_BASE (BOOT_WINDOW_BASE + 0x10000)
#define BOOT_DEVICE_PAGES 16

/* MAIR_EL1: 0 normal write-back, 1 device nGnRE, 2 normal non-cacheable. */
#define MAIR_VALUE 0x4404ff
#define MAIR_NORMAL 0
#define MAIR_DEVICE 1
#define MAIR_UNCACHED 2
