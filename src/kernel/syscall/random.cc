// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/user_access.h>
#include <drupe/entropy/random.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/syscall/handlers.h>
#include <drupe/time/clock.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <array>

namespace drupe::syscall {
namespace {

enum Flag : std::uint32_t { nonblock = 1, random = 2, insecure = 4 };
constexpr std::uint64_t most_bytes = 0x7fff'f000;

constexpr Nanos patience = Nanos::from_seconds(1); // since boot
constexpr Nanos look_again{10'000'000};

/// A device may still bring a seed. One that does not is not waited for: the machine's timing has
/// to do then, and the operator is told.
Result<void> wait_for_seed(bool may_wait) {
    if (entropy::is_seeded()) return {};
    if (!may_wait) return Errc::would_block;
    while (!entropy::is_seeded() && time::now() < patience) {
        const auto slept = sched::sleep_until(time::now() + look_again);
        if (!slept && slept.error() != Errc::timed_out) return slept.error();
    }
    if (entropy::is_seeded()) return {};
    log(LogLevel::warning, "random numbers may be guessed: the machine gave no seed "
                           "(device tree rng-seed, or a CPU or device with a generator)");
    entropy::seed_from_timing();
    return {};
}

} // namespace

Result<std::uint64_t> getrandom(VirtAddr out, std::uint64_t size, std::uint32_t flags) {
    if ((flags & ~(nonblock | random | insecure)) != 0) return Errc::invalid;
    if ((flags & random) != 0 && (flags & insecure) != 0) return Errc::invalid;
    if ((flags & insecure) == 0) TRY(wait_for_seed((flags & nonblock) == 0));
    size = std::min(size, most_bytes);
    std::array<std::byte, 256> bytes;
    std::uint64_t done = 0;
    while (done < size) {
        const std::size_t count = std::min<std::uint64_t>(size - done, bytes.size());
        entropy::fill(std::span(bytes).first(count));
        const std::size_t left = arch::copy_to_user_raw(out + done, bytes.data(), count);
        done += count - left;
        if (left != 0) return done > 0 ? Result<std::uint64_t>(done) : Errc::fault;
        // Long requests can be interrupted, those that fill a key or two never are.
        if (done % page_size == 0 && done < size && sched::current().has_interrupt()) break;
    }
    return done;
}

} // namespace drupe::syscall
