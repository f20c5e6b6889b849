// SPDX-License-Identifier: BSD-2-Clause
// The functions of float. `hundredths` as in functions.h, of a float's unit in the last place.
#pragma once

#include <math.h>

// As in functions.h.
static float largerf(float x, float y) { return fmaxf(x, y) + 0; }
static long double largerl(long double x, long double y) { return fmaxl(x, y) + 0; }
static float smallerf(float x, float y) { return fminf(x, y) + 0; }
static long double smallerl(long double x, long double y) { return fminl(x, y) + 0; }

struct unary_float {
    const char* name;
    float (*of_float)(float);
    long double (*of_long)(long double);
    float from, to;
    int hundredths;
};
#ifdef __GLIBC__
#define BESSEL_FLOAT(name, hundredths) FLOAT(name, -30, 30, hundredths)
#else
#define BESSEL_FLOAT(name, hundredths)                                                             \
    { #name "f", name##f, 0, -30, 30, hundredths }
#endif
#define FLOAT(name, from, to, hundredths)                                                          \
    { #name "f", name##f, name##l, from, to, hundredths }
static const struct unary_float unary_floats[] = {
    FLOAT(sin, -50, 50, 100),      FLOAT(cos, -50, 50, 100),       FLOAT(tan, -50, 50, 100),
    FLOAT(asin, -1, 1, 100),       FLOAT(acos, -1, 1, 100),        FLOAT(atan, -8, 8, 100),
    FLOAT(sinh, -40, 40, 127),     FLOAT(cosh, -40, 40, 100),      FLOAT(tanh, -10, 10, 143),
    FLOAT(asinh, -40, 40, 100),    FLOAT(acosh, 1, 40, 133),       FLOAT(atanh, -1, 1, 115),
    FLOAT(exp, -104, 89, 100),     FLOAT(exp2, -149, 128, 100),    FLOAT(expm1, -20, 89, 100),
    FLOAT(exp10, -45, 39, 213),    FLOAT(log, 0, 5, 100),          FLOAT(log2, 0, 5, 100),
    FLOAT(log10, 0, 5, 100),       FLOAT(log1p, -1, 5, 100),       FLOAT(sqrt, 0, 1000, 100),
    FLOAT(cbrt, -1000, 1000, 100), FLOAT(erf, -4, 4, 100),         FLOAT(erfc, -4, 10, 224),
    FLOAT(lgamma, -20, 200, 4700), FLOAT(tgamma, -34, 35, 100),    FLOAT(ceil, -1e3, 1e3, 0),
    FLOAT(floor, -1e3, 1e3, 0),    FLOAT(trunc, -1e3, 1e3, 0),     FLOAT(round, -1e3, 1e3, 0),
    FLOAT(rint, -1e3, 1e3, 0),     FLOAT(nearbyint, -1e3, 1e3, 0), FLOAT(fabs, -1, 1, 0),
    FLOAT(logb, -1e3, 1e3, 0),     BESSEL_FLOAT(j0, 7250),         BESSEL_FLOAT(j1, 1100),
    BESSEL_FLOAT(y0, 51600),       BESSEL_FLOAT(y1, 880)};

struct binary_float {
    const char* name;
    float (*of_float)(float, float);
    long double (*of_long)(long double, long double);
    float from, to;
    int hundredths;
};
static const struct binary_float binary_floats[] = {
    FLOAT(pow, -20, 20, 100),  FLOAT(atan2, -9, 9, 100),   FLOAT(hypot, -9, 9, 100),
    FLOAT(fmod, -1e3, 1e3, 0), FLOAT(remainder, -9, 9, 0), FLOAT(fdim, -9, 9, 100),
    FLOAT(larger, -9, 9, 0),   FLOAT(smaller, -9, 9, 0),   FLOAT(copysign, -9, 9, 0)};

struct ordered_float {
    const char* name;
    float (*of_float)(int, float);
    long double (*of_long)(int, long double);
    float from, to;
    int hundredths;
};
static const struct ordered_float ordered_floats[] = {BESSEL_FLOAT(jn, 76800),
                                                      BESSEL_FLOAT(yn, 97200)};
