// SPDX-License-Identifier: BSD-2-Clause
// Ways in which a kernel is wrong. Each function's name has to stand in the report.
#include "ktest.h"

#include <drupe/base/assert.h>

#include <cstdint>

#define CRASH_FUNCTION extern "C" [[gnu::noinline, gnu::noclone]]

// The compiler must not see that these are wrong.
static volatile std::uint64_t bad_address = 0xffff'f000'0000'1230;
static volatile unsigned one = 1;

CRASH_FUNCTION void crash_by_write() {
    *reinterpret_cast<volatile std::uint64_t*>(bad_address) = 1;
}

CRASH_FUNCTION void crash_by_jump() {
    reinterpret_cast<void (*)()>(bad_address)();
    one = 2; // not a tail call: it has to be among the callers
}

CRASH_FUNCTION void crash_by_assertion() { DRUPE_ASSERT(one == 2); }

CRASH_FUNCTION void crash_by_stack_guard() {
    volatile char buffer[32];
    volatile char* byte = buffer;
    asm volatile("" : "+r"(byte));
    for (unsigned i = 0; i < 40 * one; i++) byte[i] = 'x';
}

CRASH_FUNCTION unsigned crash_by_recursion(unsigned depth) {
    volatile unsigned here[32];
    here[depth % 32] = depth;
    if (one != 2) here[0] = crash_by_recursion(depth + 1);
    return here[0] + here[depth % 32];
}

CRASH_FUNCTION void crash_by_undefined() { asm volatile("udf #0"); }

namespace drupe::ktest {

void crash(std::string_view kind) {
    if (kind == "write") crash_by_write();
    if (kind == "jump") crash_by_jump();
    if (kind == "assertion") crash_by_assertion();
    if (kind == "guard") crash_by_stack_guard();
    if (kind == "recursion") (void)crash_by_recursion(0);
    if (kind == "undefined") crash_by_undefined();
}

} // namespace drupe::ktest
