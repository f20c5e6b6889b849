// SPDX-License-Identifier: BSD-2-Clause
// Semaphores of System V: sets of counters that one call changes all at once or not at all. Who
// changes a set does on the spot what others wait for, in the order they came.
#pragma once

#include <drupe/base/relaxed.h>
#include <drupe/ipc/object.h>
#include <drupe/process/semaphore_undo.h>

#include <cstdint>
#include <span>

namespace drupe::ipc {

/// kernel.sem. Any thread may set them.
struct SemaphoreLimits {
    Relaxed<std::uint32_t> each, all, operations, sets; // SEMMSL SEMMNS SEMOPM SEMMNI
};
extern SemaphoreLimits semaphore_limits;
inline constexpr int most_value = 32767; // SEMVMX, and of what is taken back

/// struct sembuf.
struct SemaphoreOp {
    enum Flag : std::int16_t { no_wait = 04000, undo = 0x1000 };
    std::uint16_t number;
    std::int16_t change; // 0: waits for zero
    std::int16_t flags;
};

class SemaphoreSet final : public Object {
public:
    struct Semaphore {
        std::int32_t value = 0;
        std::int32_t last_pid = 0;
    };
    /// no_memory.
    static Result<RefPtr<Object>> create(Key key, std::uint32_t flags, std::uint32_t count);
    ~SemaphoreSet() override;

    const std::uint32_t count;
    std::span<Semaphore> semaphores() REQUIRES(mutex) { return {semaphores_, count}; }
    std::int64_t operated() const REQUIRES(mutex) { return operated_; }
    /// SETVAL, SETALL: number `first` and those behind it get these values; what was to be taken
    /// back of them is forgotten, and who waits is looked after.
    void set_values(std::uint32_t first, std::span<const std::uint16_t> values) REQUIRES(mutex);
    /// How many wait for semaphore `number` to grow, or to be zero.
    enum class Waits : std::uint8_t { to_grow, for_zero };
    std::uint32_t waiters(std::uint32_t number, Waits what) REQUIRES(mutex);
    /// not_permitted, removed.
    Result<void> remove();

    /// semop. Waits until `deadline`. too_big... file_too_large: a number beyond the set; access,
    /// removed, would_block (the deadline passed, too), out_of_range, interrupted.
    Result<void> operate(std::span<const SemaphoreOp> ops, Nanos deadline);

private:
    friend class UndoRecord;
    struct Undo;
    struct Pending;

    struct Queues;
    SemaphoreSet(Key key, std::uint32_t flags, std::uint32_t count, Semaphore* semaphores,
                 OwnPtr<Queues> queues);
    /// ok: done, whole; restart: it has to wait; else it failed.
    Errc attempt(Pending& pending) REQUIRES(mutex);
    Errc apply(Pending& pending, const SemaphoreOp& op) REQUIRES(mutex);
    void take_back(Pending& pending, const SemaphoreOp* end) REQUIRES(mutex);
    void finish(Pending& pending, Errc outcome) REQUIRES(mutex);
    /// Everybody's turn who can go on now.
    void settle() REQUIRES(mutex);
    void apply_undo(Undo& undo) REQUIRES(mutex);
    Result<void> wait(Pending& pending, Nanos deadline);

    Semaphore* const semaphores_ GUARDED_BY(mutex);
    std::int64_t operated_ GUARDED_BY(mutex) = 0;
    OwnPtr<Queues> queues_ GUARDED_BY(mutex);
};

/// invalid (count), exists, not_found, access, no_space, no_memory.
Result<int> get_semaphores(Key key, std::int32_t count, std::uint32_t flags);
/// invalid: no such set.
Result<RefPtr<SemaphoreSet>> find_semaphores(int id);
Result<RefPtr<SemaphoreSet>> semaphores_at(int index);
RefPtr<SemaphoreSet> next_semaphores(std::uint32_t& index);
struct SemaphoreUse {
    std::uint32_t sets, semaphores;
    int highest_index;
};
SemaphoreUse semaphore_use();

} // namespace drupe::ipc
