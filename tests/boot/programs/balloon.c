// SPDX-License-Identifier: BSD-2-Clause
// Says how much memory is free, line by line, until standard input tells it to use some; then uses
// that much at once.
//   balloon MEBIBYTES
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void say_free(void) {
    char line[128];
    unsigned long kib;
    FILE *file = fopen("/proc/meminfo", "r");
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "MemFree: %lu", &kib) == 1) printf("free %lu\n", kib);
    fclose(file);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (poll(&input, 1, 100) == 0) say_free();
    const size_t bytes = strtoul(argv[1], 0, 10) << 20;
    volatile char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 3;
    for (size_t i = 0; i < bytes; i += 4096) memory[i] = 1;
    puts("used");
    fflush(stdout);
    for (int n = 0; n < 20; n++) {
        poll(0, 0, 100);
        say_free();
    }
    return 0;
}
