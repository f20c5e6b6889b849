// SPDX-License-Identifier: BSD-2-Clause
// A test program counts what is wrong, says where, and ends with it.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int failures;
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            printf("line %d: %s does not hold (errno %s)\n", __LINE__, #condition,                 \
                   strerror(errno));                                                               \
        }                                                                                          \
    } while (0)

static inline int verdict(const char* when_right) {
    if (failures == 0) puts(when_right);
    return failures != 0;
}
