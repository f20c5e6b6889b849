#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the soak on four CPUs.

usage: soak_test.py SOAK KERNEL SECONDS ISOLATION [LEAK]

With LEAK the kernel has a planted leak, and the soak must name this counter (a regular expression).
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CPUS = 4


def main() -> int:
    program, kernel, seconds, isolation, *leak = sys.argv[1:]
    timeout = 3 * int(seconds) + 300
    command = [ROOT / "drupe", "run", "-q", "--cpus", str(CPUS), "-m", "512", "--isolation", isolation, "--kernel", kernel,
               "--timeout", str(timeout), program, program, seconds]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         encoding="utf-8", errors="replace", timeout=timeout + 60)
    print(run.stdout)
    if leak:
        found = re.search(rf"^soak: {leak[0]}: \d+ at the beginning, \d+ now\r?$", run.stdout, re.M)
        return 0 if found and run.returncode == 1 else 1
    return 0 if run.returncode == 0 and "as at the beginning" in run.stdout else 1


if __name__ == "__main__":
    sys.exit(main())
