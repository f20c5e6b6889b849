// SPDX-License-Identifier: BSD-2-Clause
// Processes as descriptors, and clone3.
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#define SCM_PIDFD 4
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct clone_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};

static long pidfd_open_(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static long pidfd_send(int fd, int signo, siginfo_t* info, unsigned flags) {
    return syscall(SYS_pidfd_send_signal, fd, signo, info, flags);
}
static long pidfd_get(int pidfd, int fd, unsigned flags) {
    return syscall(SYS_pidfd_getfd, pidfd, fd, flags);
}
static long clone3_(struct clone_arguments* args, size_t size) {
    return syscall(SYS_clone3, args, size);
}

static void say(const char* what, long result) {
    printf("%s: %s\n", what, result >= 0 ? "done" : strerrorname_np(errno));
}

static int is_ready(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK(poll(&p, 1, 0) >= 0);
    return (p.revents & POLLIN) != 0;
}

/// The number in a descriptor's record, or 0.
static int number_of(int fd) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    const int info = open(path, O_RDONLY);
    CHECK(info >= 0 && read(info, text, sizeof text - 1) > 0);
    close(info);
    const char* at = strstr(text, "\nPid:\t");
    CHECK(at && strstr(text, "\nNSpid:\t"));
    return at ? atoi(at + strlen("\nPid:\t")) : 0;
}

static volatile siginfo_t seen;
static void note(int signo, siginfo_t* info, void* context) {
    (void)signo, (void)context;
    *(siginfo_t*)&seen = *info;
}

static void refusals(void) {
    say("pidfd of 0", pidfd_open_(0, 0));
    say("pidfd of -1", pidfd_open_(-1, 0));
    say("pidfd of nobody", pidfd_open_(4194303, 0));
    say("pidfd with O_CLOEXEC", pidfd_open_(getpid(), O_CLOEXEC));
    const int file = eventfd(0, 0);
    say("signal to a file", pidfd_send(file, SIGUSR1, NULL, 0));
    say("signal to nothing", pidfd_send(1000, SIGUSR1, NULL, 0));
    say("descriptor of a file", pidfd_get(file, 0, 0));
    siginfo_t info;
    say("wait for a file", waitid(P_PIDFD, file, &info, WEXITED));
    say("wait for nothing", waitid(P_PIDFD, 1000, &info, WEXITED));
    say("wait for -1", waitid(P_PIDFD, -1, &info, WEXITED));
    close(file);
}

static void oneself(void) {
    const int self = pidfd_open_(getpid(), 0);
    CHECK(self >= 0 && fcntl(self, F_GETFD) == FD_CLOEXEC && !is_ready(self));
    CHECK((fcntl(self, F_GETFL) & O_NONBLOCK) == 0 && number_of(self) == getpid());
    char c;
    say("read", read(self, &c, 1));
    say("write", write(self, &c, 1));
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    say("signal", pidfd_send(self, SIGUSR1, NULL, 0));
    CHECK(seen.si_signo == SIGUSR1 && seen.si_code == SI_USER && seen.si_pid == getpid());
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    info.si_value.sival_int = 77;
    say("signal with a value", pidfd_send(self, SIGUSR1, &info, 0));
    CHECK(seen.si_code == SI_QUEUE && seen.si_value.sival_int == 77);
    say("another signal's record", pidfd_send(self, SIGUSR2, &info, 0));
    say("signal 0", pidfd_send(self, 0, NULL, 0));
    say("signal 65", pidfd_send(self, 65, NULL, 0));
    say("unknown flag", pidfd_send(self, SIGUSR1, NULL, 1u << 20));
    const int directory = open("/proc/self", O_RDONLY | O_DIRECTORY);
    const int path = open("/proc/self", O_PATH), other = open("/proc/self/fd", O_RDONLY);
    say("signal by a directory", pidfd_send(directory, SIGUSR1, NULL, 0));
    CHECK(seen.si_code == SI_USER && seen.si_pid == getpid());
    say("by a path", pidfd_send(path, SIGUSR1, NULL, 0));
    say("by another directory", pidfd_send(other, SIGUSR1, NULL, 0));
    say("wait for a directory", waitid(P_PIDFD, directory, &info, WEXITED));
    close(directory), close(path), close(other);
    say("wait for oneself", waitid(P_PIDFD, self, &info, WEXITED));
    close(self);
}

