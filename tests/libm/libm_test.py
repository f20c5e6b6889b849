#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Judges our library's mathematics by glibc's, under qemu-aarch64 and on Drupe in both isolation modes.

usage: libm_test.py REFERENCE JUDGE -- the same program, linked with glibc and with our C library
"""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "boot"))
import boot_test

EMULATOR = "qemu-aarch64-static"
MACHINES = (("virt,gic-version=3", "cortex-a53", "el1t"), ("virt,gic-version=2", "cortex-a57", "el0"))


def main() -> int:
    reference, judge = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        truth = str(Path(work) / "truth")
        subprocess.run([EMULATOR, reference, "reference", truth], check=True, timeout=boot_test.TIMEOUT)
        command = [EMULATOR, judge, "judge", truth]
        want = subprocess.run(command, stdout=subprocess.PIPE, timeout=boot_test.TIMEOUT)
        sys.stdout.write(want.stdout.decode())
        right = want.returncode == 0
        case = {"image": judge, "copy": [f"{truth}:/truth"], "command": [judge, "judge", "/truth"]}
        for machine in MACHINES:
            print(*machine)
            right &= boot_test.compare(case, boot_test.drupe(case, *machine), want)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
