// SPDX-License-Identifier: BSD-2-Clause
#include "balloon.h"

#include <drupe/mm/frames.h>
#include <drupe/mm/last_resort.h>
#include <drupe/sched/thread.h>
#include <drupe/time/clock.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <utility>

namespace drupe::virtio {
namespace {

constexpr std::uint64_t has_statistics = 1 << 1, deflates_when_short = 1 << 2;
enum Field : std::size_t { target = 0, actual = 4 }; // in pages of 4096 bytes
enum : std::uint16_t { inflation, deflation, statistics };
enum Tag : std::uint16_t { free_memory = 4, all_memory = 5, available_memory = 6 };
constexpr unsigned statistic_count = 3;
constexpr std::int64_t retry = 1'000'000'000; // nanoseconds

/// What the machine keeps, whatever the host wants.
std::uint64_t reserve() { return std::max<std::uint64_t>(mm::memory_total().n / 32, 256); }

} // namespace

Result<void> Balloon::init() {
    const std::uint64_t features = TRY(negotiate(transport_, has_statistics | deflates_when_short));
    inflation_ = TRY(make_queue(transport_, inflation, 2, 0, features));
    deflation_ = TRY(make_queue(transport_, deflation, 2, 0, features));
    if ((features & has_statistics) != 0) {
        statistics_ = TRY(make_queue(transport_, statistics, 2, 0, features));
        answer_ = static_cast<Statistic*>(mm::phys_to_virt(TRY(mm::alloc_zeroed_frame())));
    }
    TRY(transport_.attach(on_interrupt, this));
    start(transport_);
    answer();
    return {};
}

void Balloon::on_interrupt(void* self, std::uint16_t) {
    auto& balloon = *static_cast<Balloon*>(self);
    balloon.has_work_.store(true, std::memory_order_relaxed);
    balloon.waiters_.wake_all();
}

bool Balloon::wait() {
    if (inflation_->is_broken() || deflation_->is_broken()) return false;
    const Nanos until = is_short_ ? time::now() + Nanos{retry} : Nanos::never();
    static_cast<void>(
        waiters_.wait_until([this] { return has_work_.exchange(false, std::memory_order_relaxed); },
                            until, sched::Interruptible::no));
    return true;
}

Balloon::Chunk* Balloon::pop() {
    IrqGuard guard{lock_};
    Chunk* const chunk = chunks_;
    if (!chunk) return nullptr;
    chunks_ = chunk->next;
    held_ -= chunk->count;
    return chunk;
}

void Balloon::push(Chunk* chunk) {
    IrqGuard guard{lock_};
    chunk->next = chunks_;
    chunks_ = chunk;
    held_ += chunk->count;
}

std::uint32_t Balloon::held() {
    IrqGuard guard{lock_};
    return held_;
}

/// Tells the device of pages and waits until it knows. False: it is beyond trust.
bool Balloon::tell(Queue& queue, std::uint16_t index, const std::uint32_t* numbers,
                   std::uint32_t count) {
    const Piece piece{mm::virt_to_phys(numbers), count * std::uint32_t{sizeof *numbers}};
    if (!queue.add({&piece, 1}, {}, this)) return false;
    if (queue.publish()) transport_.notify(index);
    bool is_done = false;
    const auto look = [&] {
        do {
            const auto got = queue.take();
            is_done = !got.ok() || got.value().has_value();
        } while (!is_done && queue.expect_interrupt());
        return is_done;
    };
    static_cast<void>(waiters_.wait_until(look, Nanos::never(), sched::Interruptible::no));
    return !queue.is_broken();
}

/// Gives away up to `most` pages. False: there are none to spare.
bool Balloon::inflate(std::uint32_t most) {
    const auto at = mm::alloc_frames();
    if (!at) return false;
    auto* const chunk = static_cast<Chunk*>(mm::phys_to_virt(at.value()));
    chunk->count = 0;
    const std::uint64_t free = mm::memory_stats().free.n, kept = reserve();
    const std::uint64_t spare = free > kept ? free - kept : 0;
    most = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({most, spare, std::uint64_t{Chunk::capacity}}));
    while (chunk->count < most) {
        const auto page = mm::alloc_frames();
        if (!page || raw(page.value()) >> page_shift > UINT32_MAX) break;
        chunk->numbers[chunk->count++] =
            static_cast<std::uint32_t>(raw(page.value()) >> page_shift);
    }
    if (chunk->count == 0) {
        mm::free_frames(at.value());
        return false;
    }
    // A device that lies may still take them: they are not used any more.
    if (tell(*inflation_, inflation, chunk->numbers, chunk->count)) push(chunk);
    return true;
}

