// SPDX-License-Identifier: BSD-2-Clause
// Memory: mappings of files and of nothing, shared and private, fixed, protection, moving, advice.
#define _GNU_SOURCE
#include "trace.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096 };
static sigjmp_buf back;
static volatile int code;

static void on_fault(int signo, siginfo_t* info, void* context) {
    (void)context;
    code = signo * 100 + info->si_code;
    siglongjmp(back, 1);
}

/// What a read (write == 0) or a write of the byte does: 0, or 100 * signal + si_code.
static int touch(volatile char* at, int write) {
    code = 0;
    if (sigsetjmp(back, 1) == 0) {
        if (write)
            *at = 1;
        else
            (void)*at;
    }
    return code;
}

static void* map(size_t length, int protection, int flags, int fd, off_t offset) {
    errno = 0;
    void* at = mmap(NULL, length, protection, flags, fd, offset);
    printf("mmap(%zu, %d, %#x, %ld): errno %d\n", length, protection, flags, (long)offset, errno);
    return at;
}

static void of_files(void) {
    const int fd = open("file", O_RDWR | O_CREAT, 0644);
    for (int n = 0; n < 3; n++) {
        char text[page];
        memset(text, 'a' + n, page);
        (void)!write(fd, text, n == 2 ? 100 : page);
    }
    char* shared = map(4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char* private = map(3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    printf("%c %c %c %d\n", shared[0], shared[page], shared[2 * page + 99], shared[2 * page + 100]);
    CALL(touch(shared + 3 * page, 0)); // behind the file's last page
    shared[0] = 'S';
    printf("%c\n", private[0]);
    private[1] = 'P';
    printf("%c %c\n", shared[1], private[1]);
    char byte;
    CALL(pread(fd, &byte, 1, 0));
    printf("%c\n", byte);
    CALL(pwrite(fd, "W", 1, page));
    printf("%c %c\n", shared[page], private[page]);
    CALL(ftruncate(fd, page));
    CALL(touch(shared + page, 1));
    CALL(touch(private + page, 0));
    CALL(ftruncate(fd, 3 * page));
    CALL(touch(shared + page, 0));
    printf("%d\n", shared[page]);
    CALL(msync(shared, page, MS_SYNC));
    CALL(msync(shared + 1, page, MS_SYNC));
    CALL(close(fd));
    shared[2 * page] = 'z';
    const int again = open("file", O_RDONLY);
    CALL(pread(again, &byte, 1, 2 * page));
    printf("%c\n", byte);
    map(page, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
    char* readable = map(page, PROT_READ, MAP_SHARED, again, 0);
    CALL(touch(readable, 1));
    CALL(mprotect(readable, page, PROT_READ | PROT_WRITE));
    map(page, PROT_READ, MAP_SHARED, again, 1);
    map(0, PROT_READ, MAP_SHARED, again, 0);
    map(page, PROT_READ, 0, again, 0);
    map(page, PROT_READ, MAP_PRIVATE, -1, 0);
    const int writable_only = open("file", O_WRONLY);
    map(page, PROT_WRITE, MAP_PRIVATE, writable_only, 0);
    CALL(munmap(shared, 4 * page));
    CALL(munmap(private, 3 * page));
    CALL(touch(shared, 0));
}

static void anonymous(void) {
    char* at = map(16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(at, 7, 16 * page);
    CALL(mprotect(at + 4 * page, 2 * page, PROT_NONE));
    CALL(touch(at + 4 * page, 0));
    CALL(touch(at + 6 * page - 1, 1));
    CALL(touch(at + 6 * page, 1));
    CALL(mprotect(at + 4 * page, 2 * page, PROT_READ));
    CALL(touch(at + 5 * page, 0));
    CALL(touch(at + 5 * page, 1));
    CALL(mprotect(at + 1, page, PROT_READ));
    CALL(munmap(at + 8 * page, page));
    CALL(touch(at + 8 * page, 0));
    CALL(mprotect(at + 7 * page, 3 * page, PROT_READ)); // a hole
    CALL(mmap(at + 2 * page, page, PROT_READ, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1,
              0) == MAP_FAILED);
    TRUTH(errno == EEXIST);
    TRUTH(mmap(at + 2 * page, page, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
          at + 2 * page);
    printf("%d %d %d\n", at[page], at[2 * page], at[3 * page]);
    CALL(madvise(at, page, MADV_DONTNEED));
    printf("%d %d\n", at[0], at[page]);
    CALL(madvise(at + 1, page, MADV_DONTNEED));
    CALL(madvise(at, page, 12345));
    CALL(madvise(at + 8 * page, page, MADV_DONTNEED));
    unsigned char resident[2] = {9, 9};
    CALL(mincore(at, 2 * page, resident));
    TRUTH((resident[1] & 1) == 1);
    CALL(munmap(at, 16 * page));
    CALL(munmap(at, 16 * page)); // nothing there is nothing wrong
    CALL(munmap(at + 1, page));
    CALL(munmap(at, 0));
}

static void moving(void) {
    char* at = map(4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    at[0] = 1, at[4 * page - 1] = 2;
    char* grown = mremap(at, 4 * page, 64 * page, MREMAP_MAYMOVE);
    TRUTH(grown != MAP_FAILED && grown[0] == 1 && grown[4 * page - 1] == 2 && grown[4 * page] == 0);
    char* shrunk = mremap(grown, 64 * page, page, 0);
    TRUTH(shrunk == grown);
    CALL(touch(grown + page, 0));
    char* place = map(8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* moved = mremap(grown, page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4 * page);
    TRUTH(moved == place + 4 * page && moved[0] == 1);
    CALL(touch(moved + page, 1));
    CALL(touch(place + 6 * page, 0));
    CALL(touch(grown, 0));
    TRUTH(mremap(moved, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, moved) == MAP_FAILED);
    TRUTH(mremap(grown, page, 2 * page, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
}

static void forked(void) {
    int* shared = map(page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int* private = map(page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *shared = *private = 1;
    int* wiped = map(page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *wiped = 5;
    CALL(madvise(wiped, page, MADV_WIPEONFORK));
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        ++*shared, ++*private;
        _exit(*shared * 16 + *private + *wiped);
    }
    int status;
    waitpid(child, &status, 0);
    printf("child %#x, here %d %d %d\n", status, *shared, *private, *wiped);
}

static void code_pages(void) {
    unsigned* at = map(page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int n = 0; n < 3; n++) {
        CALL(mprotect(at, page, PROT_READ | PROT_WRITE));
        at[0] = 0x52800000u | (unsigned)(n * 7) << 5; // mov w0, #n*7
        at[1] = 0xd65f03c0u;                          // ret
        CALL(mprotect(at, page, PROT_READ | PROT_EXEC));
        __builtin___clear_cache((char*)at, (char*)(at + 2));
        printf("%d\n", ((int (*)(void))at)());
    }
    CALL(touch((char*)at, 1));
    CALL(mprotect(at, page, PROT_READ));
    code = 0;
    if (sigsetjmp(back, 1) == 0) ((void (*)(void))at)();
    printf("executing: %d\n", code);
    const int memory = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CALL(ftruncate(memory, page));
    CALL(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
    CALL(ftruncate(memory, 0));
    CALL(fcntl(memory, F_GET_SEALS));
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    of_files();
    anonymous();
    moving();
    forked();
    code_pages();
    return 0;
}
