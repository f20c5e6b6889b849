// SPDX-License-Identifier: BSD-2-Clause
// Functions of float, judged by those of long double for the same arguments.
#define _GNU_SOURCE
#include "floats.h"

#include <float.h>
#include <stdio.h>

#include "cases.h"
#include "exact.h"
#include "judge.h"

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

static const struct format float_format = {24, -149, 0x1.ffffffp127L};

/// Values at which functions begin, end, or change their method.
static const float specials_of_float[special_count] = {0.0f,
                                                       -0.0f,
                                                       __builtin_inff(),
                                                       -__builtin_inff(),
                                                       __builtin_nanf(""),
                                                       1,
                                                       -1,
                                                       2,
                                                       -2,
                                                       0.5f,
                                                       -0.5f,
                                                       3,
                                                       10,
                                                       -10,
                                                       FLT_MAX,
                                                       -FLT_MAX,
                                                       FLT_MIN,
                                                       -FLT_MIN,
                                                       0x1p-149f,
                                                       -0x1p-149f,
                                                       0x1.fffffcp-127f,
                                                       0x1.000002p0f,
                                                       0x1.fffffep-1f,
                                                       0x1.921fb6p0f,
                                                       0x1.921fb6p1f,
                                                       -0x1.921fb6p-1f,
                                                       0x1.5bf0a8p1f,
                                                       0x1.62e42ep6f,
                                                       0x1.62e430p-2f,
                                                       -0x1.9fe368p6f,
                                                       100.5f,
                                                       0x1p23f,
                                                       0x1p24f,
                                                       -0x1.8p23f,
                                                       0x1p31f,
                                                       0x1p-13f,
                                                       0x1p-30f,
                                                       1.5f,
                                                       35.5f,
                                                       -3.5f};

static float float_argument(int n, float from, float to) {
    if (n < special_count) return specials_of_float[n];
    const uint64_t bits = random_bits();
    if (n % 4 == 0) {
        uint32_t word = (uint32_t)bits;
        float value;
        if ((word >> 23 & 0xff) == 0xff) word |= 1u << 22; // quiet
        memcpy(&value, &word, sizeof value);
        return value;
    }
    return from + (to - from) * ((float)(bits >> 40) * 0x1p-24f);
}

static void float_arguments(int n, float from, float to, float* x, float* y) {
    if (n < pair_specials * pair_specials) {
        *x = specials_of_float[n / pair_specials];
        *y = specials_of_float[n % pair_specials];
    } else {
        *x = float_argument(special_count + n, from, to);
        *y = float_argument(special_count + n, from, to);
    }
}

static void add(struct verdict* v, float got, long double want, double x, double y,
                int hundredths) {
    add_result(v, distance(got, want, &float_format), x, y, hundredths / 100.0);
}

static void unary(const struct unary_float* f) {
    struct verdict v = {0};
    for (int n = 0; n < cases_each; n++) {
        const float x = float_argument(n, f->from, f->to);
        const long double want = reference(!judging ? f->of_long(x) : 0);
        if (judging) add(&v, f->of_float(x), want, x, 0, f->hundredths);
    }
    say(f->name, &v, f->hundredths, "");
}

static void binary(const struct binary_float* f) {
    struct verdict v = {0};
    for (int n = 0; n < cases_each; n++) {
        float x, y;
        float_arguments(n, f->from, f->to, &x, &y);
        const long double want = reference(!judging ? f->of_long(x, y) : 0);
        if (judging) add(&v, f->of_float(x, y), want, x, y, f->hundredths);
    }
    say(f->name, &v, f->hundredths, "");
}

static void with_order(const struct ordered_float* f) {
    struct verdict v = {0};
    for (int n = 0; n < cases_each; n++) {
        const float x = float_argument(n, f->from, f->to);
        const int order = order_of(n);
        const long double want = reference(!judging ? f->of_long(order, x) : 0);
        if (judging) add(&v, f->of_float(order, x), want, order, x, f->hundredths);
    }
    say(f->name, &v, f->hundredths, "");
}

static void same_float(const char* what, float value, float x, float y) {
    if (value != value) value = __builtin_nanf("");
    same(what, &value, sizeof value, x, y);
}
static void same_number(const char* what, long long value, float x, float y) {
    same(what, &value, sizeof value, x, y);
}

/// Those with one right answer, where numbers that are whole come in or out.
static void with_whole_numbers(int n) {
    float x = float_argument(n, -1e6f, 1e6f), whole, sine, cosine;
    int power = 0, quotient = 0;
    same_float("frexpf", frexpf(x, &power), x, 0);
    if (x - x == 0) same_number("frexpf's power", power, x, 0);
    same_float("modff", modff(x, &whole), x, 0);
    same_float("modff's whole", whole, x, 0);
    if (x - x == 0 && x != 0) same_number("ilogbf", ilogbf(x), x, 0);
    const int by = (int)(random_bits() % 600) - 300;
    same_float("scalbnf", scalbnf(x, by), x, by);
    same_float("scalblnf", scalblnf(x, by), x, by);
    same_float("ldexpf", ldexpf(x, by), x, by);
    if (fabsf(x) < 9e18f) {
        same_number("lrintf", lrintf(x), x, 0);
        same_number("llrintf", llrintf(x), x, 0);
        same_number("lroundf", lroundf(x), x, 0);
        same_number("llroundf", llroundf(x), x, 0);
    }
    float y, z = float_argument(n, -10, 10);
    float_arguments(n, -50, 50, &x, &y);
    same_float("nextafterf", nextafterf(x, y), x, y);
    same_float("nexttowardf", nexttowardf(x, (long double)y / 3), x, y);
    same_float("fmaf", fmaf(x, y, z), x, y);
    same_float("remquof", remquof(x, y, &quotient), x, y);
    if (x - x == 0 && y == y && y != 0) same_number("remquof's quotient", quotient & 7, x, y);
    // Not that they are right (the tables say so) but that they are what the others give.
    sincosf(x, &sine, &cosine);
    same_number("sincosf", (sine == sinf(x) || sine != sine) && (cosine == cosf(x) || sine != sine),
                x, 0);
}

void floats(void) {
    for (int f = 0; f < COUNT(unary_floats); f++) unary(&unary_floats[f]);
    for (int f = 0; f < COUNT(binary_floats); f++) binary(&binary_floats[f]);
    for (int f = 0; f < COUNT(ordered_floats); f++) with_order(&ordered_floats[f]);
    for (int n = 0; n < cases_each; n++) with_whole_numbers(n);
}
