// SPDX-License-Identifier: BSD-2-Clause
// Address space identifiers: few, so they are handed out by generation. When they run out a new
// generation begins, every TLB is flushed, and each space gets a new one when it next runs. Those
// running on other CPUs at that moment keep theirs.
//
// [arm/arm] "Address space identifier (ASID)"; ID_AA64MMFR0_EL1.ASIDBits says 8 or 16 bits.
#pragma once

#include <atomic>
#include <cstdint>

namespace drupe::arch::aarch64 {

/// A space's identity: generation above, ASID below. 0: never ran.
struct AsidContext {
    std::atomic<std::uint64_t> value{0};
};

template <unsigned max_cpus>
class AsidAllocator {
public:
    /// bits: 8 or 16. ASID 0 is never given: it belongs to the empty user half.
    void init(unsigned bits) {
        bits_ = bits;
        generation_.store(first_generation(), std::memory_order_relaxed);
        next_ = 1;
        for (Cpu& cpu : cpus_) {
            cpu.active.store(0, std::memory_order_relaxed);
            cpu.reserved = 0;
            cpu.flush_pending = false;
        }
    }
    std::uint16_t asid(std::uint64_t context) const {
        return static_cast<std::uint16_t>(context & (first_generation() - 1));
    }

    /// The ASID to run `space` with on `cpu`, interrupts masked; flush() empties this CPU's TLB of
    /// all user entries and is called when a generation turned since the CPU last came here.
    template <class Flush>
    std::uint16_t activate(AsidContext& space, unsigned cpu, Flush&& flush) {
        const std::uint64_t context = space.value.load(std::memory_order_relaxed);
        // A roll-over swaps `active` to 0 before it reads which ASIDs run: losing that race here
        // means the exchange sees 0 and the slow path decides. Pairs with the exchange in
        // roll_over.
        std::uint64_t before = cpus_[cpu].active.load(std::memory_order_relaxed);
        if (before != 0 && is_current(context) &&
            cpus_[cpu].active.compare_exchange_strong(before, context, std::memory_order_relaxed))
            return asid(context);
        return activate_slow(space, cpu, flush);
    }

private:
    struct Cpu {
        std::atomic<std::uint64_t> active{0};
        std::uint64_t reserved = 0; // what ran here when the generation turned
        bool flush_pending = false;
    };
    std::uint64_t first_generation() const { return std::uint64_t{1} << bits_; }
    bool is_current(std::uint64_t context) const {
        return (context ^ generation_.load(std::memory_order_relaxed)) >> bits_ == 0;
    }

    template <class Flush>
    std::uint16_t activate_slow(AsidContext& space, unsigned cpu, Flush& flush) {
        while (lock_.exchange(1, std::memory_order_acquire) != 0) {} // pairs with the release below
        std::uint64_t context = space.value.load(std::memory_order_relaxed);
        if (!is_current(context)) {
            context = renew(context);
            space.value.store(context, std::memory_order_relaxed);
        }
        if (cpus_[cpu].flush_pending) {
            cpus_[cpu].flush_pending = false;
            flush();
        }
        cpus_[cpu].active.store(context, std::memory_order_relaxed);
        lock_.store(0, std::memory_order_release);
        return asid(context);
    }

    bool is_reserved(std::uint64_t old_context, std::uint64_t renewed) {
        bool found = false;
        for (Cpu& cpu : cpus_)
            if (cpu.reserved == old_context) {
                cpu.reserved = renewed;
                found = true;
            }
        return found;
    }
    bool asid_reserved(std::uint64_t number) const {
        for (const Cpu& cpu : cpus_)
            if (cpu.reserved != 0 && asid(cpu.reserved) == number) return true;
        return false;
    }

    std::uint64_t renew(std::uint64_t context) {
        const std::uint64_t generation = generation_.load(std::memory_order_relaxed);
        if (context != 0) {
            const std::uint64_t kept = generation | asid(context);
            if (is_reserved(context, kept)) return kept;
        }
        for (;;) {
            if (next_ >= first_generation()) roll_over();
            const std::uint64_t number = next_++;
            if (!asid_reserved(number)) return generation_.load(std::memory_order_relaxed) | number;
        }
    }

    void roll_over() {
        generation_.fetch_add(first_generation(), std::memory_order_relaxed);
        next_ = 1;
        for (Cpu& cpu : cpus_) {
            // Relaxed is enough: the value itself is what the fast path's exchange competes for.
            const std::uint64_t ran = cpu.active.exchange(0, std::memory_order_relaxed);
            if (ran != 0) cpu.reserved = ran;
            cpu.flush_pending = true;
        }
    }

    // Zeros until init(): the table of CPUs is then no part of the image.
    unsigned bits_ = 0;
    std::atomic<std::uint64_t> generation_{0};
    std::uint64_t next_ = 0;
    std::atomic<std::uint32_t> lock_{0};
    Cpu cpus_[max_cpus];
};

} // namespace drupe::arch::aarch64
