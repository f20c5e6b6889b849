// SPDX-License-Identifier: BSD-2-Clause
// The libraries of dlopen.c: libfirst.so, libsecond.so and libthird.so, by -DFIRST, -DSECOND,
// -DTHIRD. -DHAVE_IFUNC where the linker of the C library knows IFUNC.
#include <stdio.h>

#ifdef FIRST
int first_value = 42;
int* first_place(void) { return &first_value; }
const char* who(void) { return "libfirst"; }
const char* first_asks(void) { return who(); }
static int plus(int x) { return x + 1; }
#ifdef HAVE_IFUNC
static int (*resolve(void))(int) { return plus; }
int first_chosen(int) __attribute__((ifunc("resolve")));
#else
int first_chosen(int x) { return plus(x); }
#endif
__attribute__((constructor)) static void begin(void) { puts("libfirst begins"); }
__attribute__((destructor)) static void end(void) { puts("libfirst ends"); }
#endif

#ifdef SECOND
extern int third_value;
int third_call(int x);
const char* who(void);
static const char hidden[] = "hidden";
extern const char third_text[];
const char* const second_table[] = {hidden, third_text};
int second_call(int x) { return third_call(x) + third_value + who()[0]; }
__attribute__((constructor(101))) static void early(void) { puts("libsecond begins early"); }
__attribute__((constructor)) static void begin(void) {
    printf("libsecond begins, third is %d\n", third_value);
}
__attribute__((destructor)) static void end(void) { puts("libsecond ends"); }
#endif

#ifdef THIRD
int third_value;
const char third_text[] = "third";
int third_call(int x) { return x * 100; }
static char large[300000];
__attribute__((constructor)) static void begin(void) {
    third_value = 7 + large[299999];
    puts("libthird begins");
}
__attribute__((destructor)) static void end(void) { puts("libthird ends"); }
#endif
