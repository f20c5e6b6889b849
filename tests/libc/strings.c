// SPDX-License-Identifier: BSD-2-Clause
// The C library's string functions against plain loops, on random strings that lie at the end, at
// the beginning and in the middle of two pages between pages that may not be touched. Compiled with
// -fno-builtin, or the compiler would answer itself.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { page = 4096, room = 2 * page, rounds = 12000 };
static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition) && ++failures < 20)                                                       \
            printf("round %d, line %d: " #condition "\n", round_number, __LINE__);                 \
    } while (0)

static size_t length_of(const char* s) {
    size_t n = 0;
    while (s[n]) n++;
    return n;
}
static int sign(int value) { return (value > 0) - (value < 0); }
static int compare(const char* a, const char* b, size_t n, int stops_at_nul) {
    for (size_t i = 0; i < n; i++) {
        const unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];
        if (x != y) return x < y ? -1 : 1;
        if (stops_at_nul && x == 0) break;
    }
    return 0;
}
static const char* first(const char* s, int c, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] == (char)c) return s + i;
    return 0;
}
static const char* last(const char* s, int c, size_t n) {
    const char* found = 0;
    for (size_t i = 0; i < n; i++)
        if (s[i] == (char)c) found = s + i;
    return found;
}

/// `room` bytes; touching what lies before or behind them is fatal.
static char* guarded(void) {
    char* all = mmap(0, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + page, room, PROT_READ | PROT_WRITE)) exit(2);
    return all + page;
}
static size_t below(size_t n) { return n ? (size_t)rand() % n : 0; }
static char* somewhere(char* area, size_t bytes) {
    size_t at = 0;
    switch (rand() % 4) {
    case 0: at = room - bytes; break;
    case 1: at = below(64); break;
    case 2: at = page - below(80); break;
    default: at = below(room - bytes);
    }
    return area + (at + bytes <= room ? at : room - bytes);
}

static void compare_functions(int round_number, char* p, char* q, size_t length) {
    const int c = rand() % 4 == 0 ? 0 : p[below(length + 1)] + 256 * (rand() % 2);
    size_t n = below(length + 2);
    EXPECT(strlen(p) == length_of(p));
    EXPECT(strlen(q) == length_of(q));
    EXPECT(strchrnul(p, c) == (first(p, c, length) ? first(p, c, length) : p + length));
    EXPECT(strchr(p, c) == first(p, c, length + 1));
    EXPECT(strrchr(p, c) == last(p, c, length + 1));
    EXPECT(strrchr(q, c) == last(q, c, length_of(q) + 1));
    EXPECT(memchr(p, c, n) == first(p, c, n));
    EXPECT(sign(memcmp(p, q, n)) == compare(p, q, n, 0));
    EXPECT(sign(strcmp(p, q)) == compare(p, q, length + 1, 1));
    EXPECT(sign(strncmp(p, q, n)) == compare(p, q, n, 1));
    // Limits beyond the end, and beyond the end of all memory.
    const size_t more = rand() % 2 ? length + 1 + below(50) : (size_t)-1 - below(100);
    EXPECT(sign(strncmp(p, q, more)) == compare(p, q, length + 1, 1));
    EXPECT(strnlen(p, more) == length);
    if (first(p, c, length + 1)) EXPECT(memchr(p, c, more) == first(p, c, length + 1));
}

static void moving_functions(int round_number, char* p, char* area, size_t length) {
    static char want[room];
    memset(area, '#', room);
    char* to = somewhere(area, length + 1);
    EXPECT(stpcpy(to, p) == to + length && compare(to, p, length + 1, 0) == 0);
    EXPECT(to == area || to[-1] == '#');
    EXPECT(to + length + 1 == area + room || to[length + 1] == '#');
    memset(to, '#', length + 1);
    EXPECT(strcpy(to, p) == to && compare(to, p, length + 1, 0) == 0);

    for (size_t i = 0; i < room; i++) want[i] = area[i] = (char)rand();
    const size_t n = below(900), from = below(2000),
                 at = rand() % 2 ? below(2000) : from + below(400);
    for (size_t i = 0; i < n; i++) want[at + i] = area[from + i];
    EXPECT(memmove(area + at, area + from, n) == area + at);
    EXPECT(compare(area, want, room, 0) == 0);
    const int c = rand();
    for (size_t i = 0; i < n; i++) want[at + i] = (char)c;
    EXPECT(memset(area + at, c, n) == area + at);
    EXPECT(compare(area, want, room, 0) == 0);
    for (size_t i = 0; i < n; i++) want[4000 + i] = area[from + i];
    EXPECT(memcpy(area + 4000, area + from, n) == area + 4000);
    EXPECT(compare(area, want, room, 0) == 0);
}

int main(void) {
    char *a = guarded(), *b = guarded(), *area = guarded();
    srand(1);
    for (int i = 0; i < rounds; i++) {
        const size_t length = below(i % 3 ? 70 : 700);
        char *p = somewhere(a, length + 1), *q = somewhere(b, length + 1);
        const int letters = rand() % 3 ? 250 : 2;
        for (size_t k = 0; k < length; k++) p[k] = q[k] = (char)(1 + rand() % letters);
        p[length] = q[length] = 0;
        if (length && rand() % 2) q[below(length)] = (char)rand();
        compare_functions(i, p, q, length);
        if (i % 4 == 0) moving_functions(i, p, area, length);
    }
    printf("%d rounds, %d failures\n", rounds, failures);
    return failures != 0;
}
