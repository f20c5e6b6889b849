// SPDX-License-Identifier: BSD-2-Clause
// From six argument registers to a handler's typed arguments, and from its Result to the return
// register. Private to the tables.
#pragma once

#include <drupe/arch/syscall_abi.h>
#include <drupe/base/result.h>
#include <drupe/process/restart.h>
#include <drupe/syscall/errno.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace drupe::syscall {

using Word = std::uint64_t;

/// The return value of a call that failed, for a call that never blocks.
[[gnu::cold]] inline std::int64_t fail(Errc errc) { return to_return_value(errc); }
/// The same for one that may: a signal that interrupted it is remembered together with the call.
[[gnu::cold]] std::int64_t fail_blocked(Errc errc, const process::InterruptedCall& call);

template <unsigned number, bool blocks, auto handler>
struct Thunk;

template <unsigned number, bool blocks, class... Args, Result<Word> (*handler)(Args...)>
struct Thunk<number, blocks, handler> {
    static std::int64_t call(Word a, Word b, Word c, Word d, Word e, Word f) {
        const Word words[] = {a, b, c, d, e, f};
        return with_arguments(words, std::index_sequence_for<Args...>{});
    }

private:
    template <std::size_t... at>
    static std::int64_t with_arguments(const Word (&words)[6], std::index_sequence<at...>) {
        const Result<Word> result = handler(static_cast<Args>(words[at])...);
        if (__builtin_expect(result.ok(), 1)) return static_cast<std::int64_t>(result.value());
        if constexpr (blocks)
            return fail_blocked(
                result.error(),
                {number, {words[0], words[1], words[2], words[3], words[4], words[5]}});
        else
            return fail(result.error());
    }
};

} // namespace drupe::syscall
