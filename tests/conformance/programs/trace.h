// SPDX-License-Identifier: BSD-2-Clause
// How a conformance program speaks: every line is one thing that happened, and the same lines must
// come from Linux. Nothing that differs between two runs (addresses, times, numbers of processes)
// is printed.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>

/// Prints the expression with its value, and errno when it is -1.
#define CALL(expression) (errno = 0, trace_call(#expression, (long)(expression)))
/// Prints the expression and whether it holds.
#define TRUTH(expression) printf("%s: %s\n", #expression, (expression) ? "yes" : "no")

static inline long trace_call(const char* text, long value) {
    if (value == -1 && errno != 0)
        printf("%s = -1 (errno %d)\n", text, errno);
    else
        printf("%s = %ld\n", text, value);
    return value;
}

/// What was printed survives a program's violent end.
__attribute__((constructor)) static void trace_by_lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }
