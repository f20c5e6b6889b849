// SPDX-License-Identifier: BSD-2-Clause
// Queues of an NVM Express controller ([nvme] Base 1.4): a ring of commands that the controller
// reads, and one of completions that it writes. The controller is not trusted: a completion counts
// only if it is of a command that is under way.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/block/device.h>
#include <drupe/sync/spin_lock.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace drupe::nvme {

class Controller;

struct Command {
    std::uint32_t opcode = 0; // and the command's number, in the upper half
    std::uint32_t name_space = 0;
    std::uint64_t reserved = 0, metadata = 0;
    std::uint64_t data[2] = {};  // pages: the first, and the second or a list
    std::uint32_t words[6] = {}; // command dwords 10 to 15
};
static_assert(sizeof(Command) == 64);

struct Completion {
    std::uint32_t result, reserved;
    std::uint32_t queue;
    std::uint16_t id;
    std::uint16_t status; // and the phase
};
static_assert(sizeof(Completion) == 16);
/// What a status means for who made the request.
Errc meaning(std::uint16_t status);

/// One pair of rings. Not locked.
class Rings {
public:
    static constexpr std::uint16_t depth = 32;       // entries of each
    static constexpr std::uint16_t most = depth - 1; // commands under way

    /// The memory, for ever. no_memory.
    Result<void> allocate();
    /// Empty, and known to the controller by these doorbells. Nothing is under way.
    void clear(volatile char* tail_bell, volatile char* head_bell);
    PhysAddr commands() const { return memory_; }
    PhysAddr completions() const { return memory_ + page_size; }
    /// Two pages for whatever commands refer to.
    PhysAddr space() const { return memory_ + 2 * page_size; }

    /// Precondition: fewer than `most` are under way.
    void submit(const Command& command);
    /// The next completion, which is then the controller's again.
    std::optional<Completion> take();

private:
    PhysAddr memory_{};
    volatile char* tail_bell_ = nullptr;
    volatile char* head_bell_ = nullptr;
    std::uint16_t tail_ = 0, head_ = 0;
    std::uint16_t phase_ = 1; // of completions that are new
};

/// A queue of reads and writes. Requests that find no room wait for a completion.
class IoQueue {
public:
    Result<void> allocate(Controller& controller);
    const Rings& rings() const { return rings_; }
    /// Before the controller makes its side.
    void clear(volatile char* tail_bell, volatile char* head_bell);
    /// It has: what waits is started.
    void start();
    /// The controller is halted: what it had fails. Later requests wait for start(), or fail as
    /// well when it is `for_ever`.
    void stop(bool is_for_ever);

    void submit(block::Request& request);
    /// Takes what is complete. Interrupts masked.
    void finish();
    bool has(const block::Request& request);

private:
    using Requests = IntrusiveList<block::Request, &block::Request::hook>;
    enum class State : std::uint8_t { stopped, running, dead };
    bool try_start(block::Request& request) REQUIRES(lock_);
    void start_waiting() REQUIRES(lock_);
    void set_data(Command& command, std::uint16_t id, std::span<const block::Segment> segments);

    Controller* controller_ = nullptr;
    Rings rings_;
    SpinLock<LockRank::device_queue> lock_;
    State state_ GUARDED_BY(lock_) = State::stopped;
    block::Request* requests_[Rings::most] GUARDED_BY(lock_) = {}; // by command number
    Requests waiting_ GUARDED_BY(lock_);
};

} // namespace drupe::nvme
