// SPDX-License-Identifier: BSD-2-Clause
// inotify: a thread that waits in epoll hears what another does in a directory.
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/watches-XXXXXX";

static void* work(void* unused) {
    char path[64], other[64];
    snprintf(path, sizeof path, "%s/one", folder);
    snprintf(other, sizeof other, "%s/a-rather-long-name-for-a-file", folder);
    const int fd = open(path, O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0 && write(fd, "text", 4) == 4);
    char text[4];
    CHECK(pread(fd, text, 4, 0) == 4);
    CHECK(close(fd) == 0);
    CHECK(chmod(path, 0640) == 0);
    CHECK(rename(path, other) == 0);
    CHECK(unlink(other) == 0);
    CHECK(mkdir(path, 0700) == 0 && rmdir(path) == 0);
    CHECK(rmdir(folder) == 0);
    return unused;
}

static void show(const struct inotify_event* event, unsigned* cookie) {
    // The two events of a rename belong together; the number itself means nothing.
    if (event->mask & IN_MOVED_FROM) *cookie = event->cookie;
    if (event->mask & IN_MOVED_TO) CHECK(event->cookie == *cookie && *cookie != 0);
    printf("%d %08x %s\n", event->wd, event->mask, event->len ? event->name : "-");
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    const int poller = epoll_create1(0);
    CHECK(fd >= 0 && inotify_add_watch(fd, folder, IN_ALL_EVENTS) == 1);
    CHECK(inotify_add_watch(fd, "/nowhere", IN_OPEN) == -1 && errno == ENOENT);
    struct epoll_event ready = {.events = EPOLLIN};
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &ready) == 0);
    CHECK(epoll_wait(poller, &ready, 1, 0) == 0);
    pthread_t worker;
    CHECK(pthread_create(&worker, NULL, work, NULL) == 0);
    char bytes[4096] __attribute__((aligned(8)));
    unsigned cookie = 0;
    for (int over = 0; !over;) {
        CHECK(epoll_wait(poller, &ready, 1, -1) == 1 && ready.events == EPOLLIN);
        int waiting = 0;
        CHECK(ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0);
        const ssize_t n = read(fd, bytes, sizeof bytes);
        CHECK(n >= waiting);
        for (char* at = bytes; at < bytes + n;) {
            const struct inotify_event* event = (const struct inotify_event*)at;
            show(event, &cookie);
            over = over || (event->mask & IN_IGNORED);
            at += sizeof *event + event->len;
        }
    }
    pthread_join(worker, NULL);
    CHECK(read(fd, bytes, sizeof bytes) == -1 && errno == EAGAIN);
    CHECK(inotify_rm_watch(fd, 1) == -1 && errno == EINVAL);
    return verdict("everything was heard");
}