static void children(void) {
    const pid_t child = fork();
    if (child == 0)
        for (;;) pause();
    const int fd = pidfd_open_(child, O_NONBLOCK);
    const int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    CHECK(fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    CHECK(epoll_wait(epoll, &event, 1, 0) == 0 && number_of(fd) == child);
    siginfo_t info = {.si_pid = 1};
    say("wait that may not block", waitid(P_PIDFD, fd, &info, WEXITED));
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0);
    siginfo_t pretended = {.si_signo = SIGUSR1, .si_code = SI_USER};
    say("a pretended kill", pidfd_send(fd, SIGUSR1, &pretended, 0));
    say("a kill", pidfd_send(fd, SIGKILL, NULL, 0));
    CHECK(epoll_wait(epoll, &event, 1, -1) == 1 && is_ready(fd));
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == child);
    printf("code %d, status %d\n", info.si_code, info.si_status);
    say("signal to a zombie", pidfd_send(fd, 0, NULL, 0));
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_pid == child);
    say("wait again", waitid(P_PIDFD, fd, &info, WEXITED));
    say("signal to a former child", pidfd_send(fd, 0, NULL, 0));
    say("descriptor of a former child", pidfd_get(fd, 0, 0));
    say("pidfd of a former child", pidfd_open_(child, 0));
    CHECK(is_ready(fd) && number_of(fd) == -1);
    close(fd);
    close(epoll);
}

static void taken(void) {
    int ways[2];
    CHECK(pipe(ways) == 0);
    const pid_t child = fork();
    if (child == 0) {
        int number = -1;
        char text[16] = "";
        CHECK(read(ways[0], &number, sizeof number) == sizeof number);
        const int parent = pidfd_open_(getppid(), 0);
        const int mine = pidfd_get(parent, number, 0);
        CHECK(mine >= 0 && fcntl(mine, F_GETFD) == FD_CLOEXEC);
        CHECK(pread(mine, text, sizeof text, 0) == 6 && strcmp(text, "memory") == 0);
        CHECK(write(mine, "MEM", 3) == 3);
        say("descriptor 5000", pidfd_get(parent, 5000, 0));
        say("descriptor -1", pidfd_get(parent, -1, 0));
        say("with a flag", pidfd_get(parent, number, 1));
        fflush(stdout);
        _exit(failures);
    }
    const int memory = memfd_create("memory", 0);
    CHECK(write(memory, "memory", 6) == 6 && lseek(memory, 0, SEEK_SET) == 0);
    CHECK(write(ways[1], &memory, sizeof memory) == sizeof memory);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(lseek(memory, 0, SEEK_CUR) == 3); // one position for both
    close(memory);
}

static void clones(void) {
    int fd = -1;
    pid_t told = 0;
    struct clone_arguments args = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
                                   .pidfd = (uintptr_t)&fd,
                                   .parent_tid = (uintptr_t)&told,
                                   .child_tid = (uintptr_t)&told,
                                   .exit_signal = SIGCHLD};
    fflush(stdout);
    pid_t child = clone3_(&args, sizeof args);
    if (child == 0) _exit(told == getpid() && fcntl(fd, F_GETFD) == -1 ? 3 : 4);
    CHECK(child > 0 && told == child && number_of(fd) == child);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    siginfo_t info;
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_status == 3);
    close(fd);

#ifdef __aarch64__ // the order of the arguments differs
    child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &fd, 0, NULL);
#else
    child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &fd, NULL, 0);
#endif
    if (child == 0) _exit(5);
    CHECK(child > 0 && number_of(fd) == child);
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_status == 5);
    close(fd);
    say("one word for both",
        syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &fd, NULL, 0));
    say("nowhere for the pidfd", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, 16, NULL, 0));

    signal(SIGUSR2, SIG_IGN);
    args = (struct clone_arguments){.flags = 0x100000000u, .exit_signal = SIGCHLD};
    child = clone3_(&args, sizeof args);
    if (child == 0) {
        struct sigaction caught, ignored;
        sigaction(SIGUSR1, NULL, &caught);
        sigaction(SIGUSR2, NULL, &ignored);
        _exit(caught.sa_handler == SIG_DFL && ignored.sa_handler == SIG_IGN ? 6 : 7);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 6);

    pid_t wanted = child; // free again
    args = (struct clone_arguments){
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
    child = clone3_(&args, sizeof args);
    if (child == 0) _exit(getpid() == wanted ? 8 : 9);
    CHECK(child == wanted && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 8);
    wanted = getpid();
    say("a number that is taken", clone3_(&args, sizeof args));
    wanted = -1;
    say("number -1", clone3_(&args, sizeof args));
}

