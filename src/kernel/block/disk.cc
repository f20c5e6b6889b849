// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/block/disk.h>
#include <drupe/sched/thread.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <cstring>

namespace drupe::block {

struct Disk::Waiting : Counted {
    sched::WaitQueue* waiters = nullptr;
    std::atomic<bool> is_done{false};
};

Disk::Disk(BlockDevice& device, std::string_view name)
    : device_(device),
      name_length_(static_cast<std::uint8_t>(std::min(name.size(), sizeof name_))) {
    std::memcpy(name_, name.data(), name_length_);
}

void Disk::start(Counted& request) {
    request.disk = this;
    request.done = finished;
    request.begin = time::now();
    if (under_way_.fetch_add(1, std::memory_order_relaxed) == 0)
        busy_since_.store(request.begin.ns, std::memory_order_relaxed);
    device_.submit(request);
}

void Disk::finished(Request& request) {
    auto& counted = static_cast<Counted&>(request);
    counted.disk->count(counted);
    counted.then(counted);
}

void Disk::count(const Counted& request) {
    const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t what) {
        to.fetch_add(what, std::memory_order_relaxed);
    };
    Counters& counters = counters_[static_cast<unsigned>(request.operation)];
    const std::int64_t now = time::now().ns;
    std::uint64_t sectors = request.sectors;
    for (const Segment& segment : request.segments) sectors += segment.bytes >> sector_shift;
    add(counters.requests, 1);
    add(counters.sectors, sectors);
    add(counters.time, static_cast<std::uint64_t>(now - request.begin.ns));
    // Another may begin between the last two: the time since is then too short by little.
    if (under_way_.fetch_sub(1, std::memory_order_relaxed) == 1)
        if (const std::int64_t since = busy_since_.load(std::memory_order_relaxed); now > since)
            add(busy_, static_cast<std::uint64_t>(now - since));
    if (request.outcome == Errc::ok) return;
    if (counters.errors.fetch_add(1, std::memory_order_relaxed) < 10)
        log(LogLevel::error, "{}: {} failed, sector {}", name(),
            operation_names[static_cast<unsigned>(request.operation)], request.sector);
}

void Disk::recover(Request& request) {
    log(LogLevel::warning, "{}: {} has been under way for {} s, sector {}", name(),
        operation_names[static_cast<unsigned>(request.operation)], patience.ns / 1'000'000'000,
        request.sector);
    device_.recover(request);
}

/// Waits for a request that run() or transfer() has begun.
Result<void> Disk::finish(Waiting& request) {
    wait(
        *request.waiters, [&] { return request.is_done.load(std::memory_order_acquire); },
        [&] { return &request; });
    if (request.outcome == Errc::ok) return {};
    return request.outcome;
}

void Disk::begin(Waiting& request) {
    // Threads' stacks lie apart, so this tells waiters apart well enough.
    const auto stack = reinterpret_cast<std::uintptr_t>(&request) / sched::Thread::stack_bytes;
    request.waiters = &waiters_[stack % queue_count];
    request.then = [](Counted& counted) {
        auto& waiting = static_cast<Waiting&>(counted);
        sched::WaitQueue& waiters = *waiting.waiters;
        // Release pairs with the waiter's acquire: it sees the outcome, and the data.
        waiting.is_done.store(true, std::memory_order_release);
        waiters.wake_all();
    };
    start(request);
}

Result<void> Disk::run(Waiting& request) {
    begin(request);
    return finish(request);
}

Result<void> Disk::transfer(Operation operation, std::uint64_t sector,
                            std::span<const Segment> segments) {
    Result<void> outcome;
    while (!segments.empty() && outcome) {
        Waiting requests[requests_at_once];
        unsigned begun = 0;
        for (; begun < requests_at_once && !segments.empty(); begun++) {
            Waiting& request = requests[begun];
            request.operation = operation;
            request.sector = sector;
            request.segments =
                segments.first(std::min<std::size_t>(segments.size(), limits().segments));
            for (const Segment& segment : request.segments) sector += segment.bytes >> sector_shift;
            if (sector > limits().sectors) {
                outcome = Errc::out_of_range;
                break;
            }
            begin(request);
            segments = segments.subspan(request.segments.size());
        }
        for (Waiting& request : std::span(requests, begun))
            if (auto done = finish(request); !done) outcome = done;
    }
    return outcome;
}

Result<void> Disk::flush() {
    Waiting request;
    request.operation = Operation::flush;
    return run(request);
}

Result<void> Disk::clear(Operation operation, std::uint64_t sector, std::uint64_t sectors) {
    const std::uint64_t most =
        operation == Operation::discard ? limits().discard_sectors : limits().zero_sectors;
    if (most == 0) return Errc::not_supported;
    if (sector > limits().sectors || sectors > limits().sectors - sector) return Errc::out_of_range;
    for (; sectors != 0;) {
        Waiting request;
        request.operation = operation;
        request.sector = sector;
        request.sectors = std::min(sectors, most);
        TRY(run(request));
        sector += request.sectors;
        sectors -= request.sectors;
    }
    return {};
}

} // namespace drupe::block
