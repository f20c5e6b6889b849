// SPDX-License-Identifier: BSD-2-Clause
// Fills a disk much larger than memory through the page cache, from end to end, and reads it again.
//   fill write FILE STEP     a block of 64 KiB at every multiple of STEP bytes, with their numbers in them
//   fill map FILE STEP       the same for a page by a shared mapping of all of it; then a sync
//   fill check FILE STEP     reads what the two have written
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { block = 1 << 16, page = 4096 };

static void check(int is_good, const char* what, uint64_t at) {
    if (is_good) return;
    printf("%s at %llu: %s\n", what, (unsigned long long)at, strerror(errno));
    exit(1);
}

/// Every word of the disk says where it lies.
static void fill(uint64_t* words, size_t bytes, uint64_t at) {
    for (size_t i = 0; i < bytes / 8; i++) words[i] = at + i * 8 + 1;
}

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const uint64_t step = strtoull(argv[3], NULL, 0);
    const int fd = open(argv[2], O_RDWR);
    check(fd >= 0, "open", 0);
    const uint64_t bytes = (uint64_t)lseek(fd, 0, SEEK_END);
    uint64_t* buffer = aligned_alloc(page, block);
    uint64_t count = 0;
    if (!strcmp(argv[1], "write")) {
        for (uint64_t at = 0; at + block <= bytes; at += step, count++) {
            fill(buffer, block, at);
            check(pwrite(fd, buffer, block, (off_t)at) == block, "pwrite", at);
        }
        check(fsync(fd) == 0, "fsync", 0);
    } else if (!strcmp(argv[1], "map")) {
        char* map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        check(map != MAP_FAILED, "mmap", bytes);
        for (uint64_t at = block; at + page <= bytes; at += step, count++) fill((uint64_t*)(map + at), page, at);
        check(msync(map, bytes, MS_SYNC) == 0, "msync", 0);
    } else {
        uint64_t* due = aligned_alloc(page, block);
        for (uint64_t at = 0; at + block <= bytes; at += step, count++) {
            fill(due, block, at);
            check(pread(fd, buffer, block, (off_t)at) == block, "pread", at);
            check(!memcmp(buffer, due, block), "content", at);
        }
        for (uint64_t at = block; at + page <= bytes; at += step, count++) {
            fill(due, page, at);
            check(pread(fd, buffer, page, (off_t)at) == page, "pread of a page", at);
            check(!memcmp(buffer, due, page), "content of a page", at);
        }
    }
    printf("%s %llu\n", argv[1], (unsigned long long)count);
    return 0;
}
