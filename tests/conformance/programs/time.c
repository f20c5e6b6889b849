// SPDX-License-Identifier: BSD-2-Clause
// Time: zones, calendar arithmetic, formats, clocks, sleeps, timers.
#define _GNU_SOURCE
#include "trace.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void zones(void) {
    static const char* const names[] = {"UTC",
                                        "Europe/Berlin",
                                        "America/New_York",
                                        "Asia/Kolkata",
                                        "Australia/Sydney",
                                        "Pacific/Apia",
                                        "CET-1CEST,M3.5.0,M10.5.0/3",
                                        "EST5EDT",
                                        "<+0330>-3:30"};
    static const time_t times[] = {0,          951782400,    1000000000, 1325239200,
                                   1616893199, 1616893200,   1635641999, 1635642000,
                                   2147483647, -86400 * 365, 2500000000, 4102444800};
    for (size_t z = 0; z < sizeof names / sizeof *names; z++) {
        setenv("TZ", names[z], 1);
        tzset();
        printf("%s: %s %s %ld %d\n", names[z], tzname[0], tzname[1], timezone, daylight);
        for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
            struct tm tm;
            char text[80];
            localtime_r(&times[t], &tm);
            strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %Z %z %a %j", &tm);
            struct tm back = tm;
            printf("%ld: %s dst %d, back %ld\n", (long)times[t], text, tm.tm_isdst,
                   (long)(mktime(&back) - times[t]));
        }
    }
}

static void calendar(void) {
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    struct tm tm = {
        .tm_year = 124, .tm_mon = 13, .tm_mday = 31, .tm_hour = 25, .tm_min = -1, .tm_isdst = -1};
    printf("%ld", (long)mktime(&tm));
    printf(": %d-%d-%d %d:%d:%d wday %d yday %d dst %d\n", tm.tm_year, tm.tm_mon, tm.tm_mday,
           tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_wday, tm.tm_yday, tm.tm_isdst);
    struct tm gap = {.tm_year = 121, .tm_mon = 2, .tm_mday = 28, .tm_hour = 4, .tm_isdst = -1};
    printf("%ld\n", (long)mktime(&gap));
    const time_t leap = 1709210096; // 2024-02-29
    gmtime_r(&leap, &tm);
    char text[200];
    strftime(text, sizeof text, "%A %B %d %e %C %y %G-W%V-%u %U %w %p %I %D %T %F %R %n%t%%", &tm);
    puts(text);
    printf("%ld %s", (long)timegm(&tm), asctime_r(&tm, text));
    memset(&tm, 0, sizeof tm);
    const char* rest = strptime("2023-11-05 01:30:59 tail", "%Y-%m-%d %H:%M:%S", &tm);
    printf("%s %d %d %d\n", rest ? rest : "(none)", tm.tm_year, tm.tm_mon, tm.tm_hour);
    printf("%g\n", difftime(100, 40));
}

static void clocks(void) {
    struct timespec a, b, resolution;
    static const clockid_t ids[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,
                                    CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                                    CLOCK_MONOTONIC_RAW,      CLOCK_BOOTTIME};
    for (size_t n = 0; n < sizeof ids / sizeof *ids; n++) {
        CALL(clock_gettime(ids[n], &a));
        CALL(clock_gettime(ids[n], &b));
        TRUTH(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
        CALL(clock_getres(ids[n], &resolution));
        printf("%ld %ld\n", (long)resolution.tv_sec, resolution.tv_nsec);
    }
    CALL(clock_gettime(99, &a));
    struct timeval tv;
    CALL(gettimeofday(&tv, NULL));
    TRUTH(labs((long)(tv.tv_sec - time(NULL))) <= 1 && tv.tv_sec > 1700000000);
}

static long since(const struct timespec* begin) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin->tv_sec) * 1000000000 + now.tv_nsec - begin->tv_nsec;
}

static volatile int ticks;
static void on_tick(int signo, siginfo_t* info, void* context) {
    (void)context, (void)signo;
    if (info->si_code == SI_TIMER) ticks += info->si_value.sival_int;
}

static void sleeps(void) {
    struct timespec begin, length = {0, 3000000};
    clock_gettime(CLOCK_MONOTONIC, &begin);
    CALL(nanosleep(&length, NULL));
    TRUTH(since(&begin) >= 3000000);
    length.tv_nsec = 1000000000;
    CALL(nanosleep(&length, NULL));
    length = begin;
    CALL(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &length, NULL)); // past
    CALL(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &length, NULL));

    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR2, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    event.sigev_value.sival_int = 7;
    timer_t timer;
    CALL(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec once = {{0, 0}, {0, 2000000}}, left;
    CALL(timer_settime(timer, 0, &once, NULL));
    while (ticks == 0) pause();
    CALL(ticks);
    CALL(timer_gettime(timer, &left));
    printf("%ld %ld\n", (long)left.it_value.tv_sec, left.it_value.tv_nsec);
    CALL(timer_getoverrun(timer));
    CALL(timer_delete(timer));
    CALL(timer_delete(timer));

    CALL(alarm(100));
    CALL(alarm(0) > 98);
}

int main(void) {
    zones();
    calendar();
    clocks();
    sleeps();
    return 0;
}
