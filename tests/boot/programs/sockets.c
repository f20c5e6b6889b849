// SPDX-License-Identifier: BSD-2-Clause
// A server with an epoll and clients in threads, over sockets with names; descriptors and
// credentials in messages; ends of all kinds.
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { clients = 4, questions = 50 };
static const char path[] = "/tmp/drupe-sockets";

static int connect_to(const char* name, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, name);
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr*)&address, sizeof address) == 0);
    return fd;
}

static void* client(void* argument) {
    const int fd = connect_to(path, SOCK_STREAM);
    char text[32], answer[32];
    for (int i = 0; i < questions; i++) {
        const int length = sprintf(text, "%ld-%03d", (long)argument, i);
        CHECK(send(fd, text, length, 0) == length);
        CHECK(recv(fd, answer, length, MSG_WAITALL) == length);
        CHECK(memcmp(text, answer, length) == 0);
    }
    shutdown(fd, SHUT_WR);
    CHECK(recv(fd, answer, sizeof answer, 0) == 0);
    close(fd);
    return NULL;
}

static void serve(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path);
    CHECK(bind(listener, (struct sockaddr*)&address, sizeof address) == 0);
    struct stat st;
    CHECK(stat(path, &st) == 0 && S_ISSOCK(st.st_mode));
    CHECK(listen(listener, 2) == 0);
    const int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.fd = listener}};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0);
    pthread_t threads[clients];
    for (long i = 0; i < clients; i++)
        CHECK(pthread_create(&threads[i], NULL, client, (void*)i) == 0);
    long bytes = 0;
    for (int left = clients; left > 0;) {
        CHECK(epoll_wait(epoll, &event, 1, -1) == 1);
        if (event.data.fd == listener) {
            const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0) continue;
            event = (struct epoll_event){EPOLLIN | EPOLLRDHUP | EPOLLET, {.fd = fd}};
            CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
            continue;
        }
        char text[64];
        ssize_t n;
        while ((n = read(event.data.fd, text, sizeof text)) > 0) {
            bytes += n;
            CHECK(write(event.data.fd, text, n) == n);
        }
        if (n == 0) {
            struct pollfd ended = {event.data.fd, POLLRDHUP, 0};
            CHECK(poll(&ended, 1, 0) == 1 && ended.revents == POLLRDHUP);
            close(event.data.fd);
            left--;
        } else {
            CHECK(errno == EAGAIN);
        }
    }
    for (int i = 0; i < clients; i++) pthread_join(threads[i], NULL);
    printf("%ld bytes answered\n", bytes);
    CHECK(unlink(path) == 0);
    close(listener);
}

static void send_file(int type) {
    int pair[2];
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
    const int on = 1;
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    const int file = open("/tmp/drupe-passed", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(write(file, "contents", 8) == 8);
    char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))] = {0};
    char text[16] = "take this";
    struct iovec vector = {text, 9};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &file, sizeof file);
    CHECK(sendmsg(pair[0], &message, 0) == 9);
    close(file);
    vector.iov_len = sizeof text;
    message.msg_controllen = sizeof control;
    CHECK(recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) == 9);
    for (header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(header), sizeof who);
            printf("from %d\n", who.pid == getpid() && who.uid == getuid());
        } else {
            int got;
            char back[9] = "";
            memcpy(&got, CMSG_DATA(header), sizeof got);
            CHECK(pread(got, back, 8, 0) == 8);
            printf("descriptor with %s, flags %d\n", back, fcntl(got, F_GETFD));
            close(got);
        }
    }
    close(pair[0]);
    printf("after the end: %zd\n", recv(pair[1], text, sizeof text, MSG_DONTWAIT));
    printf("error %d\n", errno);
    close(pair[1]);
    unlink("/tmp/drupe-passed");
}

static volatile int pipes;
static void on_pipe(int signo) { pipes += signo == SIGPIPE; }

static void ends(void) {
    int pair[2];
    signal(SIGPIPE, on_pipe);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(write(pair[0], "unread", 6) == 6);
    close(pair[1]);
    char byte;
    CHECK(read(pair[0], &byte, 1) == -1 && errno == ECONNRESET);
    CHECK(read(pair[0], &byte, 1) == 0);
    CHECK(write(pair[0], "x", 1) == -1 && errno == EPIPE);
    CHECK(send(pair[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
    struct pollfd poll_for = {pair[0], POLLIN | POLLOUT | POLLRDHUP, 0};
    CHECK(poll(&poll_for, 1, 0) == 1);
    printf("SIGPIPE came %d times, events %x\n", pipes, poll_for.revents);
    close(pair[0]);
}

int main(void) {
    mkdir("/tmp", 01777);
    serve();
    send_file(SOCK_STREAM);
    send_file(SOCK_DGRAM);
    send_file(SOCK_SEQPACKET);
    ends();
    return verdict("sockets do what they should");
}
