// SPDX-License-Identifier: BSD-2-Clause
// A library with thread-local variables, compiled once for each way to reach them (tls.c). NAME
// begins the names of its functions.
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define MINE(name) JOIN(NAME, name)

// Two that the outside can see, one of them zero at first, and two that it cannot.
_Thread_local int MINE(_seen) = 1000;
_Thread_local long MINE(_zero)[40];
static _Thread_local int own = 7;
static _Thread_local struct { char text[24]; } aligned __attribute__((aligned(64))) = {"first"};

int* MINE(_place)(void) { return &MINE(_seen); }

/// Changes all of the calling thread's; the sum of what it found.
long MINE(_step)(int by) {
    long sum = MINE(_seen) + own + MINE(_zero)[39] + aligned.text[0];
    MINE(_seen) += by;
    MINE(_zero)[39] += by;
    own += by;
    aligned.text[0]++;
    return ((unsigned long)&aligned & 63) != 0 ? -1 : sum;
}
