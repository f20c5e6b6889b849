// SPDX-License-Identifier: BSD-2-Clause
// Standard input and output: formats, scanning, buffers, positions, streams of memory.
#define _GNU_SOURCE
#include "trace.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

static void formats(void) {
    printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d] [%.3d] [%x] [%#X] [%#o]\n", -1, 42, 42, 42, 42, 42,
           7, 255u, 255u, 8u);
    printf("[%ld] [%lld] [%zu] [%jd] [%hhd] [%hd]\n", LONG_MIN, LLONG_MAX, SIZE_MAX, INTMAX_MIN,
           300, 70000);
    printf("[%s] [%.2s] [%10s] [%-10s] [%c] [%%] [%5c] [%*d] [%-*d] [%.*s]\n", "text", "text",
           "right", "left", 'c', 'd', 6, 1, 6, 2, 3, "abcdef");
    printf("[%p] [%p]\n", (void*)0x1234, (void*)0xffffffffffffffff);
    static const double values[] = {0.0,
                                    -0.0,
                                    1.0,
                                    0.1,
                                    -1.5,
                                    2.5,
                                    1e10,
                                    1e-10,
                                    123456.789,
                                    1e100,
                                    DBL_MAX,
                                    DBL_MIN,
                                    4.9406564584124654e-324,
                                    INFINITY,
                                    -INFINITY,
                                    M_PI,
                                    9.9999999,
                                    0.5,
                                    1e21,
                                    999999.5};
    for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
        printf("[%f] [%e] [%g] [%a] [%.0f] [%.17g] [%#g] [%+.3e]\n", values[n], values[n],
               values[n], values[n], values[n], values[n], values[n], values[n]);
        printf("[%Lf] [%La] [%.35Lg]\n", (long double)values[n], (long double)values[n] / 3,
               (long double)values[n] / 3);
    }
    printf("[%20.10f] [%-20.3e] [%020.5g] [%+A] [%.3a]\n", M_PI, M_PI, M_PI, M_PI, M_PI);
    printf("[%2$s %1$d %2$s]\n", 5, "twice");
    printf("[%ls] [%lc]\n", L"wide", (wint_t)L'w');
    char small[5];
    CALL(snprintf(small, sizeof small, "%s", "longer than five"));
    puts(small);
    CALL(snprintf(NULL, 0, "%d", 12345));
    int written;
    printf("abc%n", &written);
    printf(" %d\n", written);
    char* made;
    CALL(asprintf(&made, "%s-%03d", "made", 7));
    puts(made);
    free(made);
}

static void scanning(void) {
    int a = -1, b = -1, used = -1;
    char word[20] = "", rest[20] = "";
    double d = 0;
    long double ld = 0;
    void* p;
    CALL(sscanf("12 0x1f word 3.25e2 tail", "%d %i %19s %lf %n", &a, &b, word, &d, &used));
    printf("%d %d %s %g %d\n", a, b, word, d, used);
    CALL(sscanf("abc123def", "%3[a-c]%d%19s", word, &a, rest));
    printf("%s %d %s\n", word, a, rest);
    CALL(sscanf("x", "%d", &a));
    CALL(sscanf("", "%d", &a));
    CALL(sscanf("077 9", "%o %*d", &a));
    printf("%d\n", a);
    CALL(sscanf("0x1.8p3 inf nan", "%lf %lf %Lf", &d, &d, &ld));
    printf("%g %d\n", d, ld != ld);
    CALL(sscanf("0xdead", "%p", &p));
    printf("%p\n", p);
    char* text = NULL;
    CALL(sscanf("allocated here", "%ms", &text));
    puts(text ? text : "(null)");
    free(text);
    unsigned char small;
    CALL(sscanf("300", "%hhu", &small));
    printf("%d\n", small);
}

