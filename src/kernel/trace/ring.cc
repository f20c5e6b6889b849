// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/trace/counter.h>
#include <drupe/trace/ring.h>

#include <drupe/arch/clock.h>
#include <drupe/base/assert.h>

extern "C" {
[[gnu::weak]] extern drupe::trace::Counter* const __start_drupe_counters[];
[[gnu::weak]] extern drupe::trace::Counter* const __stop_drupe_counters[];
}

namespace drupe::trace {

constinit std::atomic<std::uint32_t> enabled_categories{0};

namespace {

struct Ring {
    Record* records;
    std::size_t mask;
    std::atomic<std::uint64_t> next; // only its CPU adds, but an interrupt may add in between
};
constinit Ring rings[DRUPE_MAX_CPUS] = {};
using CpuSource = std::uint32_t (*)();
constinit CpuSource current_cpu = nullptr;

} // namespace

void attach_ring(std::uint32_t cpu, std::span<Record> records) {
    DRUPE_ASSERT(cpu < DRUPE_MAX_CPUS && !records.empty());
    DRUPE_ASSERT((records.size() & (records.size() - 1)) == 0);
    rings[cpu].mask = records.size() - 1;
    rings[cpu].records = records.data();
}

void install_cpu_index(std::uint32_t (*source)()) { current_cpu = source; }

void record(const Point& point, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    Ring& ring = rings[current_cpu ? current_cpu() : 0];
    if (!ring.records) return;
    // One slot each, even when an interrupt's trace point comes between these two lines.
    const std::uint64_t slot = ring.next.fetch_add(1, std::memory_order_relaxed);
    ring.records[slot & ring.mask] = {arch::ticks(), &point, {a, b, c}};
}

std::size_t snapshot(std::uint32_t cpu, std::span<Record> out) {
    if (cpu >= DRUPE_MAX_CPUS || !rings[cpu].records) return 0;
    const Ring& ring = rings[cpu];
    const std::uint64_t next = ring.next.load(std::memory_order_relaxed);
    std::uint64_t count = next < ring.mask + 1 ? next : ring.mask + 1;
    if (count > out.size()) count = out.size();
    for (std::uint64_t i = 0; i < count; i++) out[i] = ring.records[(next - count + i) & ring.mask];
    return count;
}

void print(FormatSink& sink, const Record& record) {
    const std::uint64_t per_second = arch::ticks_per_second();
    format_to(sink, "[{:5}.{:06}] ", record.ticks / per_second,
              record.ticks % per_second * 1'000'000 / per_second);
    format_to(sink, record.point->format, record.args[0], record.args[1], record.args[2]);
    sink.put("\n");
}

std::span<Counter* const> all_counters() {
    return {__start_drupe_counters,
            static_cast<std::size_t>(__stop_drupe_counters - __start_drupe_counters)};
}

} // namespace drupe::trace
