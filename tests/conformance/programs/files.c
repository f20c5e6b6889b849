// SPDX-License-Identifier: BSD-2-Clause
// Files: opening, offsets, holes, truncation, links, modes, times, locks, vectors, descriptors.
#define _GNU_SOURCE
#include "trace.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void show_stat(const char* name) {
    struct stat s;
    if (lstat(name, &s) != 0)
        printf("%s: errno %d\n", name, errno);
    else
        printf("%s: mode %o links %lu size %ld uid %u gid %u\n", name, s.st_mode,
               (unsigned long)s.st_nlink, S_ISDIR(s.st_mode) ? -1L : (long)s.st_size, s.st_uid,
               s.st_gid);
}

static void opening(void) {
    CALL(open("none", O_RDONLY));
    CALL(open("none/below", O_RDWR | O_CREAT, 0644));
    CALL(open("", O_RDONLY));
    umask(022);
    const int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0666);
    TRUTH(fd >= 3);
    CALL(open("a", O_RDWR | O_CREAT | O_EXCL, 0666));
    CALL(open("a", O_RDONLY | O_DIRECTORY));
    CALL(open("a/", O_RDONLY));
    CALL(open("a/b", O_RDONLY));
    CALL(open(".", O_WRONLY));
    CALL(open(".", O_RDWR | O_CREAT, 0644));
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    CALL(open(name, O_RDONLY));
    CALL(fcntl(fd, F_GETFL) & O_ACCMODE);
    CALL(fcntl(fd, F_GETFD));
    CALL(fcntl(fd, F_SETFD, FD_CLOEXEC));
    CALL(fcntl(fd, F_GETFD));
    CALL(fcntl(fd, F_DUPFD, 100));
    CALL(fcntl(100, F_GETFD));
    CALL(fcntl(fd, F_DUPFD_CLOEXEC, 100));
    CALL(fcntl(101, F_GETFD));
    CALL(dup2(fd, 50));
    CALL(dup2(fd, fd) == fd);
    CALL(dup2(99, 98));
    CALL(dup3(fd, fd, 0));
    CALL(write(50, "shared", 6));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(close(50));
    CALL(close(50));
    show_stat("a");
    const int readonly = open("a", O_RDONLY), writeonly = open("a", O_WRONLY);
    CALL(write(readonly, "x", 1));
    char byte;
    CALL(read(writeonly, &byte, 1));
    CALL(read(readonly, (void*)8, 1));
    CALL(read(-1, &byte, 1));
    const int append = open("a", O_WRONLY | O_APPEND);
    CALL(lseek(append, 0, SEEK_SET));
    CALL(write(append, "+end", 4));
    CALL(lseek(append, 0, SEEK_CUR));
    CALL(pwrite(append, "!", 1, 0)); // Linux appends all the same
    show_stat("a");
    close(open("a", O_WRONLY | O_TRUNC));
    show_stat("a");
}

