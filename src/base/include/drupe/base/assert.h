// SPDX-License-Identifier: BSD-2-Clause
// Three outcomes are never confused: a Result for what the world can cause, an assertion for what
// we caused, a panic where going on is impossible. This header holds the last two. Who answers them
// is decided at link time: the kernel's crash report, or a test's exception.
#pragma once

#include <string_view>

namespace drupe {

[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

/// Ends the machine with `message`, which says what the operator can do about it.
[[noreturn]] void panic(std::string_view message);

} // namespace drupe

/// Always on. States an invariant of our own code; never used on input.
#define DRUPE_ASSERT(expression)                                                                   \
    (__builtin_expect(static_cast<bool>(expression), 1)                                            \
         ? static_cast<void>(0)                                                                    \
         : ::drupe::assert_failed(#expression, __builtin_FILE(), __LINE__))
