// SPDX-License-Identifier: BSD-2-Clause
// Directories: making, removing, renaming, reading, the working directory, the *at calls, walks.
#define _GNU_SOURCE
#include "trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// musl 1.2.3 has no name for it.
enum { NOREPLACE = 1, EXCHANGE = 2 };
static int rename_with(int from_dir, const char* from, int to_dir, const char* to, int flags) {
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static int by_name(const void* a, const void* b) { return strcmp(*(char**)a, *(char**)b); }

static void list(const char* name) {
    char* found[400];
    int count = 0;
    DIR* dir = opendir(name);
    if (!dir) {
        printf("opendir %s: errno %d\n", name, errno);
        return;
    }
    for (struct dirent* e; (e = readdir(dir)) && count < 400;) {
        char line[300];
        snprintf(line, sizeof line, "%s%s", e->d_name,
                 e->d_type == DT_UNKNOWN || e->d_type == DT_REG ? ""
                 : e->d_type == DT_DIR                          ? "/"
                 : e->d_type == DT_LNK                          ? "@"
                                                                : "|");
        found[count++] = strdup(line);
    }
    qsort(found, count, sizeof *found, by_name);
    printf("%s (%d):", name, count);
    for (int n = 0; n < count; n++)
        if (n < 12 || n > count - 3) printf(" %s", found[n]);
    putchar('\n');
    closedir(dir);
}

static void making(void) {
    CALL(mkdir("d", 0777));
    CALL(mkdir("d", 0777));
    CALL(mkdir("none/e", 0777));
    CALL(mkdir("d/e/", 0700));
    CALL(mkdir(".", 0777));
    CALL(close(open("d/f", O_CREAT | O_WRONLY, 0644)));
    CALL(symlink("../d", "d/e/up"));
    CALL(mkfifo("d/pipe", 0600));
    list("d");
    list("d/e");
    list("d/f");
    list("none");
    struct stat s;
    CALL(stat("d", &s));
    printf("mode %o\n", s.st_mode);
    CALL(rmdir("d"));
    CALL(rmdir("d/f"));
    CALL(rmdir("d/e/."));
    CALL(unlink("d/e"));
    CALL(rename("d", "d/e/inside"));
    CALL(rename("d/f", "d/e"));
    CALL(rename("d/e", "d/f"));
    CALL(mkdir("empty", 0777));
    CALL(rename("d/e", "empty"));
    list("d");
    list("empty");
    CALL(rename("empty", "d/e"));
    CALL(rename_with(AT_FDCWD, "d/f", AT_FDCWD, "d/pipe", NOREPLACE));
    CALL(rename_with(AT_FDCWD, "d/f", AT_FDCWD, "d/e", EXCHANGE));
    list("d");
    CALL(rename_with(AT_FDCWD, "d/f", AT_FDCWD, "d/e", EXCHANGE));
}

static void working(void) {
    char path[512];
    CALL(chdir("d/e/up/e"));
    TRUTH(getcwd(path, sizeof path) != NULL);
    puts(path);
    TRUTH(getcwd(path, 4) == NULL && errno == ERANGE);
    CALL(chdir("../f"));
    CALL(chdir("../.."));
    TRUTH(realpath("d/e/up/../d/e/up/f", path) != NULL);
    puts(path);
    TRUTH(realpath("d/e/none", path) == NULL && errno == ENOENT);
    CALL(mkdir("lost", 0700));
    CALL(chdir("lost"));
    CALL(rmdir("../lost"));
    TRUTH(getcwd(path, sizeof path) == NULL && errno == ENOENT);
    CALL(open("here", O_CREAT | O_RDWR, 0600));
    CALL(chdir(".."));
    CALL(chdir("/tmp/directories"));
}

static void at(void) {
    const int dir = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path = open("d", O_PATH);
    struct stat s;
    CALL(fstatat(dir, "f", &s, 0));
    CALL(fstatat(path, "e/up", &s, AT_SYMLINK_NOFOLLOW));
    printf("%o\n", s.st_mode & S_IFMT);
    CALL(fstatat(dir, "", &s, 0));
    CALL(fstatat(dir, "", &s, AT_EMPTY_PATH));
    CALL(mkdirat(dir, "made", 0755));
    CALL(linkat(dir, "f", dir, "made/g", 0));
    CALL(symlinkat("g", dir, "made/h"));
    CALL(linkat(dir, "made/h", dir, "made/i", AT_SYMLINK_FOLLOW));
    CALL(faccessat(dir, "made/i", W_OK, 0));
    CALL(unlinkat(dir, "made", AT_REMOVEDIR));
    CALL(unlinkat(dir, "made", 0));
    list("d/made");
    CALL(fchdir(dir));
    CALL(access("made/h", F_OK));
    CALL(chdir(".."));
    char byte;
    CALL(read(dir, &byte, 1));
    CALL(read(path, &byte, 1));
    CALL(openat(open("d/f", O_RDONLY), "x", O_RDONLY));
}

static void many(void) {
    CALL(mkdir("many", 0755));
    for (int n = 0; n < 300; n++) {
        char name[64];
        snprintf(name, sizeof name, "many/file-with-a-long-name-%03d", n);
        close(open(name, O_CREAT | O_WRONLY, 0644));
    }
    list("many");
    // Entries that stay are read exactly once, whatever is removed meanwhile.
    DIR* dir = opendir("many");
    int seen = 0, wrong = 0;
    for (struct dirent* e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        seen++;
        char name[300];
        snprintf(name, sizeof name, "many/%s", e->d_name);
        wrong += unlink(name) != 0;
    }
    printf("seen %d, wrong %d\n", seen, wrong);
    rewinddir(dir);
    seen = 0;
    while (readdir(dir)) seen++;
    printf("left %d\n", seen);
    closedir(dir);
    CALL(rmdir("many"));
}

static int visited, depth;
static int visit(const char* path, const struct stat* s, int type, struct FTW* where) {
    (void)s, (void)path;
    visited += type == FTW_F || type == FTW_DP || type == FTW_SL;
    if (where->level > depth) depth = where->level;
    return remove(path);
}

static void walks(void) {
    glob_t found;
    CALL(glob("d/*", 0, NULL, &found));
    for (size_t n = 0; n < found.gl_pathc; n++) puts(found.gl_pathv[n]);
    globfree(&found);
    CALL(nftw("d", visit, 10, FTW_DEPTH | FTW_PHYS));
    printf("visited %d, depth %d\n", visited, depth);
    list(".");
}

int main(void) {
    umask(022);
    making();
    working();
    at();
    many();
    walks();
    return 0;
}
