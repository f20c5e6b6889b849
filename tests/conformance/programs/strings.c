// SPDX-License-Identifier: BSD-2-Clause
// String functions: on every alignment, against a page that is not there, with 8-bit characters.
#define _GNU_SOURCE
#include "trace.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

static int sign(int value) { return (value > 0) - (value < 0); }
static unsigned long hash;
static void mix(unsigned long value) { hash = (hash ^ value) * 1099511628211u; }
/// Ends the lines of one group of calls: all results, folded.
static void say(const char* name) {
    printf("%s: %016lx\n", name, hash);
    hash = 14695981039346656037u;
}

/// Strings that end at the last byte before a page that cannot be read.
static void at_the_edge(char* edge) {
    for (size_t length = 0; length < 200; length++) {
        char* s = edge - length - 1;
        for (size_t n = 0; n < length; n++) s[n] = (char)(0x81 + n % 100);
        s[length] = 0;
        mix(strlen(s));
        mix(strnlen(s, length / 2 + 1));
        mix((size_t)(strchr(s, 0) - s));
        const char* middle = length ? strchr(s, s[length / 2]) : 0;
        mix(middle ? (size_t)(middle - s) : 99);
        middle = strrchr(s, 0x81);
        mix(middle ? (size_t)(middle - s) : 99);
        mix((size_t)(strchrnul(s, 'x') - s));
        mix(memchr(s, 'x', length + 1) != 0);
        mix((size_t)((char*)memrchr(s, 0, length + 1) - s));
        char copy[256];
        mix((size_t)(stpcpy(copy, s) - copy));
        mix((unsigned)sign(strcmp(copy, s)));
        mix((unsigned)sign(memcmp(copy, s, length + 1)));
        if (length) {
            copy[length - 1] ^= 0x40;
            mix((unsigned)sign(strcmp(copy, s)));
            mix((unsigned)sign(strcmp(s, copy)));
            mix((unsigned)sign(strncmp(copy, s, length - 1)));
            mix((unsigned)sign(memcmp(s, copy, length)));
        }
        mix(strspn(s, "\x81\x82\x83"));
        mix(strcspn(s, "\x90"));
    }
    say("at the edge");
}

static void copies(char* area) {
    for (size_t from = 0; from < 17; from++)
        for (size_t to = 0; to < 17; to++)
            for (size_t length = 0; length < 150; length += 1 + length / 16) {
                for (int n = 0; n < 400; n++) area[n] = (char)n;
                memcpy(area + 200 + to, area + from, length);
                memmove(area + to, area + from, length);
                memset(area + 100 + from, (int)to, length / 2);
                for (int n = 0; n < 400; n++) mix((unsigned char)area[n]);
            }
    say("copies");
}

static int compare(const void* a, const void* b) {
    const unsigned x = *(const unsigned*)a, y = *(const unsigned*)b;
    return (x > y) - (x < y);
}

static void words(void) {
    static const char* const samples[] = {
        "",           "a",      "abc",
        "ABC",        "abd",    "abcd",
        "\xff",       "zzz",    "needle in a haystack with a needle",
        "aaaaaaaaab", "file10", "file9",
        "file09"};
    enum { count = sizeof samples / sizeof *samples };
    for (int a = 0; a < count; a++) {
        for (int b = 0; b < count; b++) {
            const char *x = samples[a], *y = samples[b];
            const char* found = strstr(x, y);
            const char* any = strpbrk(x, y);
            printf("%d%d%d%d:%d,%d ", sign(strcmp(x, y)), sign(strcasecmp(x, y)),
                   sign(strncmp(x, y, 3)), sign(strverscmp(x, y)), found ? (int)(found - x) : -1,
                   any ? (int)(any - x) : -1);
        }
        putchar('\n');
    }
    char text[] = "one,,two;three", *save = text;
    for (char* word; (word = strsep(&save, ",;"));) printf("<%s>", word);
    char again[] = "one,,two;three";
    for (char* word = strtok_r(again, ",;", &save); word; word = strtok_r(NULL, ",;", &save))
        printf("(%s)", word);
    char buffer[8];
    memset(buffer, '#', sizeof buffer);
    strncpy(buffer, "ab", 5);
    for (int n = 0; n < 8; n++) printf(" %d", buffer[n]);
    strcpy(buffer, "ab");
    strncat(buffer, "cdef", 3);
    printf(" %s %s\n", buffer, strdup("copied"));
    printf("%d %d\n", memmem("abcabd", 6, "abd", 3) != 0, memmem("abc", 3, "abd", 3) != 0);
    puts(strsignal(2));
    for (int c = -1; c < 256; c++)
        mix((unsigned)(!!isalpha(c) + !!isdigit(c) * 2 + !!isspace(c) * 4 + !!ispunct(c) * 8 +
                       !!isprint(c) * 16 + !!iscntrl(c) * 32 + !!isxdigit(c) * 64) *
                256 +
            (unsigned char)toupper(c));
    say("classes");
    unsigned numbers[1000];
    for (unsigned n = 0; n < 1000; n++) numbers[n] = n * 2654435761u % 997;
    qsort(numbers, 1000, sizeof *numbers, compare);
    for (int n = 0; n < 1000; n++) mix(numbers[n]);
    const unsigned key = 500;
    mix(bsearch(&key, numbers, 1000, sizeof *numbers, compare) != NULL);
    say("sorted");
}

int main(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char* area = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CALL(mprotect(area + page, page, PROT_NONE));
    say("nothing");
    at_the_edge(area + page);
    copies(area);
    words();
    return 0;
}
