// SPDX-License-Identifier: BSD-2-Clause
// The program's memory on the simulator: a window onto a block of the test's, or, while no window
// is set, the test's own addresses.
#include <drupe/arch/user_access.h>

#include <drupe/arch/host/machine.h>

#include <atomic>
#include <cstring>

namespace drupe::arch {
namespace host {

namespace {
struct Window {
    std::uint64_t base = 0;
    char* memory = nullptr;
    std::size_t bytes = 0;
} window;
} // namespace

bool (*on_user_fault)(std::uint64_t address, bool write) = nullptr;

void set_user_window(std::uint64_t base, void* memory, std::size_t bytes) {
    window = {base, static_cast<char*>(memory), bytes};
}
void clear_user_window() { window = {}; }

/// Where up to `wanted` bytes at `address` lie, and how many of them are there.
static std::size_t resolve(VirtAddr address, std::size_t wanted, char** at) {
    std::uint64_t a = raw(address);
    if (!window.memory) {
        *at = reinterpret_cast<char*>(a);
        return a < page_size ? 0 : wanted;
    }
    if (a < window.base || a - window.base >= window.bytes) return 0;
    *at = window.memory + (a - window.base);
    std::size_t there = window.bytes - (a - window.base);
    return there < wanted ? there : wanted;
}

/// Calls step(host address, offset, bytes) over the range; returns the bytes it did not reach.
template <class Step>
static std::size_t walk(VirtAddr address, std::size_t bytes, bool write, Step step) {
    std::size_t done = 0;
    while (done < bytes) {
        char* at = nullptr;
        std::size_t there = resolve(address + done, bytes - done, &at);
        if (there == 0) {
            if (on_user_fault && on_user_fault(raw(address) + done, write)) continue;
            break;
        }
        step(at, done, there);
        done += there;
    }
    return bytes - done;
}

} // namespace host

std::size_t copy_from_user_raw(void* to, VirtAddr from, std::size_t bytes) {
    return host::walk(from, bytes, false, [&](char* at, std::size_t offset, std::size_t n) {
        std::memcpy(static_cast<char*>(to) + offset, at, n);
    });
}

std::size_t copy_to_user_raw(VirtAddr to, const void* from, std::size_t bytes) {
    return host::walk(to, bytes, true, [&](char* at, std::size_t offset, std::size_t n) {
        std::memcpy(at, static_cast<const char*>(from) + offset, n);
    });
}

std::size_t clear_user_raw(VirtAddr to, std::size_t bytes) {
    return host::walk(to, bytes, true,
                      [](char* at, std::size_t, std::size_t n) { std::memset(at, 0, n); });
}

Result<std::size_t> copy_string_from_user(char* to, VirtAddr from, std::size_t capacity) {
    for (std::size_t i = 0; i < capacity; ++i) {
        if (copy_from_user_raw(to + i, from + i, 1) != 0) return Errc::fault;
        if (to[i] == 0) return i;
    }
    return Errc::name_too_long;
}

namespace host {
namespace {
/// The program's aligned word; null: fault.
std::uint32_t* word_at(VirtAddr address, bool write) {
    char* at = nullptr;
    while (resolve(address, sizeof(std::uint32_t), &at) < sizeof(std::uint32_t))
        if (!on_user_fault || !on_user_fault(raw(address), write)) return nullptr;
    return reinterpret_cast<std::uint32_t*>(at);
}
} // namespace
} // namespace host

Result<std::uint32_t> user_load(VirtAddr word) {
    std::uint32_t* at = host::word_at(word, false);
    if (!at) return Errc::fault;
    return std::atomic_ref(*at).load(std::memory_order_relaxed);
}

Result<std::uint32_t> user_compare_exchange(VirtAddr word, std::uint32_t expected,
                                            std::uint32_t desired) {
    std::uint32_t* at = host::word_at(word, true);
    if (!at) return Errc::fault;
    std::atomic_ref(*at).compare_exchange_strong(expected, desired, std::memory_order_seq_cst);
    return expected;
}

} // namespace drupe::arch
