// SPDX-License-Identifier: BSD-2-Clause
// What is judged. `hundredths` is how far a result may be from the true one, in hundredths of a
// double's unit in the last place: 0 is exact, 100 is what is due, more is an exception, which
// docs/musl.md explains.
#pragma once

#include <math.h>

// C leaves the sign of the larger or smaller of two zeros open: adding 0 makes it one.
static double larger(double x, double y) { return fmax(x, y) + 0; }
static long double largerl(long double x, long double y) { return fmaxl(x, y) + 0; }
static double smaller(double x, double y) { return fmin(x, y) + 0; }
static long double smallerl(long double x, long double y) { return fminl(x, y) + 0; }

struct unary {
    const char* name;
    double (*of_double)(double);
    long double (*of_long)(long double);
    double from, to;
    int hundredths;
};
// musl has no Bessel functions of long double: there only those of double are judged.
#ifdef __GLIBC__
#define BESSEL(name, hundredths) UNARY(name, -30, 30, hundredths)
#else
#define BESSEL(name, hundredths)                                                                   \
    { #name, name, 0, -30, 30, hundredths }
#endif
#define UNARY(name, from, to, hundredths)                                                          \
    { #name, name, name##l, from, to, hundredths }
static const struct unary unaries[] = {UNARY(sin, -50, 50, 100),
                                       UNARY(cos, -50, 50, 100),
                                       UNARY(tan, -50, 50, 100),
                                       UNARY(asin, -1, 1, 100),
                                       UNARY(acos, -1, 1, 100),
                                       UNARY(atan, -8, 8, 100),
                                       UNARY(sinh, -40, 40, 125),
                                       UNARY(cosh, -40, 40, 100),
                                       UNARY(tanh, -20, 20, 111),
                                       UNARY(asinh, -40, 40, 100),
                                       UNARY(acosh, 1, 40, 107),
                                       UNARY(atanh, -1, 1, 141),
                                       UNARY(exp, -745, 710, 100),
                                       UNARY(exp2, -1074, 1024, 100),
                                       UNARY(expm1, -40, 700, 100),
                                       UNARY(exp10, -320, 308, 241),
                                       UNARY(log, 0, 5, 100),
                                       UNARY(log2, 0, 5, 100),
                                       UNARY(log10, 0, 5, 100),
                                       UNARY(log1p, -1, 5, 100),
                                       UNARY(sqrt, 0, 1000, 100),
                                       UNARY(cbrt, -1000, 1000, 100),
                                       UNARY(erf, -6, 6, 100),
                                       UNARY(erfc, -6, 28, 202),
                                       UNARY(lgamma, -20, 200, 7900),
                                       UNARY(tgamma, -170, 171, 582),
                                       UNARY(ceil, -1e3, 1e3, 0),
                                       UNARY(floor, -1e3, 1e3, 0),
                                       UNARY(trunc, -1e3, 1e3, 0),
                                       UNARY(round, -1e3, 1e3, 0),
                                       UNARY(rint, -1e3, 1e3, 0),
                                       UNARY(nearbyint, -1e3, 1e3, 0),
                                       UNARY(fabs, -1, 1, 0),
                                       UNARY(logb, -1e3, 1e3, 0),
                                       BESSEL(j0, 3800),
                                       BESSEL(j1, 1050),
                                       BESSEL(y0, 20000),
                                       BESSEL(y1, 1400)};

struct binary {
    const char* name;
    double (*of_double)(double, double);
    long double (*of_long)(long double, long double);
    double from, to;
    int hundredths;
};
static const struct binary binaries[] = {
    UNARY(pow, -30, 30, 100),  UNARY(atan2, -9, 9, 120),   UNARY(hypot, -9, 9, 100),
    UNARY(fmod, -1e3, 1e3, 0), UNARY(remainder, -9, 9, 0), UNARY(fdim, -9, 9, 100),
    UNARY(larger, -9, 9, 0),   UNARY(smaller, -9, 9, 0),   UNARY(copysign, -9, 9, 0)};

/// Functions with an order, a whole number.
struct ordered {
    const char* name;
    double (*of_double)(int, double);
    long double (*of_long)(int, long double);
    double from, to;
    int hundredths;
};
static const struct ordered ordered[] = {BESSEL(jn, 63600), BESSEL(yn, 225600)};
