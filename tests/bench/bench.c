// SPDX-License-Identifier: BSD-2-Clause
// Microbenchmarks of POSIX calls: one file of C11 for any system, as a program or as Linux's init
// (argv[0] "/init").
//
//   bench [scale [group [pattern [skip]]]]
//
// scale multiplies every count of iterations (1), group is a name of the table in main or "all",
// pattern a part of a test's name or "*", skip a comma-separated list of tests to leave out. It
// prints
//
//   W name             a test begins (what hung is the last one named)
//   T name             its timed part begins, the warm-up is over
//   B name ns ops      its result: nanoseconds of CLOCK_MONOTONIC for one operation, how many
//   E where what       something failed; the tests behind it go on
//
// Counts are fixed, never adaptive: that keeps a run under QEMU's -icount shift=0 the same to the
// instruction (1 ns = 1 guest instruction there, and idle time).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
static long scale = 1;
static const char *pat = "*", *skip = "";
static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void rep(const char* n, uint64_t ns, double ops) {
    printf("B %-26s %12.1f %10.0f\n", n, ns / ops, ops);
    fflush(stdout);
}
static int skipped(const char* n) {
    size_t l = strlen(n);
    for (const char* p = skip; (p = strstr(p, n)); p += l)
        if ((p == skip || p[-1] == ',') && (!p[l] || p[l] == ',')) return 1;
    return 0;
}
/* Whether to run a test; says so, because the next thing may hang. */
static int want(const char* n) {
    if ((strcmp(pat, "*") && !strstr(n, pat)) || skipped(n)) return 0;
    printf("W %s\n", n);
    fflush(stdout);
    return 1;
}
static void timed(const char* n) {
    printf("T %s\n", n);
    fflush(stdout);
}
#define CK(x)                                                                                      \
    do {                                                                                           \
        if ((long)(x) < 0) {                                                                       \
            printf("E %s:%d %s errno %d\n", __func__, __LINE__, #x, errno);                        \
            fflush(stdout);                                                                        \
            return;                                                                                \
        }                                                                                          \
    } while (0)
/* RUN: one warm-up tenth, then the timed loop */
#define RUN(name, n, body)                                                                         \
    do {                                                                                           \
        if (want(name)) {                                                                          \
            long N_ = (n)*scale;                                                                   \
            for (long i = 0; i < N_ / 10 + 1; i++) { body; }                                       \
            timed(name);                                                                           \
            uint64_t t_ = now();                                                                   \
            for (long i = 0; i < N_; i++) { body; }                                                \
            rep(name, now() - t_, N_);                                                             \
        }                                                                                          \
    } while (0)
static volatile uint64_t sink;
static char *A, *Bf;

/* The entry for calls without an exception (docs/direct-call.md), or 0 where the system has none.
 */
static long direct_entry(void) {
    const char* base = (const char*)getauxval(AT_SYSINFO_EHDR);
    if (!base) return 0;
    const Elf64_Ehdr* eh = (const void*)base;
    const Elf64_Phdr* ph = (const void*)(base + eh->e_phoff);
    const Elf64_Dyn* dyn = 0;
    long bias = 0;
    int loads = 0;
    for (int i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD && !loads++) bias = (long)base + ph[i].p_offset - ph[i].p_vaddr;
        if (ph[i].p_type == PT_DYNAMIC) dyn = (const void*)(base + ph[i].p_offset);
    }
    const Elf64_Sym* sym = 0;
    const char* str = 0;
    const uint32_t* hash = 0;
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        const void* at = (const void*)(bias + dyn->d_un.d_ptr);
        if (dyn->d_tag == DT_SYMTAB) sym = at;
        if (dyn->d_tag == DT_STRTAB) str = at;
        if (dyn->d_tag == DT_HASH) hash = at;
    }
    if (!sym || !str || !hash) return 0;
    for (uint32_t i = 0; i < hash[1]; i++)
        if (sym[i].st_shndx && !strcmp(str + sym[i].st_name, "__drupe_syscall"))
            return *(const long*)(bias + sym[i].st_value);
    return 0;
}
#ifdef __aarch64__
static long direct_getpid(long entry) {
    register long x8 __asm__("x8") = 172, x0 __asm__("x0"), x16 __asm__("x16") = entry;
    __asm__ volatile("blr x16"
                     : "=r"(x0), "+r"(x8), "+r"(x16)
                     :
                     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x17", "x18", "x30", "cc", "memory");
    return x0;
}
#else
static long direct_getpid(long entry) { return entry; }
#endif
static void t_cpu(void) {
    RUN("null_loop", 100000, sink = i);
    RUN("getpid", 20000, sink = getpid());
    long entry = direct_entry();
    if (entry) RUN("getpid_direct", 20000, sink = direct_getpid(entry));
    struct timespec ts;
    RUN("clock_gettime", 20000, clock_gettime(CLOCK_MONOTONIC, &ts));
    RUN("clock_gettime_rt", 20000, clock_gettime(CLOCK_REALTIME, &ts));
    RUN("sched_yield", 20000, sched_yield());
    char s[128];
    RUN("snprintf", 10000,
        snprintf(s, sizeof s, "%d %s %08lx %.3f", (int)i, "hello", i * 77, i * 0.5));
    static const int sz[] = {64, 256, 1024, 4096, 65536, 1 << 20};
    for (int k = 0; k < 6; k++) {
        char n[32];
        snprintf(n, sizeof n, "memcpy_%d", sz[k]);
        long it = sz[k] >= 65536 ? (1 << 23) / sz[k] : 20000;
        RUN(n, it, memcpy(A, Bf, sz[k]); __asm__ volatile("" ::: "memory"));
        snprintf(n, sizeof n, "memset_%d", sz[k]);
        if (k >= 3) RUN(n, it, memset(A, (int)i, sz[k]); __asm__ volatile("" ::: "memory"));
    }
}
static uint32_t rs = 12345;
static uint32_t rnd(void) {
    rs = rs * 1664525u + 1013904223u;
    return rs >> 8;
}
static void t_malloc(void) {
    RUN("malloc_free_64", 50000, void* p = malloc(64); __asm__ volatile(""
                                                                        : "+r"(p)::"memory");
        free(p));
    static void* sl[1024];
    rs = 12345;
    { /* 1024 live slots, log-uniform sizes 16 B..32 KiB */
        RUN("malloc_mix", 50000, uint32_t k = rnd() & 1023; free(sl[k]);
            size_t z = 16u << (rnd() % 11); z += rnd() % z; char* p = malloc(z); p[0] = 1;
            p[z - 1] = 1; sl[k] = p);
        for (int k = 0; k < 1024; k++) {
            free(sl[k]);
            sl[k] = 0;
        }
    }
}
static void t_mmap(void) {
    RUN("mmap_touch_munmap_4k", 5000,
        volatile char* p = mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[0] = 1; munmap((void*)p, 4096));
    if (want("page_fault")) {
        long pages = 2048;
        uint64_t tt = 0, tm = 0, tu = 0;
        int reps = 4 * scale;
        timed("page_fault");
        for (int r = 0; r < reps; r++) {
            uint64_t a = now();
            volatile char* p = mmap(0, pages * 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (p == MAP_FAILED) {
                puts("E mmap");
                return;
            }
            uint64_t b = now();
            for (long i = 0; i < pages; i++) p[i * 4096] = 1;
            uint64_t c = now();
            munmap((void*)p, pages * 4096);
            uint64_t d = now();
            tm += b - a;
            tt += c - b;
            tu += d - c;
        }
        rep("page_fault_per_4k", tt, (double)reps * pages);
        rep("munmap_8M_per_4k", tu, (double)reps * pages);
        rep("mmap_8M_call", tm, reps);
    }
    {
        volatile char* p = mmap(0, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[0] = 1;
        RUN("mprotect_ro_rw", 5000, mprotect((void*)p, 4096, PROT_READ);
            mprotect((void*)p, 4096, PROT_READ | PROT_WRITE));
        munmap((void*)p, 8192);
    }
}
static volatile char* repaired;
static void repair(int signo) {
    (void)signo;
    mprotect((void*)repaired, 4096, PROT_READ | PROT_WRITE);
}
/* A store to a protected page until the instruction behind it; the handler opens the page. */
static void t_fault(void) {
    if (!want("fault_repair")) return;
    struct sigaction action = {.sa_handler = repair}, before;
    long n = 5000 * scale;
    uint64_t sum = 0;
    repaired = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (repaired == MAP_FAILED) {
        puts("E mmap");
        return;
    }
    repaired[0] = 1;
    CK(sigaction(SIGSEGV, &action, &before));
    timed("fault_repair");
    for (long i = 0; i < n; i++) {
        CK(mprotect((void*)repaired, 4096, PROT_NONE));
        uint64_t a = now();
        repaired[0] = (char)i;
        sum += now() - a;
    }
    rep("fault_repair", sum, n);
    sigaction(SIGSEGV, &before, 0);
    munmap((void*)repaired, 4096);
}
static void t_files(void) {
    char b[4096];
    memset(b, 'x', sizeof b);
    int fd;
    CK(fd = open("/tmp/b.f", O_CREAT | O_RDWR | O_TRUNC, 0600));
    CK(write(fd, b, 4096));
    close(fd);
    RUN("file_open_read_close", 5000, fd = open("/tmp/b.f", O_RDONLY); sink = read(fd, b, 4096);
        close(fd));
    struct stat st;
    RUN("file_stat", 10000, sink = stat("/tmp/b.f", &st));
    RUN("file_create_wr_unlink", 2000, fd = open("/tmp/c.f", O_CREAT | O_RDWR, 0600);
        sink = write(fd, b, 100); close(fd); unlink("/tmp/c.f"));
    CK(fd = open("/tmp/b.f", O_RDWR));
    RUN("file_pread_1", 10000, sink = pread(fd, b, 1, 5));
    RUN("file_pread_4k", 10000, sink = pread(fd, b, 4096, 0));
    RUN("file_pwrite_4k", 10000, sink = pwrite(fd, b, 4096, 0));
    close(fd);
    unlink("/tmp/b.f");
}
static void t_pipe1(void) {
    int p[2];
    char c = 1;
    CK(pipe(p));
    RUN("pipe_wr_rd_1B", 10000, sink = write(p[1], &c, 1); sink = read(p[0], &c, 1));
    close(p[0]);
    close(p[1]);
}
static void* nop(void* a) { return a; }
static int spawn(pthread_t* t, void* (*f)(void*)) {
    errno = pthread_create(t, 0, f, 0);
    return errno ? -1 : 0;
}
static long NP; /* ping-pong count handed to the peer */
static int fa[2], fb[2];
static ssize_t PB; /* bytes of one message */
static void* pp_message(void* x) {
    uint64_t v;
    for (long i = 0; i < NP; i++) {
        if (read(fa[0], &v, PB) != PB) break;
        if (write(fb[1], &v, PB) != PB) break;
    }
    return x;
}
/* Messages to the peer through fa and back through fb. */
static void pingpong(const char* name, const char* row, int bytes) {
    pthread_t t;
    uint64_t v = 1;
    NP = 5000 * scale;
    PB = bytes;
    CK(spawn(&t, pp_message));
    timed(name);
    uint64_t a = now();
    for (long i = 0; i < NP; i++) {
        if (write(fa[1], &v, PB) != PB || read(fb[0], &v, PB) != PB) {
            puts("E pp");
            break;
        }
    }
    rep(row, now() - a, NP);
    pthread_join(t, 0);
}
static sem_t s1, s2;
static void* pp_sem(void* x) {
    for (long i = 0; i < NP; i++) {
        sem_wait(&s1);
        sem_post(&s2);
    }
    return x;
}
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cv1 = PTHREAD_COND_INITIALIZER, cv2 = PTHREAD_COND_INITIALIZER;
static int turn;
static void* pp_cv(void* x) {
    for (long i = 0; i < NP; i++) {
        pthread_mutex_lock(&mu);
        while (turn != 1) pthread_cond_wait(&cv1, &mu);
        turn = 0;
        pthread_cond_signal(&cv2);
        pthread_mutex_unlock(&mu);
    }
    return x;
}
static void* pp_yield(void* x) {
    for (long i = 0; i < NP; i++) sched_yield();
    return x;
}
static void t_threads(void) {
    pthread_t t;
    RUN("mutex_lock_unlock", 50000, pthread_mutex_lock(&mu); pthread_mutex_unlock(&mu));
    RUN(
        "pthread_create_join", 1000, if (pthread_create(&t, 0, nop, 0)) {
            puts("E create");
            break;
        } pthread_join(t, 0));
    if (want("pingpong_pipe")) {
        CK(pipe(fa));
        CK(pipe(fb));
        pingpong("pingpong_pipe", "pingpong_pipe_rt", 1);
        close(fa[0]);
        close(fa[1]);
        close(fb[0]);
        close(fb[1]);
    }
    if (want("pingpong_socket")) {
        int pair[2];
        CK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        fa[1] = fb[0] = pair[0];
        fa[0] = fb[1] = pair[1];
        pingpong("pingpong_socket", "pingpong_socket_rt", 1);
        close(pair[0]);
        close(pair[1]);
    }
    if (want("pingpong_eventfd")) {
        CK(fa[0] = fa[1] = eventfd(0, 0));
        CK(fb[0] = fb[1] = eventfd(0, 0));
        pingpong("pingpong_eventfd", "pingpong_eventfd_rt", 8);
        close(fa[0]);
        close(fb[0]);
    }
    if (want("pingpong_sem")) {
        NP = 5000 * scale;
        sem_init(&s1, 0, 0);
        sem_init(&s2, 0, 0);
        CK(spawn(&t, pp_sem));
        timed("pingpong_sem");
        uint64_t a = now();
        for (long i = 0; i < NP; i++) {
            sem_post(&s1);
            sem_wait(&s2);
        }
        rep("pingpong_sem_rt", now() - a, NP);
        pthread_join(t, 0);
    }
    if (want("pingpong_condvar")) {
        NP = 5000 * scale;
        turn = 0;
        CK(spawn(&t, pp_cv));
        timed("pingpong_condvar");
        uint64_t a = now();
        for (long i = 0; i < NP; i++) {
            pthread_mutex_lock(&mu);
            turn = 1;
            pthread_cond_signal(&cv1);
            while (turn != 0) pthread_cond_wait(&cv2, &mu);
            pthread_mutex_unlock(&mu);
        }
        rep("pingpong_condvar_rt", now() - a, NP);
        pthread_join(t, 0);
    }
    if (want("yield_2thr")) {
        NP = 10000 * scale;
        CK(spawn(&t, pp_yield));
        timed("yield_2thr");
        uint64_t a = now();
        for (long i = 0; i < NP; i++) sched_yield();
        pthread_join(t, 0);
        rep("yield_2thr_switch", now() - a, 2.0 * NP);
    }
}
static void* pp_ep(void* x) {
    int e = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN};
    epoll_ctl(e, EPOLL_CTL_ADD, fa[0], &ev);
    char c;
    for (long i = 0; i < NP; i++) {
        if (epoll_wait(e, &ev, 1, -1) != 1) break;
        if (read(fa[0], &c, 1) != 1) break;
        if (write(fb[1], &c, 1) != 1) break;
    }
    close(e);
    return x;
}
static void t_epoll(void) {
    int p[2];
    char c = 1;
    CK(pipe(p));
    int e = epoll_create1(0);
    CK(e);
    struct epoll_event ev = {.events = EPOLLIN};
    CK(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
    RUN("epoll_wait_empty", 10000, sink = epoll_wait(e, &ev, 1, 0));
    sink = write(p[1], &c, 1);
    RUN("epoll_wait_ready", 10000, sink = epoll_wait(e, &ev, 1, 0));
    close(e);
    close(p[0]);
    close(p[1]);
    if (want("pingpong_epoll")) {
        pthread_t t;
        NP = 5000 * scale;
        CK(pipe(fa));
        CK(pipe(fb));
        CK(spawn(&t, pp_ep));
        timed("pingpong_epoll");
        uint64_t a = now();
        for (long i = 0; i < NP; i++) {
            if (write(fa[1], &c, 1) != 1 || read(fb[0], &c, 1) != 1) {
                puts("E ep");
                break;
            }
        }
        rep("pingpong_epoll_rt", now() - a, NP);
        pthread_join(t, 0);
        close(fa[0]);
        close(fa[1]);
        close(fb[0]);
        close(fb[1]);
    }
}
static int lsn(int type, int port) {
    int s = socket(AF_INET, type, 0), one = 1;
    if (s < 0) return s;
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void*)&a, sizeof a) < 0) {
        close(s);
        return -1;
    }
    if (type == SOCK_STREAM && listen(s, 64) < 0) {
        close(s);
        return -1;
    }
    return s;
}
static int con(int type, int port) {
    int s = socket(AF_INET, type, 0), one = 1;
    if (s < 0) return s;
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (type == SOCK_STREAM) setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s, (void*)&a, sizeof a) < 0) {
        close(s);
        return -1;
    }
    return s;
}
static int LS;
static long SZ;
static void* echo_tcp(void* x) {
    int c = accept(LS, 0, 0), one = 1;
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char b[2048];
    for (;;) {
        ssize_t r = read(c, b, sizeof b);
        if (r <= 0 || write(c, b, r) != r) break;
    }
    close(c);
    return x;
}
static void* sink_tcp(void* x) {
    int c = accept(LS, 0, 0);
    static char b[65536];
    while (read(c, b, sizeof b) > 0)
        ;
    close(c);
    return x;
}
static void* acc_tcp(void* x) {
    char b;
    for (long i = 0; i < NP; i++) {
        int c = accept(LS, 0, 0);
        if (c < 0) break;
        if (read(c, &b, 1) != 1) break;
        sink = write(c, &b, 1);
        close(c);
    }
    return x;
}
static void* echo_udp(void* x) {
    char b[2048];
    struct sockaddr_in a;
    for (long i = 0; i < NP; i++) {
        socklen_t l = sizeof a;
        ssize_t r = recvfrom(LS, b, sizeof b, 0, (void*)&a, &l);
        if (r < 0) break;
        sendto(LS, b, r, 0, (void*)&a, l);
    }
    return x;
}
static void t_net(void) {
    pthread_t t;
    static char b[65536];
    int s;
    static const int rr[] = {1, 1024};
    for (int k = 0; k < 2; k++) {
        char n[32];
        snprintf(n, sizeof n, "tcp_lo_rr_%dB", rr[k]);
        if (!want(n)) continue;
        CK(LS = lsn(SOCK_STREAM, 7001 + k));
        CK(spawn(&t, echo_tcp));
        CK(s = con(SOCK_STREAM, 7001 + k));
        for (int i = 0; i < 100; i++) {
            sink = write(s, b, rr[k]);
            long g = 0;
            while (g < rr[k]) {
                ssize_t r = read(s, b, sizeof b);
                if (r <= 0) break;
                g += r;
            }
        }
        long N = 2000 * scale;
        timed(n);
        uint64_t a = now();
        for (long i = 0; i < N; i++) {
            sink = write(s, b, rr[k]);
            long g = 0;
            while (g < rr[k]) {
                ssize_t r = read(s, b, sizeof b);
                if (r <= 0) break;
                g += r;
            }
        }
        rep(n, now() - a, N);
        close(s);
        pthread_join(t, 0);
        close(LS);
    }
    if (want("tcp_lo_stream")) {
        CK(LS = lsn(SOCK_STREAM, 7003));
        CK(spawn(&t, sink_tcp));
        CK(s = con(SOCK_STREAM, 7003));
        SZ = 512 * scale;
        timed("tcp_lo_stream");
        uint64_t a = now();
        for (long i = 0; i < SZ; i++) {
            long o = 0;
            while (o < 65536) {
                ssize_t r = write(s, b + o, 65536 - o);
                if (r <= 0) {
                    puts("E wr");
                    o = 65536;
                } else
                    o += r;
            }
        }
        close(s);
        pthread_join(t, 0);
        rep("tcp_lo_stream_per_KiB", now() - a, SZ * 64.0);
        close(LS);
    }
    if (want("tcp_lo_conn")) {
        CK(LS = lsn(SOCK_STREAM, 7004));
        NP = 300 * scale;
        CK(spawn(&t, acc_tcp));
        timed("tcp_lo_conn");
        uint64_t a = now();
        for (long i = 0; i < NP; i++) {
            CK(s = con(SOCK_STREAM, 7004));
            char z = 1;
            sink = write(s, &z, 1);
            while (read(s, &z, 1) > 0)
                ;
            close(s);
        }
        pthread_join(t, 0);
        rep("tcp_lo_conn_1B_rr_close", now() - a, NP);
        close(LS);
    }
    if (want("udp_lo_rr")) {
        CK(LS = lsn(SOCK_DGRAM, 7005));
        NP = 2000 * scale;
        CK(spawn(&t, echo_udp));
        CK(s = con(SOCK_DGRAM, 7005));
        timed("udp_lo_rr");
        uint64_t a = now();
        for (long i = 0; i < NP; i++) {
            if (send(s, b, 64, 0) != 64 || recv(s, b, 2048, 0) != 64) {
                puts("E udp");
                break;
            }
        }
        rep("udp_lo_rr_64B", now() - a, NP);
        pthread_join(t, 0);
        close(s);
        close(LS);
    }
}
static int cmpu(const void* a, const void* b) {
    uint64_t x = *(uint64_t*)a, y = *(uint64_t*)b;
    return x < y ? -1 : x > y;
}
static void t_sleep(void) {
    if (!want("nanosleep")) return;
    enum { N = 200 };
    static uint64_t l[N];
    struct timespec q = {0, 1000000};
    timed("nanosleep");
    for (int i = 0; i < N; i++) {
        uint64_t a = now();
        clock_nanosleep(CLOCK_MONOTONIC, 0, &q, 0);
        l[i] = now() - a - 1000000;
    }
    qsort(l, N, 8, cmpu);
    rep("nanosleep_1ms_late_min", l[0], 1);
    rep("nanosleep_1ms_late_med", l[N / 2], 1);
    rep("nanosleep_1ms_late_p99", l[N * 99 / 100], 1);
    rep("nanosleep_1ms_late_max", l[N - 1], 1);
}
/* SMP: total work fixed per thread; ns/op = wall / (threads*ops): halves when it scales */
static atomic_long shared;
static _Atomic int go;
static long SN;
struct ring {
    _Alignas(64) atomic_ulong h;
    _Alignas(64) atomic_ulong t;
    _Alignas(64) uint64_t v[256];
};
static struct ring R[8];
static void* w_own(void* x) {
    while (!go) sched_yield();
    volatile uint64_t v = 0;
    for (long i = 0; i < SN; i++) v = v + i;
    sink = v;
    return x;
}
static void* w_sh(void* x) {
    while (!go) sched_yield();
    for (long i = 0; i < SN; i++) atomic_fetch_add(&shared, 1);
    return x;
}
static void* w_mu(void* x) {
    while (!go) sched_yield();
    for (long i = 0; i < SN; i++) {
        pthread_mutex_lock(&mu);
        sink++;
        pthread_mutex_unlock(&mu);
    }
    return x;
}
static void* w_ma(void* x) {
    while (!go) sched_yield();
    for (long i = 0; i < SN; i++) {
        void* p = malloc(16 + (i & 255));
        __asm__ volatile("" : "+r"(p)::"memory");
        free(p);
    }
    return x;
}
static void* w_put(void* x) {
    struct ring* r = x;
    for (long i = 0; i < SN; i++) {
        unsigned long h = r->h;
        while (h - r->t >= 256) sched_yield();
        r->v[h & 255] = i;
        r->h = h + 1;
    }
    return x;
}
static void* w_get(void* x) {
    struct ring* r = x;
    for (long i = 0; i < SN; i++) {
        unsigned long t = r->t;
        while (r->h == t) sched_yield();
        sink = r->v[t & 255];
        r->t = t + 1;
    }
    return x;
}
static void smp1(const char* nm, int nt, void* (*f)(void*), long n) {
    char s[64];
    snprintf(s, sizeof s, "smp_%s_t%d", nm, nt);
    if (!want(s)) return;
    pthread_t t[8];
    SN = n * scale;
    go = 0;
    for (int i = 0; i < nt; i++) pthread_create(&t[i], 0, f, 0);
    uint64_t a = now();
    go = 1;
    for (int i = 0; i < nt; i++) pthread_join(t[i], 0);
    rep(s, now() - a, (double)nt * SN);
}
static void t_smp(void) {
    for (int nt = 1; nt <= 4; nt *= 2) {
        smp1("own", nt, w_own, 1000000);
        smp1("atomic", nt, w_sh, 300000);
        smp1("mutex", nt, w_mu, 50000);
        smp1("malloc", nt, w_ma, 50000);
    }
    for (int np = 1; np <= 2; np++) {
        char s[32];
        snprintf(s, sizeof s, "smp_ring_p%d", np);
        if (!want(s)) continue;
        pthread_t t[8];
        SN = 100000 * scale;
        memset(R, 0, sizeof R);
        uint64_t a = now();
        for (int i = 0; i < np; i++) {
            pthread_create(&t[2 * i], 0, w_put, &R[i]);
            pthread_create(&t[2 * i + 1], 0, w_get, &R[i]);
        }
        for (int i = 0; i < 2 * np; i++) pthread_join(t[i], 0);
        rep(s, now() - a, (double)np * SN);
    }
}
/* What Linux leaves to its first process. */
static void be_init(void) {
    mkdir("/dev", 0755);
    mount("dev", "/dev", "devtmpfs", 0, 0);
    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, 0);
    mkdir("/sys", 0755);
    mount("sys", "/sys", "sysfs", 0, 0);
    mkdir("/tmp", 0755);
    if (mount("t", "/tmp", "tmpfs", 0, 0)) perror("tmpfs");
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = {0};
    strcpy(r.ifr_name, "lo");
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &r)) perror("lo up");
    close(s);
}
int main(int argc, char** argv) {
    static const struct {
        const char* name;
        void (*run)(void);
    } groups[] = {
        {"cpu", t_cpu},    {"malloc", t_malloc}, {"mmap", t_mmap},      {"fault", t_fault},
        {"file", t_files}, {"pipe", t_pipe1},    {"thread", t_threads}, {"epoll", t_epoll},
        {"net", t_net},    {"sleep", t_sleep},   {"smp", t_smp},
    };
    int init = getpid() == 1 && !strcmp(argv[0], "/init");
    if (init) be_init();
    if (argc > 1) scale = atol(argv[1]);
    if (scale < 1) scale = 1;
    const char* group = argc > 2 ? argv[2] : "all";
    if (argc > 3) pat = argv[3];
    if (argc > 4) skip = argv[4];
    signal(SIGPIPE, SIG_IGN);
    printf("BENCH-START scale %ld group %s\n", scale, group);
    fflush(stdout);
    A = malloc(1 << 20);
    Bf = malloc(1 << 20);
    memset(A, 1, 1 << 20);
    memset(Bf, 2, 1 << 20);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!strcmp(group, "all") || !strcmp(group, groups[i].name)) groups[i].run();
    printf("BENCH-END\n");
    fflush(stdout);
    if (init) {
        sync();
        reboot(RB_POWER_OFF);
    }
    return 0;
}