/// The new thread finds an address below its stack's top, stores 42 there, and ends.
static long start_storing(struct clone_arguments* args) {
#ifdef __aarch64__
    register long number __asm__("x8") = SYS_clone3, result __asm__("x0") = (long)args,
                         size __asm__("x1") = sizeof *args;
    __asm__ volatile("svc 0\n cbnz x0, 1f\n ldr x1, [sp, #-8]\n mov w0, #42\n str w0, [x1]\n"
                     "mov x0, #0\n mov x8, #93\n svc 0\n 1:"
                     : "+r"(result), "+r"(size), "+r"(number)
                     :
                     : "memory");
#else
    long result = SYS_clone3;
    __asm__ volatile("syscall\n test %%rax, %%rax\n jnz 1f\n mov -8(%%rsp), %%rdi\n"
                     "movl $42, (%%rdi)\n xor %%edi, %%edi\n mov $60, %%eax\n syscall\n 1:"
                     : "+a"(result)
                     : "D"(args), "S"(sizeof *args)
                     : "rcx", "r11", "memory");
#endif
    return result;
}

static void thread_on_a_stack(void) {
    static _Alignas(16) char stack[8192];
    static volatile int stored, ends = 1;
    volatile int* const where = &stored;
    memcpy(stack + sizeof stack - sizeof where, &where, sizeof where);
    struct clone_arguments args = {.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                            CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
                                   .child_tid = (uintptr_t)&ends,
                                   .stack = (uintptr_t)stack,
                                   .stack_size = sizeof stack};
    CHECK(start_storing(&args) > 0);
    while (ends) syscall(SYS_futex, &ends, FUTEX_WAIT, 1, NULL, NULL, 0);
    CHECK(stored == 42);
}

/// Who is waited for says the signal of the child's end.
static void kinds_of_children(void) {
    for (int is_clone = 0; is_clone < 2; is_clone++) {
        struct clone_arguments args = {.exit_signal = is_clone ? SIGUSR2 : SIGCHLD};
        const pid_t child = clone3_(&args, sizeof args);
        if (child == 0) _exit(0);
        printf("%s:\n", is_clone ? "a clone" : "an ordinary child");
        say(" __WCLONE or not", waitpid(child, NULL, is_clone ? 0 : __WCLONE));
        say(" __WALL", waitpid(child, NULL, __WALL | __WNOTHREAD));
        say(" again", waitpid(child, NULL, __WALL));
    }
}

static void clone3_with(const char* what, struct clone_arguments args, size_t size) {
    char page[8192] = "";
    memcpy(page, &args, sizeof args);
    const long child = syscall(SYS_clone3, page, size);
    if (child == 0) _exit(0);
    say(what, child);
    if (child > 0) CHECK(waitpid(child, NULL, __WALL) == child);
}

