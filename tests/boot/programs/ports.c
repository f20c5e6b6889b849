/* SPDX-License-Identifier: BSD-2-Clause */
/* ports NAME: sends back in capitals what comes through the port of that name, up to a '!'. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void wait_for(int fd, short events) {
    struct pollfd one = {fd, events, 0};
    if (poll(&one, 1, -1) != 1) exit(3);
}

int main(int argc, char** argv) {
    char path[128], target[64] = "", buffer[5000];
    if (argc != 2) return 2;
    snprintf(path, sizeof path, "/dev/virtio-ports/%s", argv[1]);
    if (readlink(path, target, sizeof target - 1) < 0) perror(path);
    printf("%s\n", strncmp(target, "../vport", 8) == 0 ? "a link to a port" : target);
    int fd = open(path, O_RDWR | O_NONBLOCK);
    if (fd < 0) return 4;
    if (open(path, O_RDWR) >= 0 || errno != EBUSY) return 5;
    for (int is_over = 0; !is_over;) {
        wait_for(fd, POLLIN);
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) return 6;
        for (ssize_t i = 0; i < got; i++) {
            if (buffer[i] == '!') is_over = 1;
            if (buffer[i] >= 'a' && buffer[i] <= 'z') buffer[i] -= 'a' - 'A';
        }
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(fd, buffer + done, got - done);
            if (put < 0 && errno != EAGAIN) return 7;
            if (put > 0)
                done += put;
            else
                wait_for(fd, POLLOUT);
        }
    }
    close(fd);
    printf("hvc0 is %s\n", access("/dev/hvc0", F_OK) == 0 ? "here" : "not here");
    return 37;
}
