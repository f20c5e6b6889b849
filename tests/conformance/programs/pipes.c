// SPDX-License-Identifier: BSD-2-Clause
// Pipes and what waits for them: ends, atomic writes, SIGPIPE, poll, select, epoll, fifos, eventfd.
#define _GNU_SOURCE
#include "trace.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int polled(int fd, short events) {
    struct pollfd p = {fd, events, 0};
    const int count = poll(&p, 1, 0);
    return count * 1000 + p.revents;
}

static volatile int sigpipes;
static void on_sigpipe(int signo) { sigpipes += signo == SIGPIPE; }

static void ends(void) {
    int p[2];
    CALL(pipe2(p, O_CLOEXEC | O_NONBLOCK));
    CALL(fcntl(p[0], F_GETFD));
    CALL(fcntl(p[1], F_GETFL));
    char buffer[65536];
    CALL(read(p[0], buffer, 1));
    CALL(polled(p[0], POLLIN | POLLOUT));
    CALL(polled(p[1], POLLIN | POLLOUT));
    CALL(write(p[1], "hello", 5));
    CALL(write(p[1], buffer, 0));
    int waiting;
    CALL(ioctl(p[0], FIONREAD, &waiting));
    printf("%d\n", waiting);
    CALL(polled(p[0], POLLIN));
    CALL(read(p[0], buffer, 3));
    CALL(read(p[0], buffer, 3));
    CALL(fcntl(p[1], F_GETPIPE_SZ));
    CALL(fcntl(p[1], F_SETPIPE_SZ, 4096));
    CALL(write(p[1], buffer, sizeof buffer)); // a part
    CALL(write(p[1], buffer, 1));
    CALL(polled(p[1], POLLOUT));
    CALL(read(p[0], buffer, 1));
    CALL(read(p[0], buffer, sizeof buffer));
    CALL(polled(p[1], POLLOUT));
    CALL(lseek(p[0], 0, SEEK_CUR));
    CALL(pread(p[0], buffer, 1, 0));
    CALL(read(p[1], buffer, 1));
    CALL(write(p[0], buffer, 1));
    struct stat s;
    CALL(fstat(p[0], &s));
    TRUTH(S_ISFIFO(s.st_mode));
    CALL(write(p[1], "last", 4));
    CALL(close(p[1]));
    CALL(polled(p[0], POLLIN));
    CALL(read(p[0], buffer, 10));
    CALL(polled(p[0], POLLIN));
    CALL(read(p[0], buffer, 10));
    CALL(close(p[0]));

    CALL(pipe(p));
    CALL(close(p[0]));
    CALL(polled(p[1], POLLOUT));
    signal(SIGPIPE, on_sigpipe);
    CALL(write(p[1], "x", 1));
    CALL(sigpipes);
    signal(SIGPIPE, SIG_IGN);
    CALL(write(p[1], "x", 1));
    CALL(close(p[1]));
    CALL(pipe((int*)8));
    CALL(pipe2(p, 1));
}

static void between_processes(void) {
    int to[2], from[2];
    CALL(pipe(to));
    CALL(pipe(from));
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        close(to[1]), close(from[0]);
        char buffer[3000];
        long sum = 0;
        for (ssize_t got; (got = read(to[0], buffer, sizeof buffer)) > 0;)
            for (ssize_t n = 0; n < got; n++) sum = (sum * 31 + (unsigned char)buffer[n]) % 1000003;
        (void)!write(from[1], &sum, sizeof sum);
        _exit(3);
    }
    close(to[0]), close(from[1]);
    long sum = 0, answer = -1;
    unsigned char block[7000];
    for (int round = 0; round < 100; round++) {
        for (size_t n = 0; n < sizeof block; n++) {
            block[n] = (unsigned char)(n * 7 + (size_t)round);
            sum = (sum * 31 + block[n]) % 1000003;
        }
        if (write(to[1], block, sizeof block) != sizeof block) puts("a short write");
    }
    close(to[1]);
    CALL(read(from[0], &answer, sizeof answer));
    TRUTH(answer == sum);
    int status;
    CALL(waitpid(child, &status, 0) == child);
    printf("%#x\n", status);
    close(from[0]);
}

