// SPDX-License-Identifier: BSD-2-Clause
// What a program sees of its terminal: the lines, the keys, the signals, the window. It obeys the
// lines that it reads: "raw" (report keys one by one until q), "output", "size", "modes", "exit N".
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught[NSIG];

static void note(int number) { caught[number] = 1; }

static void print_size(const char* before) {
    struct winsize size = {0};
    if (ioctl(0, TIOCGWINSZ, &size) != 0) perror("TIOCGWINSZ");
    printf("%s%d rows %d columns\n", before, size.ws_row, size.ws_col);
}

static void print_caught(void) {
    static const struct {
        int number;
        const char* name;
    } signals[] = {{SIGINT, "SIGINT"}, {SIGQUIT, "SIGQUIT"}, {SIGTSTP, "SIGTSTP"}};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (caught[signals[i].number]) {
            caught[signals[i].number] = 0;
            printf("caught %s\n", signals[i].name);
        }
    if (caught[SIGWINCH]) {
        caught[SIGWINCH] = 0;
        print_size("window ");
    }
}

static void print_modes(void) {
    struct termios t;
    if (tcgetattr(0, &t) != 0) perror("tcgetattr");
    // Without what a serial line has and a pseudo-terminal has not.
    const tcflag_t control = t.c_cflag & ~(tcflag_t)(CBAUD | HUPCL);
    printf("modes %o %o %o %o:", t.c_iflag, t.c_oflag, control, t.c_lflag);
    for (int i = 0; i < 17; i++) printf(" %d", t.c_cc[i]);
    printf("\n");
}

static void report_keys(void) {
    struct termios before, raw;
    tcgetattr(0, &before);
    raw = before;
    cfmakeraw(&raw);
    tcsetattr(0, TCSADRAIN, &raw);
    printf("keys:");
    unsigned char key = 0;
    while (key != 'q' && read(0, &key, 1) == 1) printf(" %02x", key);
    tcsetattr(0, TCSADRAIN, &before);
    printf("\n");
}

// How often SIGUSR1 tells what became possible, until nothing more comes.
static int times_told(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    const struct timespec soon = {.tv_nsec = 50 * 1000 * 1000};
    int times = 0;
    while (sigtimedwait(&set, NULL, &soon) == SIGUSR1) times++;
    return times;
}

// O_ASYNC for output: only who gave up writing is told that it goes on, and once. Linux also tells when somebody takes
// what was written before, so it may come before tcflow.
static void report_output(void) {
    const int before = fcntl(1, F_GETFL);
    fcntl(1, F_SETSIG, SIGUSR1);
    fcntl(1, F_SETOWN, getpid());
    fcntl(1, F_SETFL, before | O_ASYNC | O_NONBLOCK);
    tcflow(1, TCOOFF);
    const ssize_t written = write(1, "held", 4);
    int told = times_told();
    tcflow(1, TCOON);
    told += times_told();
    tcflow(1, TCOOFF);
    tcflow(1, TCOON);
    const int again = times_told();
    fcntl(1, F_SETFL, before);
    fcntl(1, F_SETSIG, 0);
    printf("output: %zd, told %d, then %d\n", written, told, again);
}

static void print_quoted(const char* bytes, ssize_t count) {
    printf("line of %zd:", count);
    for (ssize_t i = 0; i < count; i++) printf(" %02x", (unsigned char)bytes[i]);
    printf("\n");
}

// Signals wait for read_line: one that came before a plain read would not interrupt it.
static void catch_signals(void) {
    static const int numbers[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &(struct sigaction){.sa_handler = note}, NULL);
        sigaddset(&blocked, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}

// The length, or -1 when a signal came first.
static ssize_t read_line(char* line, size_t size) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    sigset_t none;
    sigemptyset(&none);
    if (ppoll(&input, 1, NULL, &none) < 0) return -1;
    return read(0, line, size);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    catch_signals();
    printf("terminals: %d%d%d, foreground %d, leader %d\n", isatty(0), isatty(1), isatty(2),
           tcgetpgrp(0) == getpgrp(), getsid(0) == getpid());
    for (;;) {
        char line[300];
        printf("> ");
        const ssize_t count = read_line(line, sizeof line - 1);
        print_caught();
        if (count < 0) continue;
        if (count == 0) printf("end of input\n");
        line[count] = '\0';
        if (strcmp(line, "raw\n") == 0)
            report_keys();
        else if (strcmp(line, "output\n") == 0)
            report_output();
        else if (strcmp(line, "size\n") == 0)
            print_size("size ");
        else if (strcmp(line, "modes\n") == 0)
            print_modes();
        else if (strncmp(line, "exit ", 5) == 0)
            return atoi(line + 5);
        else if (count > 0)
            print_quoted(line, count);
    }
}
