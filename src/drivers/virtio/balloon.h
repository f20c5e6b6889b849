// SPDX-License-Identifier: BSD-2-Clause
// The balloon ([virtio] "Traditional Memory Balloon Device"): memory that the host takes back for a
// while. A page given away is not touched until the device has been told, or is about to be told,
// that it is wanted again. When the machine runs out of memory, pages come back at once; the device
// has been told then that it will hear of it later (the feature MUST_TELL_HOST is not taken).
#pragma once

#include <drupe/drivers/device.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/virtio/transport.h>

#include <atomic>

namespace drupe::virtio {

class Balloon final : public drivers::Device {
public:
    explicit Balloon(Transport& transport) : transport_(transport) {}
    /// The device may begin. Errors: Driver::probe's.
    Result<void> init();
    /// Does what the device and the lack of memory ask for. One thread.
    void work();
    /// Waits until there is something to do. False: never again.
    bool wait();
    /// Returns some pages to the machine; false: it has none. Any context.
    bool give_back();

private:
    /// Pages that were given away, by number: one page of them.
    struct Chunk {
        static constexpr std::uint32_t capacity = 1020;
        Chunk* next;
        std::uint32_t count;
        std::uint32_t numbers[capacity];
    };
    static_assert(sizeof(Chunk) <= page_size);
    struct [[gnu::packed]] Statistic {
        std::uint16_t tag;
        std::uint64_t value;
    };

    bool inflate(std::uint32_t most);
    void deflate(std::uint32_t most);
    void tell_late();
    void answer();
    bool tell(Queue& queue, std::uint16_t index, const std::uint32_t* numbers, std::uint32_t count);
    void push(Chunk* chunk);
    Chunk* pop();
    std::uint32_t held();
    static void on_interrupt(void* self, std::uint16_t);

    Transport& transport_;
    Queue* inflation_ = nullptr;
    Queue* deflation_ = nullptr;
    Queue* statistics_ = nullptr; // null: the device wants none
    Statistic* answer_ = nullptr;
    std::uint32_t last_target_ = 0;
    bool is_short_ = false; // there was too little memory for what the device wants
    sched::WaitQueue waiters_;
    std::atomic<bool> has_work_{true};
    SpinLock<LockRank::frames> lock_; // nothing is called with it held
    Chunk* chunks_ GUARDED_BY(lock_) = nullptr;
    Chunk* untold_ GUARDED_BY(lock_) = nullptr; // back already
    std::uint32_t held_ GUARDED_BY(lock_) = 0;  // pages
    /// Not more than this, since memory ran out, until the device wants something else.
    std::uint32_t limit_ GUARDED_BY(lock_) = UINT32_MAX;
};

} // namespace drupe::virtio