static void offsets(void) {
    const int fd = open("b", O_RDWR | O_CREAT, 0600);
    CALL(pwrite(fd, "far", 3, 100000));
    CALL(lseek(fd, 0, SEEK_END));
    CALL(lseek(fd, -4, SEEK_SET));
    CALL(lseek(fd, 0, 77));
    CALL(lseek(fd, 200000, SEEK_SET));
    char buffer[64];
    CALL(read(fd, buffer, sizeof buffer));
    memset(buffer, 'x', sizeof buffer);
    CALL(pread(fd, buffer, sizeof buffer, 99980));
    TRUTH(buffer[0] == 0 && buffer[19] == 0 && memcmp(buffer + 20, "far", 3) == 0 &&
          buffer[23] == 'x');
    CALL(pread(fd, buffer, 1, -1));
    CALL(ftruncate(fd, 100001));
    CALL(pread(fd, buffer, 10, 99999));
    CALL(ftruncate(fd, 100010));
    CALL(pread(fd, buffer, sizeof buffer, 100000));
    TRUTH(buffer[0] == 'f' && buffer[1] == 0);
    CALL(ftruncate(fd, -1));
    CALL(truncate("none", 0));
    CALL(truncate(".", 0));
    CALL(posix_fallocate(fd, 0, 200000));
    show_stat("b");
    CALL(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    CALL(fsync(fd));
    CALL(fdatasync(fd));

    struct iovec parts[3] = {{"one", 3}, {"", 0}, {"three", 5}};
    CALL(lseek(fd, 0, SEEK_SET));
    CALL(writev(fd, parts, 3));
    CALL(writev(fd, parts, -1));
    char first[4], second[4];
    struct iovec into[2] = {{first, 4}, {second, 4}};
    CALL(preadv(fd, into, 2, 0));
    printf("%.4s|%.4s\n", first, second);
    CALL(copy_file_range(fd, &(off_t){0}, fd, &(off_t){500}, 8, 0));
    CALL(pread(fd, buffer, 8, 500));
    printf("%.8s\n", buffer);
}

static void names(void) {
    CALL(link("a", "hard"));
    show_stat("a");
    CALL(link("a", "hard"));
    CALL(symlink("a", "soft"));
    CALL(symlink("nowhere", "dangling"));
    CALL(symlink("loop", "loop"));
    show_stat("soft");
    char target[16];
    CALL(readlink("soft", target, sizeof target));
    CALL(readlink("dangling", target, 3));
    CALL(readlink("a", target, sizeof target));
    CALL(open("loop", O_RDONLY));
    CALL(open("dangling", O_RDONLY));
    CALL(open("soft", O_RDONLY | O_NOFOLLOW));
    CALL(access("soft", R_OK));
    CALL(access("dangling", F_OK));
    CALL(close(open("dangling", O_WRONLY | O_CREAT, 0640)));
    show_stat("nowhere");
    CALL(rename("nowhere", "a2"));
    CALL(rename("none", "a3"));
    CALL(rename("a", "hard")); // two names of one file: nothing happens
    show_stat("a");
    CALL(rename("a2", "soft"));
    show_stat("soft");
    CALL(unlink("none"));
    CALL(unlink("."));
    const int gone = open("a", O_RDWR);
    CALL(write(gone, "still", 5));
    CALL(unlink("a"));
    CALL(unlink("hard"));
    struct stat s;
    CALL(fstat(gone, &s));
    printf("links %lu, size %ld\n", (unsigned long)s.st_nlink, (long)s.st_size);
    CALL(pread(gone, target, 5, 0));
    char temporary[] = "tempXXXXXX";
    TRUTH(mkstemp(temporary) >= 0);
    CALL(unlink(temporary));
}

static void attributes(void) {
    const int fd = open("c", O_RDWR | O_CREAT, 0644);
    CALL(fchmod(fd, 04711));
    show_stat("c");
    CALL(chmod("none", 0));
    CALL(chown("c", 0, 0));
    show_stat("c"); // the set-user-id bit is gone
    struct timespec times[2] = {{1000000000, 123456789}, {1100000000, 0}};
    CALL(utimensat(AT_FDCWD, "c", times, 0));
    struct stat s;
    CALL(stat("c", &s));
    printf("%ld.%09ld %ld.%09ld\n", (long)s.st_atim.tv_sec, s.st_atim.tv_nsec,
           (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    times[0].tv_nsec = UTIME_OMIT, times[1].tv_nsec = 1000000000;
    CALL(futimens(fd, times));
    const struct timespec before = s.st_mtim;
    CALL(write(fd, "x", 1));
    CALL(fstat(fd, &s));
    TRUTH(s.st_mtim.tv_sec > before.tv_sec && s.st_ctim.tv_sec >= s.st_mtim.tv_sec);

    const int other = open("c", O_RDWR);
    CALL(flock(fd, LOCK_EX));
    CALL(flock(other, LOCK_SH | LOCK_NB));
    CALL(flock(fd, LOCK_UN));
    CALL(flock(other, LOCK_SH | LOCK_NB));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    CALL(fcntl(fd, F_OFD_SETLK, &lock));
    struct flock probe = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 100};
    CALL(fcntl(other, F_OFD_GETLK, &probe));
    printf("type %d start %ld length %ld\n", probe.l_type, (long)probe.l_start, (long)probe.l_len);
    CALL(fcntl(other, F_OFD_SETLK, &probe));
}

int main(void) {
    opening();
    offsets();
    names();
    attributes();
    return 0;
}
