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
/// The arguments travel in registers, so that a call that succeeds lays out no frame for them.
[[gnu::cold, gnu::noinline]] std::int64_t fail_blocked(Errc errc, unsigned number, Word a, Word b,
                                                       Word c, Word d, Word e, Word f);

template <unsigned number, bool blocks, auto handler>
struct Thunk;

template <std::size_t at>
constexpr Word nth(Word a, Word b, Word c, Word d, Word e, Word f) {
    if constexpr (at == 0) return a;
    if constexpr (at == 1) return b;
    if constexpr (at == 2) return c;
    if constexpr (at == 3) return d;
    if constexpr (at == 4) return e;
    return f;
}

/// Calls `handler` with the first of the words, made what it takes.
template <class Answer, class... Args, std::size_t... at>
Answer with_arguments(Answer (*handler)(Args...), std::index_sequence<at...>,
                      [[maybe_unused]] Word a, [[maybe_unused]] Word b, [[maybe_unused]] Word c,
                      [[maybe_unused]] Word d, [[maybe_unused]] Word e, [[maybe_unused]] Word f) {
    return handler(static_cast<Args>(nth<at>(a, b, c, d, e, f))...);
}

template <unsigned number, bool blocks, class... Args, Result<Word> (*handler)(Args...)>
struct Thunk<number, blocks, handler> {
    static std::int64_t call(Word a, Word b, Word c, Word d, Word e, Word f) {
        constexpr std::size_t count = blocks ? sizeof...(Args) : 0; // what no handler sees is 0
        // In memory from the start: in registers that survive the handler each of them would cost a
        // move, and the saving and loading of such a register.
        [[maybe_unused]] volatile Word kept_a, kept_b, kept_c, kept_d, kept_e, kept_f;
        if constexpr (count > 0) kept_a = a;
        if constexpr (count > 1) kept_b = b;
        if constexpr (count > 2) kept_c = c;
        if constexpr (count > 3) kept_d = d;
        if constexpr (count > 4) kept_e = e;
        if constexpr (count > 5) kept_f = f;
        const Result<Word> result =
            with_arguments(handler, std::index_sequence_for<Args...>{}, a, b, c, d, e, f);
        if (__builtin_expect(result.ok(), 1)) return static_cast<std::int64_t>(result.value());
        if constexpr (blocks)
            return fail_blocked(result.error(), number, count > 0 ? kept_a : 0,
                                count > 1 ? kept_b : 0, count > 2 ? kept_c : 0,
                                count > 3 ? kept_d : 0, count > 4 ? kept_e : 0,
                                count > 5 ? kept_f : 0);
        else
            return fail(result.error());
    }
};

/// A call that cannot fail.
template <unsigned number, bool blocks, class... Args, Word (*handler)(Args...)>
struct Thunk<number, blocks, handler> {
    static std::int64_t call(Word a, Word b, Word c, Word d, Word e, Word f) {
        return static_cast<std::int64_t>(
            with_arguments(handler, std::index_sequence_for<Args...>{}, a, b, c, d, e, f));
    }
};

} // namespace drupe::syscall
