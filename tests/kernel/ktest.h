// SPDX-License-Identifier: BSD-2-Clause
// Self-tests inside the kernel: for what needs the machine. Everything else is tested on the build
// machine.
#pragma once

#include <string_view>

namespace drupe::ktest {

/// What did not hold; null: all did.
using Verdict = const char*;

/// The linker collects pointers to these.
struct Test {
    std::string_view name;
    Verdict (*run)();
};

/// Ends the machine by the crash named; returns when there is none of that name.
void crash(std::string_view kind);

} // namespace drupe::ktest

/// KTEST(name) { KCHECK(…); return nullptr; } at namespace scope.
#define KTEST(identifier)                                                                          \
    static ::drupe::ktest::Verdict ktest_##identifier();                                           \
    static constinit const ::drupe::ktest::Test ktest_record_##identifier{#identifier,             \
                                                                          ktest_##identifier};     \
    [[gnu::used, gnu::section("drupe_ktests")]] static constinit const ::drupe::ktest::Test* const \
        ktest_entry_##identifier = &ktest_record_##identifier;                                     \
    static ::drupe::ktest::Verdict ktest_##identifier()

#define KCHECK(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) return #condition;                                                       \
    } while (false)
