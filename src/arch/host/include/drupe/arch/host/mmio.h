// SPDX-License-Identifier: BSD-2-Clause
// Fake devices for tests: register accesses inside an attached window go to the fake, which sees
// offset, width and order. Accesses outside every window touch plain memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drupe::arch::host {

/// A window of device registers, attached from construction to destruction. The base is a made-up
/// address of its own, so that no two windows overlap and a stray access faults.
class MmioWindow {
public:
    explicit MmioWindow(std::size_t bytes) : bytes_(bytes), base_(next_base_), next_(first_) {
        // Far above anything a process maps, below the sign extension of a canonical address.
        next_base_ += (bytes + 0xffff) & ~std::uintptr_t{0xffff};
        next_base_ += 0x10000;
        first_ = this;
    }
    virtual ~MmioWindow() {
        MmioWindow** link = &first_;
        while (*link != this) link = &(*link)->next_;
        *link = next_;
    }
    MmioWindow(const MmioWindow&) = delete;
    MmioWindow& operator=(const MmioWindow&) = delete;

    volatile void* base() const { return reinterpret_cast<volatile void*>(base_); }
    virtual std::uint64_t read(std::size_t offset, unsigned width) = 0;
    virtual void write(std::size_t offset, unsigned width, std::uint64_t value) = 0;

    static MmioWindow* at(const volatile void* address, std::size_t& offset) {
        const auto where = reinterpret_cast<std::uintptr_t>(address);
        for (MmioWindow* w = first_; w; w = w->next_) {
            offset = where - w->base_;
            if (where >= w->base_ && offset < w->bytes_) return w;
        }
        return nullptr;
    }

private:
    static inline MmioWindow* first_ = nullptr;
    static inline std::uintptr_t next_base_ = std::uintptr_t{1} << 56;
    std::size_t bytes_;
    std::uintptr_t base_;
    MmioWindow* next_;
};

} // namespace drupe::arch::host
