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

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

static FILE* file;
static int judging, failures;

/// The reference for what is `mine` here: itself when it is written, the other library's when
/// judged.
static long double reference(long double mine) {
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

/// The distance in units in the last place of a format of `bits` bits whose smallest is 2^least.
static double distance(long double got, long double want, int bits, int least) {
    if (want != want) return got != got ? 0 : HUGE_VAL;
    if (got == want) return __builtin_signbit(got) == __builtin_signbit(want) ? 0 : HUGE_VAL;
    if (bits == 53 && __builtin_fabsl(want) >= 0x1.fffffffffffff8p1023L)
        return __builtin_isinf(got) && (got < 0) == (want < 0) ? 0 : HUGE_VAL;
    if (got != got || __builtin_isinf(got) || __builtin_isinf(want)) return HUGE_VAL;
    const int unit = exponent(want) - (bits - 1);
    return (double)(__builtin_fabsl(got - want) / power_of_two(unit > least ? unit : least));
}

struct verdict {
    double worst, worst_long, worst_quad, at[2];
    int cases, beyond;
};

static void add(struct verdict* v, double got, long double got_long, long double want, double x,
                double y, double allowed) {
    const double far = distance(got, want, 53, -1074),
                 far_long = distance(got_long, want, 53, -1074);
    const double quad = distance(got_long, want, 113, -16494);
    v->cases++;
    v->beyond += far > allowed || far_long > allowed;
    if (far > v->worst) v->worst = far, v->at[0] = x, v->at[1] = y;
    if (far_long > v->worst_long) v->worst_long = far_long;
    if (quad > v->worst_quad) v->worst_quad = quad;
}

static void say(const char* name, const struct verdict* v, int hundredths) {
    if (!judging) return;
    printf("%-10s %d cases, worst %.2f ulp", name, v->cases, v->worst);
    if (v->worst != 0) printf(" at %a %a", v->at[0], v->at[1]);
    printf("; long double: %.2f, %s", v->worst_long,
           v->worst_quad < 64 ? "in 113 bits" : "in double");
    if (v->beyond) printf(": TOO FAR %d times, %.2f are allowed", v->beyond, hundredths / 100.0);
    putchar('\n');
    failures += v->beyond != 0;
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
                    unaries[f].hundredths / 100.0);
        }
        say(unaries[f].name, &v, unaries[f].hundredths);
    }
    for (int f = 0; f < COUNT(binaries); f++) {
        struct verdict v = {0};
        for (int n = 0; n < cases_each; n++) {
            double x, y;
            arguments(n, binaries[f].from, binaries[f].to, &x, &y);
            const long double mine = binaries[f].of_long(x, y), want = reference(mine);
            if (judging)
                add(&v, binaries[f].of_double(x, y), mine, want, x, y,
                    binaries[f].hundredths / 100.0);
        }
        say(binaries[f].name, &v, binaries[f].hundredths);
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
    exact();
    if (judging) printf("%d failures\n", failures);
    if (fclose(file) != 0) return 2;
    return failures != 0;
}
