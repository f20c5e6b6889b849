// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "exact.h"

/// A not-a-number has many forms; here it has one.
static void same_double(const char* what, double value, double x, double y) {
    if (value != value) value = __builtin_nan("");
    same(what, &value, sizeof value, x, y);
}
static void same_long(const char* what, long double value, double x, double y) {
    if (value != value) value = __builtin_nanl("");
    same(what, &value, sizeof value, x, y);
}
static void same_number(const char* what, long long value, double x, double y) {
    same(what, &value, sizeof value, x, y);
}

static void with_whole_numbers(int n) {
    double x = argument(n, -1e6, 1e6), whole;
    int power = 0, quotient = 0;
    same_double("frexp", frexp(x, &power), x, 0);
    if (x - x == 0) same_number("frexp's power", power, x, 0);
    same_double("modf", modf(x, &whole), x, 0);
    same_double("modf's whole", whole, x, 0);
    if (x - x == 0 && x != 0) same_number("ilogb", ilogb(x), x, 0);
    const int by = (int)(random_bits() % 4400) - 2200;
    same_double("scalbn", scalbn(x, by), x, by);
    same_double("ldexp", ldexp(x, by), x, by);
    if (fabs(x) < 9e18) {
        same_number("lrint", lrint(x), x, 0);
        same_number("llround", llround(x), x, 0);
    }
    double y, z = argument(n, -10, 10);
    arguments(n, -50, 50, &x, &y);
    same_double("nextafter", nextafter(x, y), x, y);
    same_double("fma", fma(x, y, z), x, y);
    same_double("remquo", remquo(x, y, &quotient), x, y);
    if (x - x == 0 && y == y && y != 0) same_number("remquo's quotient", quotient & 7, x, y);
    quotient = 0;
    same_long("remquol", remquol(x, y, &quotient), x, y);
    if (x - x == 0 && y == y && y != 0) same_number("remquol's quotient", quotient & 7, x, y);
    same_long("fmodl", fmodl((long double)x * 3, (long double)y / 7), x, y);
    same_long("nextafterl", nextafterl(x, y), x, y);
    same_long("fmal", fmal(x, y, z), x, y);
    same_long("sqrtl", sqrtl((long double)x / 3), x, 0);
    same_long("scalbnl", scalbnl((long double)x / 3, by * 8), x, by);
    same_long("roundl", roundl((long double)x / 3), x, 0);
    same_long("rintl", rintl((long double)x / 3), x, 0);
    same_long("floorl", floorl((long double)x / 3), x, 0);
}

static void arithmetic(int n) {
    double a, b;
    arguments(n, -1e10, 1e10, &a, &b);
    const volatile long double x = (long double)a / 3, y = b;
    same_long("+", x + y, a, b);
    same_long("-", x - y, a, b);
    same_long("*", x * y, a, b);
    same_long("/", x / y, a, b);
    same_number("compared", (x < y) + (x <= y) * 2 + (x == y) * 4 + (x != y) * 8 + (x > y) * 16, a,
                b);
    same_double("to double", (double)x, a, b);
    float narrow = (float)x;
    if (narrow != narrow) narrow = __builtin_nanf("");
    same("to float", &narrow, sizeof narrow, a, b);
    if (x > -9e18L && x < 9e18L) same_number("to long", (long)x, a, b);
    if (x >= 0 && x < 1.8e19L) same_number("to unsigned long", (long long)(unsigned long)x, a, b);
    same_long("of long", (long double)(long)random_bits(), a, b);
    same_long("of unsigned long", (long double)random_bits(), a, b);
}

static void texts(int n) {
    double a, b;
    arguments(n, -1e5, 1e5, &a, &b);
    char text[12000];
    memset(text, 0, sizeof text);
    const long double third = (long double)a / 3;
    static const char* const forms[] = {"%La", "%.10La", "%.36Lg", "%.3Le", "%+.0La"};
    for (int f = 0; f < 5; f++) {
        memset(text, 0, 64);
        snprintf(text, sizeof text, forms[f], third);
        same(forms[f], text, 64, a, b);
    }
    memset(text, 0, sizeof text);
    snprintf(text, sizeof text, "%Lf", third);
    same("%Lf", text, strlen(text) < 400 ? 400 : sizeof text, a, b);
    memset(text, 0, sizeof text);
    // C leaves open with which digit the hexadecimal form of a small number begins.
    snprintf(text, sizeof text, "%a %.17g %f %.0f %g", fabs(a) < 0x1p-1022 ? 0 : a, a, a, a, a);
    same("double", text, 1024, a, b);

    // Decimal digits with a power, of many lengths, and hexadecimal ones.
    char* at = text;
    if (random_bits() % 2) *at++ = '-';
    const int digits = 1 + (int)(random_bits() % 60), point = (int)(random_bits() % 60);
    for (int d = 0; d < digits; d++) {
        if (d == point) *at++ = '.';
        *at++ = (char)('0' + random_bits() % 10);
    }
    sprintf(at, "e%d", (int)(random_bits() % (n % 3 ? 40 : 700)) - (n % 3 ? 20 : 350));
    same_double("strtod", strtod(text, NULL), a, b);
    same_long("strtold", strtold(text, NULL), a, b);
    const float narrow = strtof(text, NULL);
    same("strtof", &narrow, sizeof narrow, a, b);
    sprintf(text, "0x%llx.%llxp%d", (unsigned long long)random_bits(),
            (unsigned long long)random_bits(), (int)(random_bits() % 2400) - 1200);
    same_double("strtod of hexadecimal", strtod(text, NULL), a, b);
    same_long("strtold of hexadecimal", strtold(text, NULL), a, b);
}

void exact(void) {
    for (int n = 0; n < cases_each; n++) {
        with_whole_numbers(n);
        arithmetic(n);
        texts(n);
    }
}
