// SPDX-License-Identifier: BSD-2-Clause
// Message queues as files, what the C library starts threads for (messages and timers that tell of
// themselves by SIGEV_THREAD), and what inotify tells of programs that run.
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char* path) {
    char text[128] = "";
    const int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    char* const pid = strstr(text, "NOTIFY_PID:");
    if (pid) {
        const int number = atoi(pid + strlen("NOTIFY_PID:"));
        CHECK(number == 0 || number == getpid());
        strcpy(pid, number == 0 ? "nobody\n" : "this process\n");
    }
    printf("%s: %s", path, text);
}

static void list(const char* path) {
    struct dirent** names;
    const int n = scandir(path, &names, NULL, alphasort);
    CHECK(n >= 2);
    for (int i = 0; i < n; i++) {
        printf("%s%s", i ? " " : "names: ", names[i]->d_name);
        free(names[i]);
    }
    free(names);
    puts("");
}

static void files(void) {
    show("/proc/sys/fs/mqueue/queues_max");
    show("/proc/sys/fs/mqueue/msg_max");
    show("/proc/sys/fs/mqueue/msgsize_max");
    const struct mq_attr limits = {.mq_maxmsg = 5, .mq_msgsize = 32};
    const mqd_t queue = mq_open("/made-by-call", O_RDWR | O_CREAT | O_EXCL, 0640, &limits);
    CHECK(queue != (mqd_t)-1);
    struct stat state;
    CHECK(stat("/dev/mqueue/made-by-call", &state) == 0);
    printf("mode %o, %ld bytes, owner %u\n", state.st_mode, (long)state.st_size, state.st_uid);
    show("/dev/mqueue/made-by-call");
    CHECK(mq_send(queue, "thirteen byte", 13, 1) == 0);
    show("/dev/mqueue/made-by-call");
    const int file = open("/dev/mqueue/made-as-file", O_RDWR | O_CREAT, 0600);
    CHECK(file >= 0 && mq_send(file, "a message", 9, 0) == 0);
    struct mq_attr now;
    CHECK(mq_getattr(file, &now) == 0);
    printf("%ld messages of %ld bytes, %ld there\n", now.mq_maxmsg, now.mq_msgsize, now.mq_curmsgs);
    const mqd_t other = mq_open("/made-as-file", O_RDONLY);
    char text[8192];
    CHECK(mq_receive(other, text, sizeof text, NULL) == 9);
    list("/dev/mqueue");
    CHECK(unlink("/dev/mqueue/made-by-call") == 0);
    CHECK(mq_unlink("/made-by-call") == -1 && errno == ENOENT);
    CHECK(mq_unlink("/made-as-file") == 0);
    CHECK(access("/dev/mqueue/made-as-file", F_OK) == -1 && errno == ENOENT);
    CHECK(mkdir("/dev/mqueue/folder", 0700) == -1 && errno == EPERM);
    list("/dev/mqueue");
    CHECK(mq_close(queue) == 0 && mq_close(other) == 0 && close(file) == 0);
}

static pthread_t first_thread;
static mqd_t queue;
static sem_t told;
static struct sigevent event;
static int messages;

/// In a thread of its own each time; asks for the next one before it reads, as one must.
static void message_came(union sigval value) {
    CHECK(!pthread_equal(pthread_self(), first_thread));
    CHECK(value.sival_int == 77);
    pthread_attr_t attributes;
    size_t stack = 0;
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstacksize(&attributes, &stack) == 0 && stack >= 256 * 1024);
    pthread_attr_destroy(&attributes);
    CHECK(mq_notify(queue, &event) == 0);
    char text[32];
    while (mq_receive(queue, text, sizeof text, NULL) >= 0) messages++;
    CHECK(errno == EAGAIN);
    sem_post(&told);
}

