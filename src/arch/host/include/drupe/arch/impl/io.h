// SPDX-License-Identifier: BSD-2-Clause
// Device registers on the build machine: the fakes of tests.
#pragma once

#include <drupe/arch/host/mmio.h>

#include <cstddef>
#include <cstdint>

namespace drupe::arch {

template <class T>
T mmio_read(const volatile void* at) {
    std::size_t offset = 0;
    if (host::MmioWindow* w = host::MmioWindow::at(at, offset))
        return static_cast<T>(w->read(offset, sizeof(T)));
    return *static_cast<const volatile T*>(at);
}

template <class T>
void mmio_write(volatile void* at, T value) {
    std::size_t offset = 0;
    if (host::MmioWindow* w = host::MmioWindow::at(at, offset))
        w->write(offset, sizeof(T), static_cast<std::uint64_t>(value));
    else
        *static_cast<volatile T*>(at) = value;
}

} // namespace drupe::arch
