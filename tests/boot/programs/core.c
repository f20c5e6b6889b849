// SPDX-License-Identifier: BSD-2-Clause
// Core files: a child with threads dies, its parent reads what it left behind.
#define _GNU_SOURCE
#include "check.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { others = 3, page = 4096 };

static volatile long landmark = 0x1122334455667788;
static long* volatile heap;
static char* volatile reserved; // mostly not there
static char *volatile hidden, *volatile secret, *volatile shared, *volatile unnamed;
static pthread_barrier_t ready;
static volatile pid_t tids[others];
static volatile int is_standing[2];

static void* stands(void* number) {
    tids[(long)number] = gettid();
    pthread_barrier_wait(&ready);
    register double d8 asm("d8") = 100.5 + (double)(long)number;
    asm volatile("" : "+w"(d8));
    is_standing[(long)number] = 1;
    for (;;) asm volatile("" : "+w"(d8)); // its vector registers are in the hardware
    return NULL;
}
static void* sleeps(void* number) {
    tids[(long)number] = gettid();
    pthread_barrier_wait(&ready);
    for (;;) pause();
    return NULL;
}

static void set_limit(rlim_t bytes) {
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);
}
static void write_file(const char* path, const char* text) {
    const int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static char* map(int flags, int fd) {
    char* at = mmap(NULL, page, PROT_READ | PROT_WRITE, flags, fd, 0);
    CHECK(at != MAP_FAILED);
    strcpy(at, "seen");
    return at;
}

static void die(void) {
    heap = malloc(sizeof *heap);
    *heap = ~landmark;
    reserved = mmap(NULL, 1L << 36, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    reserved[(1L << 35) + 5] = 'r';
    hidden = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    CHECK(mprotect(hidden, page, PROT_NONE) == 0);
    secret = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    CHECK(madvise(secret, page, MADV_DONTDUMP) == 0);
    const int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
    const int gone = open("gone", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(ftruncate(fd, page) == 0 && ftruncate(gone, page) == 0 && unlink("gone") == 0);
    shared = map(MAP_SHARED, fd);
    unnamed = map(MAP_SHARED, gone);
    pthread_t thread;
    pthread_barrier_init(&ready, NULL, others + 1);
    for (long n = 0; n < others; n++) pthread_create(&thread, NULL, n < 2 ? stands : sleeps, (void*)n);
    pthread_barrier_wait(&ready);
    while (!is_standing[0] || !is_standing[1]) usleep(1000);
    landmark++;
    register double d9 asm("d9") = 2.25;
    asm volatile("" : "+w"(d9));
    *(volatile int*)0x1230 = 1;
    asm volatile("" : "+w"(d9)); // until here it is in its register
}

// ---- reading

static char* file;
static size_t file_bytes;
static const Elf64_Phdr* segments;
static int segment_count;

static int load(const char* name) {
    const int fd = open(name, O_RDONLY);
    if (fd < 0) return 0;
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    file_bytes = (size_t)st.st_size;
    // Holes read as zeros and cost nothing.
    file = mmap(NULL, file_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(file != MAP_FAILED);
    CHECK(st.st_blocks * 512L < 64L << 20);
    close(fd);
    const Elf64_Ehdr* head = (const Elf64_Ehdr*)file;
    CHECK(memcmp(head->e_ident, ELFMAG, SELFMAG) == 0);
    CHECK(head->e_type == ET_CORE && head->e_machine == EM_AARCH64);
    segments = (const Elf64_Phdr*)(file + head->e_phoff);
    segment_count = head->e_phnum;
    return 1;
}
/// What the dead program had at an address; NULL: not in the file.
static const void* at(const volatile void* address) {
    const Elf64_Addr a = (Elf64_Addr)address;
    for (int n = 0; n < segment_count; n++) {
        const Elf64_Phdr* s = &segments[n];
        if (s->p_type == PT_LOAD && a >= s->p_vaddr && a < s->p_vaddr + s->p_memsz)
            return a - s->p_vaddr < s->p_filesz ? file + s->p_offset + (a - s->p_vaddr) : NULL;
    }
    return NULL;
}

struct thread {
    const struct elf_prstatus* status;
    const struct user_fpsimd_struct* vectors;
    long tls;
};
static struct thread threads[others + 2];
static int thread_count;
static const struct elf_prpsinfo* info;
static const siginfo_t* signal_info;
static const Elf64_auxv_t* auxv;
static const long* files;

static void read_notes(void) {
    thread_count = 0;
    CHECK(segments[0].p_type == PT_NOTE);
    const char* next = file + segments[0].p_offset;
    const char* end = next + segments[0].p_filesz;
    while (next < end) {
        const Elf64_Nhdr* note = (const Elf64_Nhdr*)next;
        const char* name = next + sizeof *note;
        const char* body = name + (note->n_namesz + 3) / 4 * 4;
        next = body + (note->n_descsz + 3) / 4 * 4;
        if (strcmp(name, "LINUX") == 0 && note->n_type == NT_ARM_TLS)
            threads[thread_count - 1].tls = *(const long*)body;
        if (strcmp(name, "CORE") != 0) continue;
        switch (note->n_type) {
        case NT_PRSTATUS:
            CHECK(note->n_descsz == sizeof(struct elf_prstatus));
            CHECK(thread_count < others + 1);
            threads[thread_count++].status = (const void*)body;
            break;
        case NT_FPREGSET:
            CHECK(note->n_descsz == sizeof(struct user_fpsimd_struct));
            threads[thread_count - 1].vectors = (const void*)body;
            break;
        case NT_PRPSINFO:
            CHECK(note->n_descsz == sizeof *info);
            info = (const void*)body;
            break;
        case NT_SIGINFO: signal_info = (const void*)body; break;
        case NT_AUXV: auxv = (const void*)body; break;
        case NT_FILE: files = (const void*)body; break;
        }
    }
}

static double vector_of(const struct thread* t, int number) {
    double value;
    memcpy(&value, &t->vectors->vregs[number], sizeof value);
    return value;
}

static void check_threads(pid_t child) {
    CHECK(thread_count == others + 1);
    const struct thread* dead = &threads[0];
    CHECK(dead->status->pr_pid == child && dead->status->pr_cursig == SIGSEGV);
    CHECK(dead->status->pr_ppid == getpid());
    const struct user_regs_struct* regs = (const void*)dead->status->pr_reg;
    CHECK(regs->pc - (unsigned long)&die < 4096);
    CHECK(at((const void*)regs->sp) != NULL);
    CHECK(vector_of(dead, 9) == 2.25);
    const pid_t* seen = at(tids);
    CHECK(seen != NULL);
    for (long n = 0; n < others; n++) {
        const struct thread* t = NULL;
        for (int i = 1; i < thread_count; i++)
            if (threads[i].status->pr_pid == seen[n]) t = &threads[i];
        CHECK(t != NULL);
        CHECK(t->tls != 0 && at((const void*)t->tls) != NULL);
        regs = (const void*)t->status->pr_reg;
        if (n >= 2) { // as if the call, which has no first argument, were about to begin
            CHECK(*(const unsigned*)regs->pc == 0xd4000001 && regs->regs[0] == 0);
            continue;
        }
        CHECK(vector_of(t, 8) == 100.5 + (double)n);
        CHECK(regs->pc - (unsigned long)&stands < 4096);
    }
}

static void check_process(const char* program) {
    CHECK(strcmp(info->pr_fname, "core") == 0);
    CHECK(strstr(info->pr_psargs, "core") != NULL);
    CHECK(signal_info->si_signo == SIGSEGV && signal_info->si_code == SEGV_MAPERR);
    CHECK(signal_info->si_addr == (void*)0x1230);
    unsigned long entry = 0;
    for (const Elf64_auxv_t* a = auxv; a->a_type != AT_NULL; a++)
        if (a->a_type == AT_ENTRY) entry = a->a_un.a_val;
    CHECK(entry == getauxval(AT_ENTRY));
    CHECK(files[0] > 0 && files[1] == page);
    const char* name = (const char*)&files[2 + 3 * files[0]];
    CHECK(strcmp(name, program) == 0);
    CHECK((unsigned long)&die - (unsigned long)files[2] < (unsigned long)files[3] - files[2]);
}

static void check_memory(void) {
    const long* there = at(&landmark);
    CHECK(there && *there == landmark + 1);
    long* const* pointer = (long* const*)at(&heap);
    CHECK(pointer && *(const long*)at(*pointer) == ~landmark);
    char* const* far = (char* const*)at(&reserved);
    CHECK(far && *(const char*)at(*far + (1L << 35) + 5) == 'r');
    CHECK(*(const char*)at(*far + (1L << 35)) == 0);
    CHECK(at((const void*)getauxval(AT_SYSINFO_EHDR)) != NULL);
}

/// Which of the kinds of memory that /proc/PID/coredump_filter tells apart are there.
static unsigned kinds(void) {
    unsigned found = 0;
    if (at(&landmark)) found |= 1;
    char* const* where = (char* const*)at(&unnamed);
    if (where && at(*where)) found |= 2;
    if (at((const void*)&qsort)) found |= 4; // code that nobody wrote
    where = (char* const*)at(&shared);
    if (where && at(*where)) found |= 8;
    return found;
}
static int dies(void);
static void check_filter(void) {
    static const unsigned filters[] = {0x33, 0x1, 0x7, 0xb, 0xf};
    for (size_t n = 0; n < sizeof filters / sizeof *filters; n++) {
        char text[16];
        snprintf(text, sizeof text, "%#x", filters[n]);
        write_file("/proc/self/coredump_filter", text); // the child gets it, too
        CHECK(dies() != 0 && load("core"));
        CHECK(kinds() == (filters[n] & 0xf));
        char* const* where = (char* const*)at(&hidden);
        CHECK(where && strcmp(at(*where), "seen") == 0);
        where = (char* const*)at(&secret);
        CHECK(where && *where && at(*where) == NULL);
        CHECK(at((const void*)getauxval(AT_SYSINFO_EHDR)) != NULL);
        munmap(file, file_bytes);
    }
    write_file("/proc/self/coredump_filter", "0");
    CHECK(dies() != 0 && load("core"));
    CHECK(kinds() == 0 && at((const void*)getauxval(AT_SYSINFO_EHDR)) != NULL);
    munmap(file, file_bytes);
    write_file("/proc/self/coredump_filter", "0x33");
}

static int dies(void) {
    const pid_t child = fork();
    if (child == 0) {
        die();
        _exit(1);
    }
    siginfo_t ended;
    CHECK(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT) == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK(ended.si_code == (WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED));
    return WCOREDUMP(status) ? (int)child : 0;
}

int main(void) {
    char program[256] = {0};
    CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    CHECK(mkdir("/tmp/cores", 0777) == 0 && chdir("/tmp/cores") == 0);
    // Nothing without leave, nor with too little.
    set_limit(0);
    CHECK(dies() == 0 && !load("core"));
    set_limit(8 * page);
    CHECK(dies() == 0);
    unlink("core");

    set_limit(RLIM_INFINITY);
    const pid_t child = dies();
    CHECK(child != 0 && load("core"));
    read_notes();
    check_threads(child);
    check_process(program);
    check_memory();
    munmap(file, file_bytes);

    check_filter();
    // What is there already is replaced; what has two names, or is none of ours, is not.
    CHECK(dies() != 0);
    CHECK(link("core", "second") == 0 && dies() == 0);
    unlink("core");
    CHECK(symlink("elsewhere", "core") == 0 && dies() == 0 && access("elsewhere", F_OK) != 0);
    unlink("core");

    write_file("/proc/sys/kernel/core_pattern", "/tmp/%e.%p.%s.%x%%");
    char name[64];
    snprintf(name, sizeof name, "/tmp/core.%d.11.%%", dies());
    CHECK(load(name));
    write_file("/proc/sys/kernel/core_pattern", "named");
    write_file("/proc/sys/kernel/core_uses_pid", "1");
    snprintf(name, sizeof name, "named.%d", dies());
    CHECK(load(name));
    const int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY);
    CHECK(write(fd, "|/bin/true", 10) < 0);
    write_file("/proc/sys/kernel/core_pattern", "");
    CHECK(dies() == 0);
    return verdict("cores tell what happened");
}
