// SPDX-License-Identifier: BSD-2-Clause
// Prints what a program learns about itself at its start: arguments, environment, where it is.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
    printf("hello from %d arguments\n", argc);
    for (int i = 1; i < argc; i++) printf("%d: %zu bytes [%s]\n", i, strlen(argv[i]), argv[i]);
    const char* word = getenv("GREETING");
    printf("GREETING is %s\n", word ? word : "not set");
    char directory[256];
    printf("in %s\n", getcwd(directory, sizeof directory));
    fflush(stdout);
    return argc > 1 && strcmp(argv[1], "status") == 0 ? atoi(argv[2]) : 0;
}
