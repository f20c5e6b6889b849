// SPDX-License-Identifier: BSD-2-Clause
// The C++ memory model as a machine: what an atomic operation of a CPU may see and what it makes
// known, by vector clocks. Every location keeps its last stores; a load may return any of them that
// coherence, happens-before and the order of seq_cst operations still allow, and the seed chooses.
// Stores to one location are ordered as they are executed, and no load returns a store that is yet
// to come: those two freedoms of the language (2+2W, load buffering) are not played.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace weak {

inline constexpr unsigned max_cpus = 4;
using Epoch = std::uint32_t; // counts a CPU's operations

struct Clock {
    std::array<Epoch, max_cpus> at{};
    bool knows(unsigned cpu, Epoch when) const { return when <= at[cpu]; }
    void join(const Clock& other) {
        for (unsigned cpu = 0; cpu < max_cpus; ++cpu)
            if (other.at[cpu] > at[cpu]) at[cpu] = other.at[cpu];
    }
};

/// What a CPU knows, and what a release passes on.
struct View {
    Clock before;            // what happens before
    Clock seen;              // that, and what seq_cst fences add: no load goes behind it
    std::uint64_t fence = 0; // place of the last seq_cst fence that happens before

    void join(const View& other) {
        before.join(other.before);
        seen.join(other.seen);
        if (other.fence > fence) fence = other.fence;
    }
};

/// Orders as the compiler passes them: __ATOMIC_*.
constexpr bool is_acquire(int order) {
    return order == __ATOMIC_CONSUME || order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}
constexpr bool is_release(int order) {
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

class Memory {
public:
    std::uint64_t load(unsigned cpu, const void* at, unsigned bytes, int order);
    void store(unsigned cpu, void* at, unsigned bytes, std::uint64_t value, int order);
    std::uint64_t load_newest(unsigned cpu, const void* at, unsigned bytes, int order);
    /// The newest value: what a read-modify-write works on.
    std::uint64_t newest(const void* at, unsigned bytes);
    /// Replaces the newest value by `value`, in one step with having read it.
    void replace(unsigned cpu, void* at, unsigned bytes, std::uint64_t value, int order);
    void fence(unsigned cpu, int order);

    /// A plain access. Reports a data race.
    void plain(unsigned cpu, const void* at, std::size_t bytes, bool writes, const void* site);
    /// The same check for an atomic one, which only meets plain ones.
    void atomic(unsigned cpu, const void* at, std::size_t bytes, bool writes, const void* site);
    /// Storage begins a new life: nobody has touched it.
    void forget(const void* at, std::size_t bytes);
    void reset();

    /// What `cpu` knows, to be handed on by something that is not memory (an interrupt).
    const View& view(unsigned cpu) const { return cpus_[cpu].view; }
    void learn(unsigned cpu, const View& view) { cpus_[cpu].view.join(view); }

private:
    struct Store {
        std::uint64_t value = 0;
        unsigned cpu = 0;
        Epoch when = 0; // 0: was there from the beginning
        bool releases = false;
        View released{};
        std::array<Epoch, max_cpus> first_read{}; // 0: not read
        std::uint64_t place = 0;                  // of the last seq_cst operation on it; 0: none
    };
    struct Location {
        unsigned bytes = 0;
        std::deque<Store> stores; // oldest first
        std::array<unsigned, max_cpus> stale{};
    };
    struct Cpu {
        View view;
        View pending;  // of releases that relaxed loads have read: an acquire fence learns it
        View released; // as of the last release fence
        bool has_fence = false;
        Epoch now = 0;
    };
    /// Who touched a byte. `site` is the writer's.
    struct Shadow {
        unsigned writer = 0;
        Epoch written = 0;
        const void* site = nullptr;
        bool is_atomic = false; // since the last plain write
        std::array<Epoch, max_cpus> read{}, atomic_write{}, atomic_read{};
    };
    using Block = std::array<Shadow, 8>;

    void tick(Cpu& cpu, unsigned index);
    Location& location(const void* at, unsigned bytes);
    bool is_known(const Cpu& cpu, const Store& store, int order) const;
    void take(unsigned index, Store& store, int order);
    void append(unsigned index, Location& location, std::uint64_t value, int order, bool replaces);
    Shadow& shadow(std::uintptr_t byte) { return shadows_[byte >> 3][byte & 7]; }

    std::array<Cpu, max_cpus> cpus_;
    Clock fences_; // what seq_cst fences have made seen
    std::uint64_t places_ = 0;
    std::unordered_map<std::uintptr_t, Location> locations_;
    std::unordered_map<std::uintptr_t, Block> shadows_;
};

} // namespace weak
