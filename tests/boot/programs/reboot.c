// SPDX-License-Identifier: BSD-2-Clause
// Ends the machine as its argument says, after the refusals that reboot(2) owes: an ending that
// does not come is a failure.
#define _GNU_SOURCE
#include "check.h"

#include <linux/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static long ask(unsigned first, unsigned second, unsigned command) {
    errno = 0;
    return syscall(SYS_reboot, first, second, command, NULL);
}

int main(int count, char** words) {
    const char* wanted = count > 1 ? words[1] : "";
    const unsigned first = LINUX_REBOOT_MAGIC1, second = LINUX_REBOOT_MAGIC2;
    CHECK(ask(first + 1, second, LINUX_REBOOT_CMD_POWER_OFF) == -1 && errno == EINVAL);
    CHECK(ask(first, second + 1, LINUX_REBOOT_CMD_POWER_OFF) == -1 && errno == EINVAL);
    CHECK(ask(first, second, 0x12345678) == -1 && errno == EINVAL);
    CHECK(ask(first, second, LINUX_REBOOT_CMD_RESTART2) == -1 && errno == EFAULT);
    CHECK(ask(first, LINUX_REBOOT_MAGIC2A, LINUX_REBOOT_CMD_CAD_ON) == 0);
    CHECK(ask(first, LINUX_REBOOT_MAGIC2C, LINUX_REBOOT_CMD_CAD_OFF) == 0);
    CHECK(seteuid(1000) == 0);
    CHECK(ask(first, second, LINUX_REBOOT_CMD_POWER_OFF) == -1 && errno == EPERM);
    CHECK(ask(first + 1, second, LINUX_REBOOT_CMD_CAD_ON) == -1 && errno == EPERM);
    CHECK(seteuid(0) == 0);
    if (verdict("the refusals are right") != 0) return 1;
    fflush(stdout);
    if (strcmp(wanted, "off") == 0) ask(first, second, LINUX_REBOOT_CMD_POWER_OFF);
    if (strcmp(wanted, "halt") == 0) ask(first, second, LINUX_REBOOT_CMD_HALT);
    if (strcmp(wanted, "restart") == 0) ask(first, second, LINUX_REBOOT_CMD_RESTART);
    printf("still here (%s)\n", strerror(errno));
    return 1;
}
