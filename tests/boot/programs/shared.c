// SPDX-License-Identifier: BSD-2-Clause
// What is peculiar to a folder that somebody else has a hand in.
//   shared mount TYPE TAG FOLDER OPTIONS PROGRAM...  mounts, and runs PROGRAM there
//   shared live FOLDER    talks with the host: reads lines, answers with what it sees
//   shared keep FOLDER    what a program may do, printed for comparison
//   shared xattr FOLDER   the same about extended attributes
//   shared many FOLDER    several threads at once
//   shared signals FOLDER reads while signals come, from a server that takes its time
//   shared refused FOLDER what may only be read
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CALL(expression) (errno = 0, show(#expression, (long)(expression)))

static long show(const char* text, long value) {
    if (value == -1 && errno != 0)
        printf("%s = -1 (%s)\n", text, strerror(errno));
    else
        printf("%s = %ld\n", text, value);
    return value;
}

static int mount_and_run(char** words) {
    const char *type = words[0], *tag = words[1], *folder = words[2], *options = words[3];
    mkdir(folder, 0755);
    if (mount(tag, folder, type, 0, options) != 0) {
        printf("mount: %s\n", strerror(errno));
        return 1;
    }
    if (chdir(folder) != 0) return 1;
    execv(words[4], words + 4);
    perror(words[4]);
    return 1;
}

static void print_file(const char* name) {
    char text[200];
    const int fd = open(name, O_RDONLY);
    const ssize_t count = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (count < 0)
        printf("%s: %s\n", name, strerror(errno));
    else
        printf("%s: %.*s\n", name, (int)count, text);
    if (fd >= 0) close(fd);
}

// One line each way: the host changes something, says so, and is told what is to be seen.
static int live(void) {
    char line[100];
    int open_before = -1;
    char* mapped = NULL;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, "read") == 0) print_file("from-host");
        if (strcmp(line, "stat") == 0) {
            struct stat s;
            if (stat("from-host", &s) == 0)
                printf("size %ld mode %o\n", (long)s.st_size, s.st_mode & 07777);
            else
                printf("stat: %s\n", strerror(errno));
        }
        if (strcmp(line, "open") == 0) {
            open_before = open("from-host", O_RDONLY);
            puts(open_before >= 0 ? "opened" : "not opened");
        }
        if (strcmp(line, "again") == 0) {
            char text[100];
            const ssize_t count = pread(open_before, text, sizeof text, 0);
            printf("%.*s\n", (int)count, text);
        }
        if (strcmp(line, "map") == 0) {
            if (mapped) munmap(mapped, 4096);
            mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, open_before, 0);
            printf("%.8s\n", mapped);
        }
        if (strcmp(line, "write") == 0) {
            const int fd = open("from-guest", O_CREAT | O_WRONLY | O_TRUNC, 0640);
            printf("%ld\n", (long)write(fd, "guest's", 7));
            // Still open: what is written is there at once.
        }
        if (strcmp(line, "scribble") == 0) {
            const int fd = open("from-guest", O_RDWR);
            char* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            memcpy(at, "mapped!", 7);
            printf("%d\n", msync(at, 4096, MS_SYNC));
            close(fd);
        }
        if (strcmp(line, "list") == 0) {
            struct dirent** names;
            const int count = scandir(".", &names, NULL, alphasort);
            for (int i = 0; i < count; i++)
                if (names[i]->d_name[0] != '.') printf("%s ", names[i]->d_name);
            puts("");
        }
        fflush(stdout);
    }
    return 0;
}

