// SPDX-License-Identifier: BSD-2-Clause
// A disk, as programs use it. The host has filled it, and looks at it afterwards.
//   disk read FILE [BYTES]   its size, and a sum of all its bytes, read in three ways
//   disk write FILE          writes a pattern in several ways, and reads it again
//   disk fail FILE           reads and writes, saying only whether they work
//   disk fsync FILE          writes a block and syncs, six times, saying what came of each
//   disk count FILE          reads and writes, and says what /proc/diskstats makes of it
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { piece = 1 << 16, threads = 4, slots = 64, slot_bytes = 4096 };

static void check(int is_good, const char *what) {
    if (is_good) return;
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t sum_of(const unsigned char *bytes, size_t count, uint64_t sum) {
    for (size_t i = 0; i < count; i++) sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

static uint64_t sum_by_reading(const char *path, int flags, size_t step) {
    const int fd = open(path, O_RDONLY | flags);
    check(fd >= 0, "open");
    unsigned char *buffer = aligned_alloc(4096, piece);
    uint64_t sum = 14695981039346656037u;
    for (;;) {
        const ssize_t got = read(fd, buffer, step);
        check(got >= 0, "read");
        if (got == 0) break;
        sum = sum_of(buffer, (size_t)got, sum);
    }
    close(fd);
    free(buffer);
    return sum;
}

static int read_all(const char *path) {
    const int fd = open(path, O_RDONLY);
    check(fd >= 0, "open");
    uint64_t bytes = 0;
    int read_only = -1, block = 0;
    struct stat st;
    check(ioctl(fd, BLKGETSIZE64, &bytes) == 0, "BLKGETSIZE64");
    check(ioctl(fd, BLKROGET, &read_only) == 0, "BLKROGET");
    check(ioctl(fd, BLKSSZGET, &block) == 0, "BLKSSZGET");
    check(fstat(fd, &st) == 0 && S_ISBLK(st.st_mode), "is it a block device");
    check(lseek(fd, 0, SEEK_END) == (off_t)bytes, "seek to the end");
    printf("bytes %llu read-only %d block %d\n", (unsigned long long)bytes, read_only, block);
    printf("direct %016llx\n", (unsigned long long)sum_by_reading(path, O_DIRECT, piece));
    printf("cached %016llx\n", (unsigned long long)sum_by_reading(path, 0, piece));
    printf("small  %016llx\n", (unsigned long long)sum_by_reading(path, 0, 1000));
    const unsigned char *map = mmap(0, bytes, PROT_READ, MAP_SHARED, fd, 0);
    check(map != MAP_FAILED, "mmap");
    printf("mapped %016llx\n", (unsigned long long)sum_of(map, bytes, 14695981039346656037u));
    return 0;
}

static const char *disk;

/// Slot n of thread t, written in the thread's own way.
static void *write_slots(void *argument) {
    const long t = (long)argument;
    const int fd = open(disk, O_RDWR | (t % 2 ? O_DIRECT : 0));
    check(fd >= 0, "open for writing");
    unsigned char *buffer = aligned_alloc(4096, slot_bytes);
    for (long n = 0; n < slots; n++) {
        const off_t at = (t * slots + n) * slot_bytes;
        memset(buffer, (int)(1 + (t * slots + n) % 251), slot_bytes);
        check(pwrite(fd, buffer, slot_bytes, at) == slot_bytes, "pwrite");
        if (n % 16 == 0) check(fsync(fd) == 0, "fsync");
        memset(buffer, 0, slot_bytes);
        check(pread(fd, buffer, slot_bytes, at) == slot_bytes, "pread");
        check(buffer[7] == 1 + (t * slots + n) % 251, "what was written is read");
    }
    check(fsync(fd) == 0, "last fsync");
    close(fd);
    free(buffer);
    return 0;
}

static int write_all(void) {
    pthread_t thread[threads];
    for (long t = 0; t < threads; t++) pthread_create(&thread[t], 0, write_slots, (void *)t);
    for (long t = 0; t < threads; t++) pthread_join(thread[t], 0);
    const int fd = open(disk, O_RDWR);
    const off_t behind = (off_t)threads * slots * slot_bytes;
    // Parts of blocks, across pages; what lies beside them stays.
    check(pwrite(fd, "across", 6, behind + 4093) == 6, "pwrite across");
    check(fdatasync(fd) == 0, "fdatasync");
    char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, behind + 8192);
    check(map != MAP_FAILED, "mmap for writing");
    memcpy(map + 100, "mapped", 6);
    check(msync(map, 4096, MS_SYNC) == 0, "msync");
    uint64_t bytes;
    check(ioctl(fd, BLKGETSIZE64, &bytes) == 0, "size");
    check(pwrite(fd, "end", 3, (off_t)bytes) == -1 && errno == ENOSPC, "nothing behind the end");
    check(pwrite(fd, "last", 4, (off_t)bytes - 4) == 4, "the last bytes");
    const uint64_t range[2] = {(uint64_t)behind + 65536, 65536};
    const int discarded = ioctl(fd, BLKDISCARD, range);
    check(discarded == 0 || errno == EOPNOTSUPP, "BLKDISCARD");
    check(ioctl(fd, BLKZEROOUT, range) == 0, "BLKZEROOUT");
    char one = 1;
    check(pread(fd, &one, 1, behind + 70000) == 1 && one == 0, "zeroes");
    const int direct = open(disk, O_RDWR | O_DIRECT);
    check(pread(direct, &one, 1, 0) == -1 && errno == EINVAL, "O_DIRECT wants whole blocks");
    puts("written"); // what is not synced is when the machine ends
    return 0;
}

static int fail_all(void) {
    char *buffer = aligned_alloc(4096, 4096);
    const int fd = open(disk, O_RDWR);
    printf("read %s\n", pread(fd, buffer, 4096, 0) < 0 ? strerror(errno) : "works");
    memset(buffer, 'x', 4096);
    printf("read elsewhere %s\n", pread(fd, buffer, 4096, 1 << 19) < 0 ? strerror(errno) : "works");
    const int wrote = pwrite(fd, buffer, 4096, 1 << 19) == 4096;
    printf("fsync %s\n", !wrote || fsync(fd) < 0 ? strerror(errno) : "works");
    return 0;
}

static int sync_often(void) {
    char *buffer = aligned_alloc(4096, 4096);
    memset(buffer, 'x', 4096);
    const int fd = open(disk, O_RDWR);
    for (int n = 1; n <= 6; n++) {
        check(pwrite(fd, buffer, 4096, n * 4096L) == 4096, "pwrite");
        printf("%d %s\n", n, fsync(fd) < 0 ? strerror(errno) : "works");
    }
    char line[256];
    FILE *errors = fopen("/sys/kernel/drupe/disk_errors", "r");
    check(errors && fgets(line, sizeof line, errors), "disk_errors");
    fputs(line, stdout);
    return 0;
}

struct counts {
    unsigned long reads, read_sectors, writes, written_sectors, flushes;
};

static struct counts count(void) {
    struct counts c;
    char name[32];
    FILE *file = fopen("/proc/diskstats", "r");
    check(file != 0, "diskstats");
    const int fields = fscanf(file, "%*d %*d %31s %lu %*u %lu %*u %lu %*u %lu %*u %*u %*u %*u %*u %*u %*u %*u %lu", name, &c.reads,
                              &c.read_sectors, &c.writes, &c.written_sectors, &c.flushes);
    fclose(file);
    check(fields == 6 && !strcmp(name, strrchr(disk, '/') + 1), "the disk's line");
    return c;
}

static int count_all(void) {
    char *buffer = aligned_alloc(4096, piece);
    const int fd = open(disk, O_RDWR | O_DIRECT);
    const struct counts before = count();
    check(pread(fd, buffer, piece, 0) == piece, "pread");
    for (int n = 0; n < 3; n++) check(pwrite(fd, buffer, 4096, n * 4096) == 4096, "pwrite");
    check(fsync(fd) == 0, "fsync");
    const struct counts after = count();
    printf("reads %d sectors %lu writes %lu sectors %lu flushes %lu\n", after.reads > before.reads,
           after.read_sectors - before.read_sectors, after.writes - before.writes,
           after.written_sectors - before.written_sectors, after.flushes - before.flushes);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    disk = argv[2];
    if (!strcmp(argv[1], "read")) return read_all(disk);
    if (!strcmp(argv[1], "write")) return write_all();
    if (!strcmp(argv[1], "fsync")) return sync_often();
    if (!strcmp(argv[1], "count")) return count_all();
    return fail_all();
}
