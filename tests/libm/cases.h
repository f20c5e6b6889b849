// SPDX-License-Identifier: BSD-2-Clause
// Arguments for mathematical functions: the same, bit for bit, wherever this is compiled. Nothing
// here calls the library that is judged.
#pragma once

#include <stdint.h>
#include <string.h>

enum { special_count = 40, cases_each = 2400, pair_specials = 20 };

static inline double from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t random_state = 88172645463325252u;
static inline uint64_t random_bits(void) { // xorshift64
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/// Values at which functions begin, end, or change their method.
static const double specials[special_count] = {0.0,
                                               -0.0,
                                               __builtin_inf(),
                                               -__builtin_inf(),
                                               __builtin_nan(""),
                                               1,
                                               -1,
                                               2,
                                               -2,
                                               0.5,
                                               -0.5,
                                               3,
                                               10,
                                               -10,
                                               0x1.fffffffffffffp1023,
                                               -0x1.fffffffffffffp1023,
                                               0x1p-1022,
                                               -0x1p-1022,
                                               0x1p-1074,
                                               -0x1p-1074,
                                               0x1.fffffffffffffp-1023,
                                               0x1.0000000000001p0,
                                               0x1.fffffffffffffp-1,
                                               0x1.921fb54442d18p0,
                                               0x1.921fb54442d18p1,
                                               -0x1.921fb54442d18p-1,
                                               0x1.5bf0a8b145769p1,
                                               0x1.62e42fefa39efp9,
                                               0x1.62e42fefa39efp-2,
                                               -0x1.74910d52d3051p9,
                                               100.5,
                                               0x1p52,
                                               0x1p53,
                                               -0x1.8p52,
                                               0x1p63,
                                               0x1p-27,
                                               0x1p-60,
                                               1.5,
                                               171.5,
                                               -3.5};

/// The n-th argument: a special one, any bits at all, or one between `from` and `to`.
static inline double argument(int n, double from, double to) {
    if (n < special_count) return specials[n];
    const uint64_t bits = random_bits();
    if (n % 4 == 0)
        return from_bits((bits >> 52 & 0x7ff) == 0x7ff ? bits | 1ull << 51 : bits); // quiet
    return from + (to - from) * ((double)(bits >> 11) * 0x1p-53);
}

/// Two arguments: all pairs of the first special ones, then as above.
static inline void arguments(int n, double from, double to, double* x, double* y) {
    if (n < pair_specials * pair_specials) {
        *x = specials[n / pair_specials];
        *y = specials[n % pair_specials];
    } else {
        *x = argument(special_count + n, from, to);
        *y = argument(special_count + n, from, to);
    }
}

/// The order of the n-th case of a Bessel function.
static inline int order_of(int n) {
    return n % 3 == 0 ? n / 3 % 6 - 2 : (int)(random_bits() % 129) - 64;
}
