// SPDX-License-Identifier: BSD-2-Clause
// usage: libm reference FILE -- writes what glibc's functions of long double (113 bits) say, which
//                               in double is the truth, and texts and numbers that must be the same
//        libm judge FILE     -- how far this library's functions are from that; status 1 when one
//        is
//                               farther than it may be
#define _GNU_SOURCE
#include "cases.h"
#include "exact.h"
#include "functions.h"
#include "judge.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

static FILE* file;
int judging;
static int failures;
static const struct format double_format = {53, -1074, 0x1.fffffffffffff8p1023L},
                           quad_format = {113, -16494, __builtin_infl()};

long double reference(long double mine) {
    long double other = mine;
    if (!judging)
        fwrite(&mine, sizeof mine, 1, file);
    else if (fread(&other, sizeof other, 1, file) != 1) {
        puts("the reference ends early");
        exit(2);
    }
    return other;
}

static int exponent(long double value) {
    uint64_t words[2];
    memcpy(words, &value, sizeof words);
    return (int)(words[1] >> 48 & 0x7fff) - 16383;
}

static long double power_of_two(int n) {
    const uint64_t words[2] = {0, (uint64_t)(n + 16383) << 48};
    long double value;
    memcpy(&value, words, sizeof value);
    return value;
}

double distance(long double got, long double want, const struct format* format) {
    if (want != want) return got != got ? 0 : HUGE_VAL;
    if (got == want) return __builtin_signbit(got) == __builtin_signbit(want) ? 0 : HUGE_VAL;
    if (__builtin_fabsl(want) >= format->overflow)
        return __builtin_isinf(got) && (got < 0) == (want < 0) ? 0 : HUGE_VAL;
    if (got != got || __builtin_isinf(got) || __builtin_isinf(want)) return HUGE_VAL;
    const int unit = exponent(want) - (format->bits - 1);
    return (double)(__builtin_fabsl(got - want) /
                    power_of_two(unit > format->least ? unit : format->least));
}

void add_result(struct verdict* v, double far, double x, double y, double allowed) {
    v->cases++;
    v->beyond += far > allowed;
    if (far > v->worst) v->worst = far, v->at[0] = x, v->at[1] = y;
}

/// What the function of double gave, and the one of long double for the same.
static void add(struct verdict* v, double got, long double got_long, long double want, double x,
                double y, int hundredths) {
    const double far = distance(got_long, want, &double_format);
    const double quad = distance(got_long, want, &quad_format);
    add_result(v, distance(got, want, &double_format), x, y, hundredths / 100.0);
    v->beyond += far > hundredths / 100.0;
    if (far > v->worst_long) v->worst_long = far;
    if (quad > v->worst_quad) v->worst_quad = quad;
}

void say(const char* name, const struct verdict* v, int hundredths, const char* more) {
    if (!judging) return;
    printf("%-10s %d cases, worst %.2f ulp", name, v->cases, v->worst);
    if (v->worst != 0) printf(" at %a %a", v->at[0], v->at[1]);
    printf("%s", more);
    if (v->beyond) printf(": TOO FAR %d times, %.2f are allowed", v->beyond, hundredths / 100.0);
    putchar('\n');
    failures += v->beyond != 0;
}

static void say_both(const char* name, const struct verdict* v, int hundredths) {
    char more[80];
    snprintf(more, sizeof more, "; long double: %.2f, %s", v->worst_long,
             v->worst_quad < 64 ? "in 113 bits" : "in double");
    say(name, v, hundredths, more);
}

static void functions(void) {
    for (int f = 0; f < COUNT(unaries); f++) {
        struct verdict v = {0};
        for (int n = 0; n < cases_each; n++) {
            const double x = argument(n, unaries[f].from, unaries[f].to);
            const long double mine = unaries[f].of_long ? unaries[f].of_long(x) : 0,
                              want = reference(mine);
            if (judging)
                add(&v, unaries[f].of_double(x), unaries[f].of_long ? mine : want, want, x, 0,
                    unaries[f].hundredths);
        }
        say_both(unaries[f].name, &v, unaries[f].hundredths);
    }
    for (int f = 0; f < COUNT(binaries); f++) {
        struct verdict v = {0};
        for (int n = 0; n < cases_each; n++) {
            double x, y;
            arguments(n, binaries[f].from, binaries[f].to, &x, &y);
            const long double mine = binaries[f].of_long(x, y), want = reference(mine);
            if (judging)
                add(&v, binaries[f].of_double(x, y), mine, want, x, y, binaries[f].hundredths);
        }
        say_both(binaries[f].name, &v, binaries[f].hundredths);
    }
    for (int f = 0; f < COUNT(ordered); f++) {
        struct verdict v = {0};
        for (int n = 0; n < cases_each; n++) {
            const double x = argument(n, ordered[f].from, ordered[f].to);
            const int order = order_of(n);
            const long double mine = ordered[f].of_long ? ordered[f].of_long(order, x) : 0,
                              want = reference(mine);
            if (judging)
                add(&v, ordered[f].of_double(order, x), ordered[f].of_long ? mine : want, want,
                    order, x, ordered[f].hundredths);
        }
        say_both(ordered[f].name, &v, ordered[f].hundredths);
    }
}

void same(const char* what, const void* bytes, size_t size, double x, double y) {
    static char other[12000];
    static int said;
    if (!judging) {
        fwrite(bytes, size, 1, file);
        return;
    }
    if (fread(other, size, 1, file) != 1) {
        puts("the reference ends early");
        exit(2);
    }
    if (memcmp(bytes, other, size) == 0) return;
    failures++;
    if (said++ < 40) printf("%s of %a, %a is not the same\n", what, x, y);
}

int main(int argc, char** argv) {
    judging = argc == 3 && strcmp(argv[1], "judge") == 0;
    if (argc != 3 || !(file = fopen(argv[2], judging ? "r" : "w"))) return 2;
    functions();
    floats();
    exact();
    if (judging) printf("%d failures\n", failures);
    if (fclose(file) != 0) return 2;
    return failures != 0;
}
