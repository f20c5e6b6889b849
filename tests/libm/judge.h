// SPDX-License-Identifier: BSD-2-Clause
// How far results are from the true ones, and what is said about it.
#pragma once

/// Whether this run judges; otherwise it writes the reference.
extern int judging;

/// The reference for what is `mine` here: itself when it is written, the other library's when
/// judged.
long double reference(long double mine);

/// A format of `bits` bits, the smallest number of which is 2^`least`. What reaches `overflow`
/// rounds to infinity.
struct format {
    int bits, least;
    long double overflow;
};

/// The distance in units in the last place of that format; infinite for another kind of result.
double distance(long double got, long double want, const struct format* format);

struct verdict {
    double worst, worst_long, worst_quad, at[2];
    int cases, beyond;
};

/// Counts one result. `allowed` is in units in the last place.
void add_result(struct verdict* v, double far, double x, double y, double allowed);

/// Says how the function came off, but for the end of the line; `more` says what else is known.
void say(const char* name, const struct verdict* v, int hundredths, const char* more);
