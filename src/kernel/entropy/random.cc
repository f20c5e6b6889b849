// SPDX-License-Identifier: BSD-2-Clause
// A root key, and one for each CPU that comes from it anew whenever the root has absorbed
// something. Every use of a key replaces it by half of a block and works with the other half.
#include <drupe/arch/clock.h>
#include <drupe/arch/irq_state.h>
#include <drupe/entropy/chacha20.h>
#include <drupe/entropy/random.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/spin_lock.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace drupe::entropy {
namespace {

constexpr std::size_t key_bytes = sizeof(ChaChaKey);
constexpr std::size_t input_bytes = sizeof(ChaChaInput);
constexpr std::size_t enough_seed = 16;

constinit SpinLock<LockRank::entropy> lock;
constinit ChaChaKey root GUARDED_BY(lock){};
/// Counts what the root absorbed. Changes under the lock; a CPU that lags behind for a moment has
/// taken its key before.
constinit std::atomic<std::uint64_t> generation{1};
constinit std::atomic<std::size_t> seed_bytes{0};

/// What must not stay on a stack; the compiler would drop a plain memset.
void wipe(void* bytes, std::size_t count) {
    std::memset(bytes, 0, count);
    asm volatile("" : : "r"(bytes) : "memory");
}

/// Absorbs 16 bytes: to who does not know the key, the new one looks random whatever they are.
void absorb_locked(const ChaChaInput& input) REQUIRES(lock) {
    ChaChaBlock block = chacha20(root, input);
    std::memcpy(&root, &block, key_bytes);
    wipe(&block, sizeof block);
}

/// Half of a block replaces the key, the other half is `out`.
void split(ChaChaKey& key, const ChaChaInput& input, ChaChaKey& out) {
    ChaChaBlock block = chacha20(key, input);
    std::memcpy(&key, &block, key_bytes);
    std::memcpy(&out, reinterpret_cast<const char*>(&block) + key_bytes, key_bytes);
    wipe(&block, sizeof block);
}

[[gnu::noinline]] void take_from_root(CpuRandom& own) {
    ChaChaKey fresh;
    {
        SpinGuard guard{lock};
        split(root, {0, 0, 0, 3}, fresh);
        own.generation = generation.load(std::memory_order_relaxed);
    }
    std::memcpy(own.key, &fresh, key_bytes);
    wipe(&fresh, sizeof fresh);
}

/// A key for one use, while the CPU's moves on.
ChaChaKey take_key() {
    ChaChaKey key, fresh;
    const arch::IrqState irqs = arch::irq_save();
    CpuRandom& own = this_cpu_core().random;
    if (own.generation != generation.load(std::memory_order_relaxed)) [[unlikely]]
        take_from_root(own);
    // The counter's value keeps two machines with one seed (a snapshot resumed twice) apart.
    const std::uint64_t ticks = arch::ticks();
    std::memcpy(&key, own.key, key_bytes);
    split(key, {static_cast<std::uint32_t>(ticks), static_cast<std::uint32_t>(ticks >> 32), 0, 1},
          fresh);
    std::memcpy(own.key, &key, key_bytes);
    arch::irq_restore(irqs);
    wipe(&key, sizeof key);
    return fresh;
}

} // namespace

void add(std::span<const std::byte> bytes, Quality quality) {
    {
        IrqGuard guard{lock};
        for (std::size_t at = 0; at < bytes.size(); at += input_bytes) {
            ChaChaInput input{};
            std::memcpy(&input, bytes.data() + at, std::min(input_bytes, bytes.size() - at));
            absorb_locked(input);
        }
        // The length last, so that padding cannot stand for bytes.
        absorb_locked({static_cast<std::uint32_t>(bytes.size()), 0, 0, 2});
        generation.fetch_add(1, std::memory_order_relaxed);
    }
    if (quality == Quality::seed) seed_bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
}

void seed_from_timing() {
    constexpr unsigned batches = 16, samples = 16, accesses = 64;
    for (unsigned batch = 0; batch < batches; batch++) {
        volatile std::uint64_t touched[samples] = {};
        std::uint64_t times[samples];
        for (unsigned i = 0; i < samples; i++) {
            for (unsigned n = 0; n < accesses; n++)
                touched[(i + n) % samples] = touched[n % samples] + n;
            times[i] = arch::ticks();
        }
        add(std::as_bytes(std::span(times)), Quality::seed);
    }
}

bool is_seeded() { return seed_bytes.load(std::memory_order_relaxed) >= enough_seed; }

void fill(std::span<std::byte> bytes) {
    ChaChaKey once = take_key();
    if (bytes.size() <= key_bytes) {
        std::memcpy(bytes.data(), &once, bytes.size());
    } else {
        ChaChaBlock block;
        for (std::uint32_t n = 0; !bytes.empty(); n++) {
            block = chacha20(once, {n, 0, 0, 0});
            const std::size_t count = std::min(bytes.size(), sizeof block);
            std::memcpy(bytes.data(), &block, count);
            bytes = bytes.subspan(count);
        }
        wipe(&block, sizeof block);
    }
    wipe(&once, sizeof once);
}

} // namespace drupe::entropy