static void by_messages(void) {
    const struct mq_attr limits = {.mq_maxmsg = 5, .mq_msgsize = 32};
    queue = mq_open("/notices", O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &limits);
    CHECK(queue != (mqd_t)-1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    event.sigev_notify = SIGEV_THREAD;
    event.sigev_value.sival_int = 77;
    event.sigev_notify_function = message_came;
    event.sigev_notify_attributes = &attributes;
    CHECK(mq_notify(queue, &event) == 0);
    CHECK(mq_notify(queue, &event) == -1 && errno == EBUSY);
    show("/dev/mqueue/notices"); // its closing takes the request back
    CHECK(mq_notify(queue, &event) == 0);
    for (int i = 0; i < 20; i++) {
        CHECK(mq_send(queue, "message", 7, 0) == 0);
        while (sem_wait(&told) != 0) {}
    }
    printf("heard of %d messages\n", messages);
    CHECK(mq_notify(queue, NULL) == 0);
    show("/dev/mqueue/notices");
    CHECK(mq_send(queue, "unheard", 7, 0) == 0);
    usleep(20 * 1000);
    CHECK(sem_trywait(&told) == -1 && errno == EAGAIN);
    CHECK(mq_close(queue) == 0 && mq_unlink("/notices") == 0);
    pthread_attr_destroy(&attributes);
}

static sem_t expired[2];
static void timer_expired(union sigval value) {
    CHECK(!pthread_equal(pthread_self(), first_thread));
    sem_post(value.sival_ptr);
}

static void by_timers(void) {
    timer_t timers[2];
    for (int i = 0; i < 2; i++) {
        struct sigevent how = {.sigev_notify = SIGEV_THREAD,
                               .sigev_notify_function = timer_expired,
                               .sigev_value.sival_ptr = &expired[i]};
        CHECK(timer_create(i ? CLOCK_REALTIME : CLOCK_MONOTONIC, &how, &timers[i]) == 0);
    }
    const struct itimerspec once = {.it_value.tv_nsec = 5 * 1000 * 1000};
    const struct itimerspec often = {.it_value.tv_nsec = 5 * 1000 * 1000,
                                     .it_interval.tv_nsec = 5 * 1000 * 1000};
    CHECK(timer_settime(timers[0], 0, &once, NULL) == 0);
    CHECK(timer_settime(timers[1], 0, &often, NULL) == 0);
    while (sem_wait(&expired[0]) != 0) {}
    for (int i = 0; i < 5; i++)
        while (sem_wait(&expired[1]) != 0) {}
    CHECK(timer_delete(timers[1]) == 0);
    struct itimerspec left;
    CHECK(timer_gettime(timers[0], &left) == 0 && left.it_value.tv_nsec == 0);
    CHECK(timer_getoverrun(timers[0]) == 0);
    CHECK(timer_settime(timers[0], 0, &once, NULL) == 0); // once more
    while (sem_wait(&expired[0]) != 0) {}
    CHECK(timer_delete(timers[0]) == 0);
    CHECK(sem_trywait(&expired[0]) == -1 && errno == EAGAIN);
    puts("timers expired");
}

static void copy_program(const char* to) {
    char bytes[4096];
    const int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
    CHECK(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;) CHECK(write(out, bytes, n) == n);
    CHECK(close(in) == 0 && close(out) == 0);
}

static void show_events(int watcher) {
    char bytes[4096] __attribute__((aligned(8)));
    const ssize_t n = read(watcher, bytes, sizeof bytes);
    for (const char* at = bytes; at < bytes + n;) {
        const struct inotify_event* event = (const struct inotify_event*)at;
        printf(" %x %s", event->mask, event->len ? event->name : "-");
        at += sizeof *event + event->len;
    }
    puts("");
}

static void programs(void) {
    char folder[] = "/tmp/notices-XXXXXX", program[64], script[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(program, sizeof program, "%s/program", folder);
    snprintf(script, sizeof script, "%s/script", folder);
    copy_program(program);
    FILE* const text = fopen(script, "w");
    fprintf(text, "#!%s an option\n", program);
    fclose(text);
    CHECK(chmod(script, 0755) == 0);
    const int watcher = inotify_init1(IN_NONBLOCK);
    CHECK(inotify_add_watch(watcher, folder, IN_ALL_EVENTS) == 1);
    for (int i = 0; i < 2; i++) {
        const char* const path = i ? script : program;
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            execl(path, path, "as a child", (char*)NULL);
            _exit(1);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        printf("%s:", i ? "script" : "program");
        show_events(watcher);
    }
    close(watcher);
    CHECK(unlink(program) == 0 && unlink(script) == 0 && rmdir(folder) == 0);
}

int main(int count, char** words) {
    (void)words;
    if (count > 1) return 0; // a child of programs()
    alarm(60);
    first_thread = pthread_self();
    sem_init(&told, 0, 0);
    sem_init(&expired[0], 0, 0);
    sem_init(&expired[1], 0, 0);
    files();
    by_messages();
    by_timers();
    programs();
    return verdict("queues are files and threads are told");
}