static void conversions(void) {
    static const char* const words[] = {"0",
                                        "-0",
                                        "12345678901234567890",
                                        "1e400",
                                        "-1e-400",
                                        "0x10",
                                        " \t+7z",
                                        "infinity",
                                        "nan",
                                        "1.7976931348623157e308",
                                        "2.2250738585072011e-308",
                                        "4.9e-324",
                                        "0.1e",
                                        "x",
                                        ".5",
                                        "1.",
                                        "9007199254740993",
                                        "1e23",
                                        "0x1.fffffffffffff8p0"};
    for (size_t n = 0; n < sizeof words / sizeof *words; n++) {
        char* end;
        errno = 0;
        printf("%s: %ld", words[n], strtol(words[n], &end, 0));
        printf(" %d %d", (int)(end - words[n]), errno);
        errno = 0;
        printf(" %lu", strtoul(words[n], &end, 0));
        printf(" %d", errno);
        errno = 0;
        printf(" %a", strtod(words[n], &end));
        printf(" %d %d %a %La\n", (int)(end - words[n]), errno, strtof(words[n], NULL),
               strtold(words[n], NULL));
    }
}

static void streams(void) {
    TRUTH(fopen("none", "r") == NULL && errno == ENOENT);
    TRUTH(fopen("x", "q") == NULL && errno == EINVAL);
    FILE* f = fopen("file", "w+");
    CALL(fprintf(f, "line %d\nline %d\n", 1, 2));
    CALL(fputs("no newline", f));
    CALL(ftell(f));
    rewind(f);
    char line[64];
    while (fgets(line, sizeof line, f)) printf("<%s>", line);
    putchar('\n');
    TRUTH(feof(f) && !ferror(f));
    CALL(fseek(f, 5, SEEK_SET));
    CALL(fgetc(f));
    CALL(ungetc('U', f));
    CALL(fgetc(f));
    CALL(fseek(f, -3, SEEK_END));
    CALL(fread(line, 2, 10, f));
    CALL(fseek(f, -1, SEEK_SET));
    CALL(fflush(f));
    CALL(ftruncate(fileno(f), 7));
    rewind(f);
    char* text = NULL;
    size_t size = 0;
    CALL(getline(&text, &size, f));
    CALL(getline(&text, &size, f));
    CALL(getdelim(&text, &size, ';', f));
    free(text);
    CALL(fclose(f));
    f = fopen("file", "r");
    CALL(fputc('x', f));
    TRUTH(ferror(f) && errno == EBADF);
    clearerr(f);
    TRUTH(!ferror(f));
    CALL(fclose(f));
    f = fopen("file", "a+");
    CALL(fputs("+", f));
    rewind(f);
    CALL(fgetc(f));
    CALL(fseek(f, 0, SEEK_SET));
    CALL(fputs("end", f));
    CALL(ftell(f));
    CALL(fclose(f));
    f = fopen("file", "wx");
    TRUTH(f == NULL && errno == EEXIST);
    CALL(rename("file", "other"));
    CALL(remove("other"));
    CALL(remove("other"));
}

static void memory(void) {
    char buffer[16] = "";
    FILE* f = fmemopen(buffer, sizeof buffer, "w");
    CALL(fprintf(f, "%s", "in memory"));
    CALL(fclose(f));
    puts(buffer);
    char* text = NULL;
    size_t size = 0;
    f = open_memstream(&text, &size);
    for (int n = 0; n < 1000; n++) fprintf(f, "%d,", n);
    CALL(fclose(f));
    printf("%zu %.8s\n", size, text);
    free(text);
    f = tmpfile();
    setvbuf(f, NULL, _IOFBF, 1 << 16);
    for (int n = 0; n < 100000; n++) fputc(n % 251, f);
    rewind(f);
    long sum = 0;
    for (int c; (c = fgetc(f)) != EOF;) sum = (sum * 33 + c) % 1000003;
    printf("%ld\n", sum);
    CALL(fclose(f));
    f = fopen("/dev/null", "r+");
    CALL(fgetc(f));
    setvbuf(f, NULL, _IONBF, 0);
    CALL(fputc('x', f));
    CALL(fclose(f));
    setvbuf(stdout, NULL, _IONBF, 0);
    fputs("unbuffered\n", stdout);
    dprintf(1, "%s\n", "straight");
    fclose(stderr);
    perror("nobody reads this");
}

int main(void) {
    formats();
    scanning();
    conversions();
    streams();
    memory();
    return 0;
}
