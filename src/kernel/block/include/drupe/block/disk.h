// SPDX-License-Identifier: BSD-2-Clause
// A block device under its name: requests that are waited for, and what became of them.
#pragma once

#include <drupe/block/device.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/clock.h>

#include <atomic>
#include <string_view>

namespace drupe::block {

class Disk {
public:
    Disk(BlockDevice& device, std::string_view name);

    /// A request that is counted, and that nobody need wait for.
    struct Counted : Request {
        Disk* disk = nullptr;
        Nanos begin{0};
        void (*then)(Counted& request) = nullptr; // as Request::done
    };
    /// Context and outcome: as BlockDevice::submit and Request say.
    void start(Counted& request);
    /// Waits on `queue` until ready(). Every 30 seconds it says so in the log, and asks the device
    /// to recover the request that oldest() gives, if any.
    template <class Ready, class Oldest>
    void wait(sched::WaitQueue& queue, Ready ready, Oldest oldest) {
        while (!queue.wait_until(ready, time::now() + patience, sched::Interruptible::no))
            if (Request* const request = oldest()) recover(*request);
    }

    const Limits& limits() const { return device_.limits(); }
    std::string_view name() const { return {name_, name_length_}; }

    // Each returns when it is done. io, not_supported, read_only; out_of_range beyond the end.
    // Context: thread, no spin lock held.
    Result<void> read(std::uint64_t sector, std::span<const Segment> segments) {
        return transfer(Operation::read, sector, segments);
    }
    Result<void> write(std::uint64_t sector, std::span<const Segment> segments) {
        return transfer(Operation::write, sector, segments);
    }
    Result<void> flush();
    /// discard or write_zeroes.
    Result<void> clear(Operation operation, std::uint64_t sector, std::uint64_t sectors);

    /// What was done of a kind, failures included.
    struct Counters {
        std::atomic<std::uint64_t> requests{0}, errors{0}, sectors{0};
        std::atomic<std::uint64_t> time{0}; // nanoseconds, of all requests together
    };
    const Counters& counters(Operation operation) const {
        return counters_[static_cast<unsigned>(operation)];
    }
    std::uint32_t under_way() const { return under_way_.load(std::memory_order_relaxed); }
    /// Nanoseconds for which any request was under way, about.
    std::uint64_t busy_time() const { return busy_.load(std::memory_order_relaxed); }

private:
    struct Waiting;
    static constexpr unsigned requests_at_once = 4; // of one transfer
    Result<void> transfer(Operation operation, std::uint64_t sector,
                          std::span<const Segment> segments);
    static constexpr Nanos patience{30'000'000'000};
    void recover(Request& request);
    void begin(Waiting& request);
    Result<void> finish(Waiting& request);
    Result<void> run(Waiting& request);
    void count(const Counted& request);
    static void finished(Request& request);

    BlockDevice& device_;
    char name_[16];
    std::uint8_t name_length_;
    Counters counters_[operation_count];
    std::atomic<std::uint32_t> under_way_{0};
    std::atomic<std::int64_t> busy_since_{0};
    std::atomic<std::uint64_t> busy_{0};
    // Not in the request, which its waiter may take away as soon as it sees that it is done.
    // Several, so that a wake-up mostly meets one thread.
    static constexpr unsigned queue_count = 16;
    sched::WaitQueue waiters_[queue_count];
};

/// /proc/diskstats and its like show disks from now on. Once, at boot.
void register_statistics();

/// Makes a disk of the device, named by itself, or else by `prefix` and the next letter, with files
/// for it and for its partitions below /dev. One that cannot be read stays without partitions. The
/// device lives for ever. no_memory; table_full: there are as many disks as can be named. Context:
/// thread.
Result<void> add_disk(BlockDevice& device, std::string_view prefix);

} // namespace drupe::block
