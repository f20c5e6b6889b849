// SPDX-License-Identifier: BSD-2-Clause
// futex(2): which word is meant, until when, and what is done. The sleeping itself is
// sched/futex.h.
#include "user_time.h"

#include <drupe/mm/address_space.h>
#include <drupe/process/futex.h>
#include <drupe/process/process.h>
#include <drupe/process/return_to_user.h>
#include <drupe/process/task_table.h>
#include <drupe/sched/futex.h>
#include <drupe/sched/pi_futex.h>
#include <drupe/syscall/handlers.h>
#include <drupe/time/clock.h>

#include <algorithm>

namespace drupe::syscall {
namespace {

// [linux] include/uapi/linux/futex.h
enum FutexCommand : int {
    futex_wait = 0,
    futex_wake = 1,
    futex_requeue = 3,
    futex_cmp_requeue = 4,
    futex_wake_op = 5,
    futex_lock_pi = 6,
    futex_unlock_pi = 7,
    futex_trylock_pi = 8,
    futex_wait_bitset = 9,
    futex_wake_bitset = 10,
    futex_wait_requeue_pi = 11,
    futex_cmp_requeue_pi = 12,
    futex_lock_pi2 = 13,
};
constexpr int futex_private_flag = 128;
constexpr int futex_clock_realtime = 256;

enum class Scope : std::uint8_t { private_word, any_word };

/// A word of a program's, at which an atomic access cannot cross a page.
bool is_word(VirtAddr word) {
    return is_aligned(word, 4) && raw(word) < raw(mm::AddressSpace::user_end);
}

/// invalid: not aligned; fault: not an address of a program's. What other processes may share has
/// to be there.
Result<sched::FutexKey> make_key(VirtAddr word, Scope scope) {
    if (!is_word(word)) return is_aligned(word, 4) ? Errc::fault : Errc::invalid;
    if (scope == Scope::private_word) return process::private_futex_key(word);
    TRY(arch::user_load(word));
    return process::shared_futex_key(word);
}

struct Wait {
    VirtAddr word;
    std::uint32_t value;
    std::uint32_t bitset;
    Scope scope;
    sched::Deadline deadline;
};

Result<std::uint64_t> wait(const Wait& w) {
    if (w.bitset == 0) return Errc::invalid;
    const sched::FutexKey key = TRY(make_key(w.word, w.scope));
    TRY(sched::futex_wait(key, {w.word, w.value}, w.bitset, w.deadline));
    return 0;
}

Result<std::uint64_t> wait_relative(const Wait& w);

Result<std::uint64_t> resume_wait(process::RestartBlock& block) {
    return wait_relative({
        .word = VirtAddr{block.args[0]},
        .value = static_cast<std::uint32_t>(block.args[1]),
        .bitset = sched::futex_any,
        .scope = static_cast<Scope>(block.args[2]),
        .deadline = Nanos{static_cast<std::int64_t>(block.args[3])},
    });
}

/// A repetition of the whole call would start its timeout anew.
Result<std::uint64_t> wait_relative(const Wait& w) {
    auto result = wait(w);
    const Nanos deadline = w.deadline.monotonic();
    if (result.ok() || result.error() != Errc::restart || deadline == Nanos::never()) return result;
    return process::restart_later(
        {.resume = &resume_wait,
         .args = {raw(w.word), w.value, static_cast<std::uint64_t>(w.scope),
                  static_cast<std::uint64_t>(deadline.ns)}});
}

/// invalid: a waiter there can only be moved to a lock.
Result<std::uint64_t> wake_on(sched::FutexKey key, std::uint32_t most,
                              std::uint32_t bitset = sched::futex_any) {
    // Linux wakes one also when asked for none.
    const std::size_t woken = sched::futex_wake(key, std::max(most, 1u), bitset);
    if (woken < most && sched::futex_has_lock_waiter(key)) return Errc::invalid;
    return woken;
}

Result<std::uint64_t> wake(VirtAddr word, std::uint32_t most, std::uint32_t bitset, Scope scope) {
    if (bitset == 0) return Errc::invalid;
    return wake_on(TRY(make_key(word, scope)), most, bitset);
}

/// FUTEX_WAKE_OP's third value: an operation on the second word, and a test of what it held.
struct WakeOp {
    unsigned operation, comparison;
    std::uint32_t operand;
    std::int32_t compared;
    explicit WakeOp(std::uint32_t encoded)
        : operation(encoded >> 28 & 7), comparison(encoded >> 24 & 15),
          operand(static_cast<std::uint32_t>(sign_extend(encoded >> 12 & 0xfff))),
          compared(sign_extend(encoded & 0xfff)) {
        if ((encoded >> 31) != 0) operand = 1u << (operand & 31); // FUTEX_OP_ARG_SHIFT
    }
    bool is_known() const { return operation <= 4 && comparison <= 5; }
    std::uint32_t apply(std::uint32_t old) const {
        switch (operation) {
        case 0: return operand;
        case 1: return old + operand;
        case 2: return old | operand;
        case 3: return old & ~operand;
        default: return old ^ operand;
        }
    }
    bool holds(std::uint32_t old) const {
        const auto value = static_cast<std::int32_t>(old);
        switch (comparison) {
        case 0: return value == compared;
        case 1: return value != compared;
        case 2: return value < compared;
        case 3: return value <= compared;
        case 4: return value > compared;
        default: return value >= compared;
        }
    }

private:
    static std::int32_t sign_extend(std::uint32_t twelve_bits) {
        return static_cast<std::int32_t>(twelve_bits << 20) >> 20;
    }
};

/// Two words of one call.
struct Pair {
    VirtAddr first, second;
    std::uint32_t first_count, second_count;
    Scope scope;
};

Result<std::uint64_t> wake_op(const Pair& pair, WakeOp op) {
    if (!op.is_known()) return Errc::not_implemented;
    const sched::FutexKey first = TRY(make_key(pair.first, pair.scope));
    const sched::FutexKey second = TRY(make_key(pair.second, pair.scope));
    std::uint32_t old = TRY(arch::user_load(pair.second));
    for (;;) {
        const auto seen = TRY(arch::user_compare_exchange(pair.second, old, op.apply(old)));
        if (seen == old) break;
        old = seen;
    }
    std::uint64_t woken = TRY(wake_on(first, pair.first_count));
    if (op.holds(old)) woken += TRY(wake_on(second, pair.second_count));
    return woken;
}

Result<std::uint64_t> requeue(const Pair& pair, const sched::FutexExpectation* expected) {
    // Both counts are ints.
    if (static_cast<std::int32_t>(pair.first_count) < 0 ||
        static_cast<std::int32_t>(pair.second_count) < 0)
        return Errc::invalid;
    const sched::FutexKey from = TRY(make_key(pair.first, pair.scope));
    const sched::FutexKey to = TRY(make_key(pair.second, pair.scope));
    const auto done = TRY(sched::futex_requeue({.from = from,
                                                .to = to,
                                                .wake = pair.first_count,
                                                .move = pair.second_count,
                                                .expected = expected}));
    return done.woken + done.moved;
}

RefPtr<sched::Thread> find_thread(std::uint32_t id) {
    RefPtr<sched::Thread> found;
    (void)process::with_thread(static_cast<process::Pid>(id),
                               [&](process::UserThread& thread) -> Result<void> {
                                   found = RefPtr<sched::Thread>(thread.thread);
                                   return {};
                               })
        .ok();
    return found;
}

/// A lock that inherits priorities, as the caller wants it.
Result<sched::PiRequest> pi_request(VirtAddr word, Scope scope) {
    return sched::PiRequest{.key = TRY(make_key(word, scope)),
                            .word = word,
                            .own_id = static_cast<std::uint32_t>(process::current_user().tid),
                            .find_thread = &find_thread};
}

Result<std::uint64_t> pi_call(int command, VirtAddr word, Scope scope,
                              const sched::Deadline& deadline) {
    const sched::PiRequest request = TRY(pi_request(word, scope));
    if (command == futex_unlock_pi)
        TRY(sched::pi_unlock(request));
    else if (command == futex_trylock_pi)
        TRY(sched::pi_try_lock(request));
    else
        TRY(sched::pi_lock(request, deadline));
    return 0;
}

Result<std::uint64_t> wait_for_lock(const Wait& w, VirtAddr lock) {
    if (w.word == lock) return Errc::invalid;
    const sched::PiRequest request = TRY(pi_request(lock, w.scope));
    const sched::FutexKey key = TRY(make_key(w.word, w.scope));
    if (key == request.key) return Errc::invalid;
    TRY(sched::futex_wait_for_lock(key, {w.word, w.value}, request, w.deadline));
    return 0;
}

Result<std::uint64_t> requeue_to_lock(const Pair& pair, std::uint32_t expected) {
    // That one is woken is the lock's business: it may be free.
    if (pair.first_count != 1 || static_cast<std::int32_t>(pair.second_count) < 0 ||
        pair.first == pair.second)
        return Errc::invalid;
    const sched::FutexKey from = TRY(make_key(pair.first, pair.scope));
    const sched::PiRequest lock = TRY(pi_request(pair.second, pair.scope));
    if (from == lock.key) return Errc::invalid;
    return TRY(sched::futex_requeue_to_lock(from, {pair.first, expected}, lock,
                                            std::size_t{pair.second_count} + 1));
}

/// FUTEX_WAIT counts from now, FUTEX_WAIT_BITSET names a time.
Result<sched::Deadline> read_deadline(int operation, int command, VirtAddr timeout) {
    if (raw(timeout) == 0) return sched::Deadline(Nanos::never());
    const Nanos given = TRY(read_timespec(timeout));
    if (command == futex_wait) return sched::Deadline(add_saturated(time::now(), given));
    return deadline_on((operation & futex_clock_realtime) != 0 ? clock_realtime : clock_monotonic,
                       given);
}

int command_of(int operation) { return operation & ~(futex_private_flag | futex_clock_realtime); }
Scope scope_of(int operation) {
    return (operation & futex_private_flag) != 0 ? Scope::private_word : Scope::any_word;
}

/// All commands; futex() has a shorter way for some.
[[gnu::noinline]] Result<std::uint64_t> rarer(VirtAddr word, int operation, std::uint32_t value,
                                              VirtAddr timeout, VirtAddr second,
                                              std::uint32_t value3) {
    const int command = command_of(operation);
    const Scope scope = scope_of(operation);
    if ((operation & futex_clock_realtime) != 0 && command != futex_wait_bitset &&
        command != futex_lock_pi2 && command != futex_wait_requeue_pi)
        return Errc::not_implemented;
    const Pair pair{word, second, value, static_cast<std::uint32_t>(raw(timeout)), scope};
    switch (command) {
    case futex_wake: return wake(word, value, sched::futex_any, scope);
    case futex_wait:
    case futex_wait_bitset: {
        const bool plain = command == futex_wait;
        const Wait w{word, value, plain ? sched::futex_any : value3, scope,
                     TRY(read_deadline(operation, command, timeout))};
        return plain ? wait_relative(w) : wait(w);
    }
    case futex_wait_requeue_pi: {
        const auto deadline = TRY(read_deadline(operation, command, timeout));
        return wait_for_lock({word, value, sched::futex_any, scope, deadline}, second);
    }
    case futex_cmp_requeue_pi: return requeue_to_lock(pair, value3);
    case futex_wake_bitset: return wake(word, value, value3, scope);
    case futex_wake_op: return wake_op(pair, WakeOp(value3));
    case futex_requeue: return requeue(pair, nullptr);
    case futex_cmp_requeue: {
        const sched::FutexExpectation expected{word, value3};
        return requeue(pair, &expected);
    }
    case futex_lock_pi: // by the wall clock, without asking
    case futex_lock_pi2: {
        const int clock = command == futex_lock_pi ? futex_clock_realtime : operation;
        return pi_call(command, word, scope, TRY(read_deadline(clock, command, timeout)));
    }
    case futex_unlock_pi:
    case futex_trylock_pi: return pi_call(command, word, scope, sched::Deadline(Nanos::never()));
    default: return Errc::not_implemented;
    }
}

} // namespace

// A wake-up, and a wait without end, on a private word need neither a key in memory nor a frame for
// the other commands' structures.
Result<std::uint64_t> futex(VirtAddr word, int operation, std::uint32_t value, VirtAddr timeout,
                            VirtAddr second, std::uint32_t value3) {
    if ((operation & futex_private_flag) != 0 && is_word(word)) {
        if (operation == (futex_wake | futex_private_flag))
            return wake_on(process::private_futex_key(word), value);
        const int command = command_of(operation);
        // Without a timeout it does not matter by which clock.
        const bool is_plain = operation == (futex_wait | futex_private_flag);
        if (raw(timeout) == 0 && (is_plain || (command == futex_wait_bitset && value3 != 0))) {
            TRY(sched::futex_wait_endless(process::private_futex_key(word), {word, value},
                                          is_plain ? sched::futex_any : value3));
            return 0;
        }
    }
    return rarer(word, operation, value, timeout, second, value3);
}

} // namespace drupe::syscall
