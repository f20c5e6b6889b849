// SPDX-License-Identifier: BSD-2-Clause
// Random numbers where the machine gives a seed late or never: they come, within seconds, and differ.
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

int main(void) {
    unsigned char first[32], second[32];
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    const long got = getrandom(first, sizeof first, 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    printf("got %ld, %s\n", got, after.tv_sec - before.tv_sec < 30 ? "soon" : "late");
    printf("again %ld\n", (long)getrandom(second, sizeof second, GRND_NONBLOCK));
    printf("they %s\n", memcmp(first, second, sizeof first) ? "differ" : "are the same");
    for (unsigned i = 0; i < sizeof first; i++) printf("%02x%s", first[i], i == 31 ? "\n" : "");
    return 0;
}
