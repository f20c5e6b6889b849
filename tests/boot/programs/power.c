// SPDX-License-Identifier: BSD-2-Clause
// Writes numbered blocks to a disk, for ever, and says which of them fsync has promised.
//   power FILE default|handle|ignore    what to do about SIGTERM
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { block = 4096, blocks = 512 };

static volatile sig_atomic_t asked;
static void on_term(int signal) {
    (void)signal;
    asked = 1;
}

static int put(int fd, unsigned number, unsigned at) {
    static unsigned words[block / sizeof(unsigned)];
    for (unsigned i = 0; i < block / sizeof words[0]; i++) words[i] = number;
    return pwrite(fd, words, block, (off_t)at * block) == block;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    if (!strcmp(argv[2], "handle")) signal(SIGTERM, on_term);
    if (!strcmp(argv[2], "ignore")) signal(SIGTERM, SIG_IGN);
    const int fd = open(argv[1], O_RDWR);
    if (fd < 0) return 3;
    for (unsigned n = 1; !asked; n++) {
        if (!put(fd, n, n % blocks)) return 4;
        if (n % 8 != 0) continue;
        if (fsync(fd) != 0) return 5;
        printf("synced %u\n", n);
        fflush(stdout);
    }
    // Not synced: written when the machine ends.
    return put(fd, 0xe0d, blocks) ? 7 : 6;
}