static void data(void) {
    static char block[300000], back[300000];
    for (size_t i = 0; i < sizeof block; i++) block[i] = (char)(i * 7 + i / 4096);
    const int fd = open("large", O_CREAT | O_RDWR | O_TRUNC, 0644);
    CALL(write(fd, block, sizeof block));
    CALL(pread(fd, back, sizeof back, 0));
    printf("same %d\n", memcmp(block, back, sizeof block) == 0);
    CALL(pread(fd, back, 100, 299990));
    CALL(pread(fd, back, 100, 300000));
    CALL(pwrite(fd, "hole", 4, 1000000));
    CALL(pread(fd, back, 8, 999996));
    printf("zeros %d\n", memcmp(back, "\0\0\0\0hole", 8) == 0);
    CALL(lseek(fd, 0, SEEK_END));
    CALL(ftruncate(fd, 300000));
    CALL(fsync(fd));
    CALL(fdatasync(fd));
    char* at = mmap(NULL, 300000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    printf("mapped %d\n", at != MAP_FAILED && memcmp(at, block, 300000) == 0);
    memset(at + 70000, 'm', 10);
    CALL(pread(fd, back, 10, 70000));
    printf("%.10s\n", back);
    CALL(pwrite(fd, "written", 7, 70001));
    printf("%.10s\n", at + 70000);
    CALL(munmap(at, 300000));
    const int direct = open("large", O_RDONLY | O_DIRECT);
    void* room = NULL;
    CALL(posix_memalign(&room, 4096, 8192));
    CALL(pread(direct, room, 8192, 69632));
    printf("%.10s\n", (char*)room + 368);
    CALL(close(direct));
    CALL(close(fd));
    const int append = open("large", O_WRONLY | O_APPEND);
    CALL(write(append, "end", 3));
    CALL(lseek(append, 0, SEEK_CUR));
    CALL(close(append));
}

static void names(void) {
    char text[100];
    CALL(mkdir("folder", 0750));
    CALL(mkdir("folder", 0750));
    CALL(symlink("../large", "folder/link"));
    CALL(readlink("folder/link", text, sizeof text));
    CALL(link("large", "folder/second"));
    struct stat a, b;
    CALL(stat("large", &a));
    CALL(stat("folder/second", &b));
    printf("one file %d, links %ld\n", a.st_ino == b.st_ino, (long)a.st_nlink);
    CALL(rename("folder/second", "folder/renamed"));
    CALL(rename("folder", "moved"));
    CALL(access("folder", F_OK));
    CALL(rmdir("moved"));
    CALL(unlink("moved"));
    CALL(unlink("moved/link"));
    CALL(unlink("moved/renamed"));
    CALL(rmdir("moved"));
    CALL(open("large", O_CREAT | O_EXCL | O_RDWR, 0600));
    CALL(chmod("large", 0604));
    CALL(stat("large", &a));
    printf("mode %o\n", a.st_mode);
    const struct timespec times[2] = {{1000, 5}, {2000, 6}};
    CALL(utimensat(AT_FDCWD, "large", times, 0));
    CALL(stat("large", &a));
    printf("%ld.%09ld\n", (long)a.st_mtim.tv_sec, a.st_mtim.tv_nsec);
    CALL(mkdir("many", 0755));
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "many/a-name-of-some-length-%d", i);
        close(open(text, O_CREAT | O_WRONLY, 0644));
    }
    DIR* many = opendir("many");
    int count = 0;
    while (readdir(many)) count++;
    printf("entries %d\n", count);
    rewinddir(many);
    for (struct dirent* e; (e = readdir(many));)
        if (e->d_name[0] == 'a') unlinkat(dirfd(many), e->d_name, 0);
    closedir(many);
    CALL(rmdir("many"));
    struct statvfs space;
    CALL(statvfs(".", &space));
    printf("space %d\n", space.f_blocks > 0 && space.f_bsize > 0);
}

static void unlinked(void) {
    const int fd = open("gone", O_CREAT | O_RDWR, 0600);
    struct stat s;
    CALL(unlink("gone"));
    CALL(write(fd, "still", 5));
    CALL(close(open("gone", O_CREAT | O_WRONLY, 0644))); // another
    CALL(fstat(fd, &s));
    printf("links %ld size %ld mode %o\n", (long)s.st_nlink, (long)s.st_size, s.st_mode);
    char text[5];
    CALL(pread(fd, text, 5, 0));
    CALL(unlink("gone"));
    CALL(close(fd));
}

