// SPDX-License-Identifier: BSD-2-Clause
#include "missing.h"

#include "rows.h"

#include <drupe/arch/syscall_abi.h>
#include <drupe/arch/trap.h>
#include <drupe/sched/thread.h>
#include <drupe/syscall/errno.h>
#include <drupe/trace/log.h>

#include <atomic>
#include <cstddef>

namespace drupe::syscall {
namespace {

constexpr std::size_t bits_per_word = 64;
/// One bit for each number of the tables; all numbers beyond share the last word's.
std::atomic<std::uint64_t> reported[arch::syscall_count / bits_per_word + 1];

bool is_first_time(std::size_t number) {
    const std::size_t slot = number < arch::syscall_count ? number : arch::syscall_count;
    const std::uint64_t bit = std::uint64_t{1} << slot % bits_per_word;
    return (reported[slot / bits_per_word].fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
}

void report(std::uint64_t number) {
    const char* name = number < arch::syscall_count ? row_info(number).name : nullptr;
    const sched::Thread& caller = sched::current();
    char where[48];
    std::string_view from = "by a direct call";
    constexpr std::uint32_t direct_call = 0; // as the entry stubs write it
    if (caller.entry_kind != direct_call && caller.user_frame)
        from = format_into(where, "at pc {:#x}", caller.user_frame->pc());
    if (name)
        log(LogLevel::warning, "{}: system call {} ({}) is not implemented, called {}",
            caller.name(), name, number, from);
    else
        log(LogLevel::warning, "{}: there is no system call {}, called {}", caller.name(), number,
            from);
}

} // namespace

std::int64_t answer_missing(std::uint64_t number) {
    const bool is_reported = number >= arch::syscall_count || row_info(number).is_reported;
    if (is_reported && is_first_time(number)) report(number);
    return to_return_value(Errc::not_implemented);
}

} // namespace drupe::syscall
