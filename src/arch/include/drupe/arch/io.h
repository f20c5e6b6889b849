// SPDX-License-Identifier: BSD-2-Clause
// Device registers: one access of exactly the width of T, in program order with other device
// accesses.
#pragma once

#include <drupe/arch/impl/io.h>

#include <cstdint>

// Provided: template <class T> T mmio_read(const volatile void*), void mmio_write(volatile void*,
// T)