static void clone3_refusals(void) {
    typedef struct clone_arguments args;
    const size_t all = sizeof(args);
    clone3_with("63 bytes", (args){.exit_signal = SIGCHLD}, 63);
    clone3_with("64 bytes", (args){.exit_signal = SIGCHLD}, 64);
    clone3_with("4096 bytes", (args){.exit_signal = SIGCHLD}, 4096);
    clone3_with("4097 bytes", (args){.exit_signal = SIGCHLD}, 4097);
    struct {
        args known;
        char more[8];
    } longer = {.known = {.exit_signal = SIGCHLD}, .more = {1}};
    say("more than is known", syscall(SYS_clone3, &longer, sizeof longer));
    say("from nowhere", syscall(SYS_clone3, 16, all));
    clone3_with("no signal at the end", (args){.exit_signal = 0}, all);
    clone3_with("signal 65", (args){.exit_signal = 65}, all);
    clone3_with("signal 257", (args){.exit_signal = 257}, all);
    clone3_with("a signal among the flags", (args){.flags = SIGCHLD}, all);
    clone3_with("CLONE_DETACHED", (args){.flags = 0x400000, .exit_signal = SIGCHLD}, all);
    clone3_with("an unknown flag", (args){.flags = 1ull << 60, .exit_signal = SIGCHLD}, all);
    clone3_with("a thread with a signal",
                (args){.flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, .exit_signal = SIGCHLD},
                all);
    clone3_with("handlers shared and cleared",
                (args){.flags = CLONE_VM | CLONE_SIGHAND | 0x100000000u, .exit_signal = SIGCHLD},
                all);
    clone3_with("a stack without size", (args){.exit_signal = SIGCHLD, .stack = 4096}, all);
    clone3_with("a size without stack", (args){.exit_signal = SIGCHLD, .stack_size = 4096}, all);
    clone3_with("a stack beyond memory",
                (args){.exit_signal = SIGCHLD, .stack = ~0ull - 8191, .stack_size = 4096}, all);
    clone3_with("numbers without count", (args){.exit_signal = SIGCHLD, .set_tid = 4096}, all);
    clone3_with("a count without numbers", (args){.exit_signal = SIGCHLD, .set_tid_size = 1}, all);
    clone3_with("33 numbers", (args){.exit_signal = SIGCHLD, .set_tid = 4096, .set_tid_size = 33},
                all);
    clone3_with("numbers from nowhere",
                (args){.exit_signal = SIGCHLD, .set_tid = 16, .set_tid_size = 1}, all);
    clone3_with("a directory that is none",
                (args){.flags = 0x200000000u, .exit_signal = SIGCHLD, .cgroup = 1000}, all);
    clone3_with("a directory beyond numbers",
                (args){.flags = 0x200000000u, .exit_signal = SIGCHLD, .cgroup = 1ull << 40}, all);
    int word;
    clone3_with("one word for two numbers",
                (args){.flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
                       .exit_signal = SIGCHLD,
                       .pidfd = (uintptr_t)&word,
                       .parent_tid = (uintptr_t)&word},
                all);
}

/// The descriptor that came with the next message; -1: none did.
static int sender_of(int socket) {
    char byte, control[64];
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    CHECK(recvmsg(socket, &message, 0) == 1);
    int fd = -1;
    for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_type == SCM_PIDFD) memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

static void say_about(const char* who, int fd, pid_t pid) {
    siginfo_t info;
    const int number = number_of(fd);
    printf("%s: is %s, %s\n", who,
           number == pid  ? "it"
           : number == -1 ? "gone"
                          : "another",
           is_ready(fd) ? "has ended" : "runs");
    say("signal", pidfd_send(fd, 0, NULL, 0));
    say("wait", waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG | WNOWAIT));
}

/// Who sent a message, or is on the other side of a connection: also when it has ended.
static void named_by_sockets(void) {
    int pair[2], hold[2], on = 1;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && pipe(hold) == 0);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSPIDFD, &on, sizeof on) == 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0drupe-pidfds"};
    const socklen_t length = sizeof name.sun_family + 1 + sizeof "drupe-pidfds" - 1;
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr*)&name, length) == 0 && listen(listener, 1) == 0);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        char byte = 'a';
        const int client = socket(AF_UNIX, SOCK_STREAM, 0);
        close(hold[1]);
        if (connect(client, (struct sockaddr*)&name, length) != 0) _exit(1);
        if (write(pair[0], &byte, 1) != 1 || write(pair[0], &byte, 1) != 1) _exit(2);
        _exit(read(hold[0], &byte, 1) != 0); // until the parent closes it
    }
    const int server = accept(listener, NULL, NULL);
    int peer = -1;
    socklen_t size = sizeof peer;
    CHECK(getsockopt(server, SOL_SOCKET, SO_PEERPIDFD, &peer, &size) == 0 && size == sizeof peer);
    const int sender = sender_of(pair[1]);
    say_about("sender", sender, child);
    say_about("peer", peer, child);
    close(hold[1]);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    say_about("sender", sender, child);
    say_about("peer", peer, child);
    const int late = sender_of(pair[1]);
    say_about("late sender", late, child);
    int again = -1;
    CHECK(getsockopt(server, SOL_SOCKET, SO_PEERPIDFD, &again, &size) == 0);
    say_about("late peer", again, child);
    for (int fd = 0; fd < 8; fd++)
        close((int[]){pair[0], pair[1], hold[0], listener, server, peer, late, again}[fd]);
    close(sender);
}

int main(void) {
    refusals();
    oneself();
    children();
    fflush(stdout);
    taken();
    clones();
    thread_on_a_stack();
    kinds_of_children();
    clone3_refusals();
    named_by_sockets();
    return verdict("pidfds are right");
}
