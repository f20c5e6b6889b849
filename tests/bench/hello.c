// SPDX-License-Identifier: BSD-2-Clause
// The smallest program that says something: for the boot rows. As Linux's init ("/init") it ends
// the machine.
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>

int main(int argc, char** argv) {
    puts("MAIN-REACHED");
    fflush(stdout);
    if (argc > 0 && !strcmp(argv[0], "/init")) reboot(RB_POWER_OFF);
    return 0;
}