void Balloon::deflate(std::uint32_t most) {
    Chunk* const chunk = pop();
    if (!chunk) return;
    const std::uint32_t count = std::min(most, chunk->count), left = chunk->count - count;
    if (!tell(*deflation_, deflation, chunk->numbers + left, count)) return;
    for (std::uint32_t i = left; i < chunk->count; i++)
        mm::free_frames(PhysAddr{std::uint64_t{chunk->numbers[i]} << page_shift});
    chunk->count = left;
    if (left != 0) return push(chunk);
    mm::free_frames(mm::virt_to_phys(chunk));
}

bool Balloon::give_back() {
    Chunk* const chunk = pop();
    if (!chunk) return false;
    for (std::uint32_t i = 0; i < chunk->count; i++)
        mm::free_frames(PhysAddr{std::uint64_t{chunk->numbers[i]} << page_shift});
    {
        IrqGuard guard{lock_};
        limit_ = held_;
        chunk->next = untold_;
        untold_ = chunk;
    }
    on_interrupt(this, 0);
    return true;
}

/// The device hears of what went back without its knowledge.
void Balloon::tell_late() {
    for (;;) {
        Chunk* chunk;
        {
            IrqGuard guard{lock_};
            chunk = untold_;
            if (chunk) untold_ = chunk->next;
        }
        if (!chunk || !tell(*deflation_, deflation, chunk->numbers, chunk->count)) return;
        mm::free_frames(mm::virt_to_phys(chunk));
    }
}

/// The device keeps the answer until it wants a new one.
void Balloon::answer() {
    if (!statistics_ || statistics_->is_broken()) return;
    if (statistics_->in_flight() != 0) {
        const auto got = statistics_->take();
        if (!got.ok()) return;
        if (!got.value() && !statistics_->expect_interrupt()) return;
        if (!got.value()) return answer();
    }
    const mm::MemoryStats memory = mm::memory_stats();
    answer_[0] = {free_memory, memory.free.bytes()};
    answer_[1] = {all_memory, memory.total.bytes()};
    answer_[2] = {available_memory, memory.free.bytes()};
    const Piece piece{mm::virt_to_phys(answer_), statistic_count * sizeof(Statistic)};
    if (statistics_->add({&piece, 1}, {}, this) && statistics_->publish())
        transport_.notify(statistics);
    static_cast<void>(statistics_->expect_interrupt());
}

void Balloon::work() {
    answer();
    tell_late();
    const std::uint32_t wanted = transport_.read_field(target, 4);
    std::uint32_t due = wanted;
    {
        IrqGuard guard{lock_};
        if (wanted != std::exchange(last_target_, wanted)) limit_ = UINT32_MAX;
        due = std::min(due, limit_);
    }
    is_short_ = false;
    const auto is_sound = [&] { return !inflation_->is_broken() && !deflation_->is_broken(); };
    while (held() < due && is_sound() && !is_short_) is_short_ = !inflate(due - held());
    while (held() > wanted && is_sound()) deflate(held() - wanted);
    transport_.write_field(actual, held());
}

namespace {

constinit Balloon* first = nullptr;

void run(void* self) {
    auto& balloon = *static_cast<Balloon*>(self);
    while (balloon.wait()) balloon.work();
    log(LogLevel::error, "virtio-balloon: it returns what it was not given, and is used no more");
}

Result<OwnPtr<drivers::Device>> probe(const drivers::DeviceNode& node, drivers::MapDevice) {
    if (!node.transport) return Errc::invalid;
    auto balloon = TRY(make_own<Balloon>(*node.transport));
    auto up = balloon->init();
    Balloon& made = *balloon.leak(); // its handler may be attached
    if (!up) {
        give_up(*node.transport);
        return up.error();
    }
    TRY(sched::Thread::create("balloon", run, &made))->start();
    if (!std::exchange(first, &made)) mm::set_last_resort([] { return first->give_back(); });
    return OwnPtr<drivers::Device>(&made);
}

constexpr std::string_view models[] = {"virtio,device5"};

} // namespace

DRUPE_DRIVER(virtio_balloon) = {"virtio-balloon", models, drivers::DeviceClass::other, probe};

} // namespace drupe::virtio