static void* give_later(void* fd) {
    usleep(20000);
    (void)!write(*(int*)fd, "z", 1);
    return NULL;
}

static void waiting(void) {
    int p[2];
    CALL(pipe(p));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    struct timeval short_time = {0, 1000};
    CALL(select(p[0] + 1, &set, NULL, NULL, &short_time));
    TRUTH(!FD_ISSET(p[0], &set));
    TRUTH(short_time.tv_sec == 0 && short_time.tv_usec == 0);
    pthread_t thread;
    pthread_create(&thread, NULL, give_later, &p[1]);
    FD_SET(p[0], &set);
    CALL(select(p[0] + 1, &set, NULL, NULL, NULL));
    TRUTH(FD_ISSET(p[0], &set));
    pthread_join(thread, NULL);

    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0u}, got[4];
    CALL(epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event));
    CALL(epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event));
    CALL(epoll_ctl(epoll, EPOLL_CTL_DEL, p[1], &event));
    CALL(epoll_wait(epoll, got, 4, 0));
    printf("%x %llx\n", got[0].events, (unsigned long long)got[0].data.u64);
    event.events = EPOLLIN | EPOLLET;
    CALL(epoll_ctl(epoll, EPOLL_CTL_MOD, p[0], &event));
    CALL(epoll_wait(epoll, got, 4, 0));
    CALL(epoll_wait(epoll, got, 4, 0)); // nothing new
    CALL(write(p[1], "y", 1));
    CALL(epoll_wait(epoll, got, 4, 0));
    event.events = EPOLLIN | EPOLLONESHOT;
    CALL(epoll_ctl(epoll, EPOLL_CTL_MOD, p[0], &event));
    CALL(epoll_wait(epoll, got, 4, 0));
    CALL(epoll_wait(epoll, got, 4, 0));
    CALL(close(p[1]));
    event.events = 0;
    CALL(epoll_ctl(epoll, EPOLL_CTL_MOD, p[0], &event));
    CALL(epoll_wait(epoll, got, 4, 0));
    printf("%x\n", got[0].events);
    CALL(close(p[0]));
    CALL(epoll_wait(epoll, got, 4, 0));
    CALL(epoll_wait(epoll, got, 0, 0));

    const int counter = eventfd(3, EFD_NONBLOCK);
    uint64_t value = 4;
    CALL(write(counter, &value, 8));
    CALL(read(counter, &value, 8));
    printf("%llu\n", (unsigned long long)value);
    CALL(read(counter, &value, 8));
    CALL(read(counter, &value, 4));
    value = UINT64_MAX;
    CALL(write(counter, &value, 8));
    const int semaphore = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
    CALL(read(semaphore, &value, 8));
    CALL(read(semaphore, &value, 8));
    CALL(read(semaphore, &value, 8));
}

static void fifos(void) {
    CALL(mkfifo("fifo", 0644));
    CALL(mkfifo("fifo", 0644));
    CALL(open("fifo", O_WRONLY | O_NONBLOCK));
    const int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    char buffer[8];
    CALL(read(reader, buffer, 8)); // no writer: the end
    CALL(polled(reader, POLLIN));
    const int writer = open("fifo", O_WRONLY);
    CALL(read(reader, buffer, 8));
    CALL(write(writer, "fifo", 4));
    CALL(read(reader, buffer, 8));
    CALL(close(writer));
    CALL(polled(reader, POLLIN));
    int p[2];
    CALL(pipe(p));
    const int again = open("fifo", O_RDWR);
    CALL(write(again, "copied", 6));
    CALL(tee(reader, p[1], 100, 0));
    CALL(splice(reader, NULL, p[1], NULL, 3, 0));
    CALL(read(p[0], buffer, 8));
    CALL(read(p[0], buffer, 8));
    CALL(read(reader, buffer, 8));
}

int main(void) {
    ends();
    between_processes();
    waiting();
    fifos();
    return 0;
}