static int attributes(void) {
    char text[100];
    CALL(close(open("large", O_CREAT | O_WRONLY, 0644)));
    CALL(setxattr("large", "user.one", "value", 5, 0));
    CALL(setxattr("large", "user.one", "value", 5, XATTR_CREATE));
    CALL(setxattr("large", "user.none", "value", 5, XATTR_REPLACE));
    CALL(getxattr("large", "user.one", NULL, 0));
    CALL(getxattr("large", "user.one", text, sizeof text));
    printf("%.5s\n", text);
    CALL(getxattr("large", "user.one", text, 3));
    CALL(getxattr("large", "user.none", text, sizeof text));
    const ssize_t count = listxattr("large", text, sizeof text);
    int found = 0;
    for (char* at = text; at < text + count; at += strlen(at) + 1)
        found += strcmp(at, "user.one") == 0;
    printf("listed %d\n", found);
    CALL(removexattr("large", "user.one"));
    CALL(removexattr("large", "user.one"));
    CALL(unlink("large"));
    return 0;
}

static void* one_of_many(void* number) {
    char name[40], text[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "t%ld-%d", (long)number, i % 3);
        const int fd = open(name, O_CREAT | O_RDWR, 0644);
        const int length = snprintf(text, sizeof text, "%ld says %d", (long)number, i);
        CHECK(pwrite(fd, text, (size_t)length, 64 * i) == length);
        char back[64] = {0};
        CHECK(pread(fd, back, sizeof back, 64 * i) == length);
        CHECK(memcmp(back, text, (size_t)length) == 0);
        CHECK(close(fd) == 0);
        if (i % 3 == 2) CHECK(rename(name, "shared-name") == 0);
    }
    return NULL;
}

static int many(void) {
    pthread_t threads[6];
    for (long i = 0; i < 6; i++) pthread_create(&threads[i], NULL, one_of_many, (void*)i);
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    return verdict("done");
}

static volatile sig_atomic_t signals;
static void count(int signo) {
    (void)signo;
    signals++;
}

static int signals_while_reading(void) {
    const int fd = open("file", O_CREAT | O_RDWR, 0644);
    CHECK(write(fd, "abcdefgh", 8) == 8);
    const struct sigaction action = {.sa_handler = count}; // without SA_RESTART
    sigaction(SIGALRM, &action, NULL);
    const struct itimerval often = {{0, 70000}, {0, 70000}};
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 8 || signals < 5; i++) {
        char got = 0;
        CHECK(pread(fd, &got, 1, i % 8) == 1 && got == "abcdefgh"[i % 8]);
    }
    return verdict("read all");
}

static int refused(void) {
    struct stat s;
    print_file("file");
    CALL(open("file", O_RDWR));
    CALL(open("fresh", O_CREAT | O_RDWR, 0644));
    CALL(truncate("file", 0));
    CALL(mkdir("folder", 0755));
    CALL(symlink("file", "link"));
    CALL(link("file", "second"));
    CALL(rename("file", "renamed"));
    CALL(unlink("file"));
    CALL(chmod("file", 0600));
    CALL(utimensat(AT_FDCWD, "file", NULL, 0));
    CALL(setxattr("file", "user.one", "value", 5, 0));
    CALL(access("file", W_OK));
    CALL(stat("file", &s));
    return 0;
}

int main(int argc, char** argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc >= 7 && strcmp(argv[1], "mount") == 0) return mount_and_run(argv + 2);
    if (argc < 3 || chdir(argv[2]) != 0) return 2;
    umask(022);
    if (strcmp(argv[1], "live") == 0) return live();
    if (strcmp(argv[1], "many") == 0) return many();
    if (strcmp(argv[1], "signals") == 0) return signals_while_reading();
    if (strcmp(argv[1], "refused") == 0) return refused();
    if (strcmp(argv[1], "xattr") == 0) return attributes();
    data();
    names();
    unlinked();
    CALL(unlink("large"));
    return 0;
}
