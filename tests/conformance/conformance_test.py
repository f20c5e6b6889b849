#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the conformance programs of one C library in one boot for each isolation mode, and compares
what they say with what the same files say under qemu-aarch64.

usage: conformance_test.py LIBC LINKER RUNNER FILE...

LIBC is the prefix of the files' names, without which they lie in the guest's /conformance; LINKER is the
library's dynamic linker, or "" when the packages bring it. What is no library (*.so) is run, in the order given.
Exit status as boot_test.py's.
"""
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "boot"))
import boot_test

PACKAGES = "deb:libc6,libc-bin,libstdc++6,tzdata"
# Where the emulator (QEMU 7.2) differs from Linux: what it says, what Linux says, and where Linux says it.
EMULATOR_ERRORS = (
    (r"(undefined_at: udf #7\"\): signal 4 code) 2", r"\1 1", "arch/arm64/kernel/traps.c: ILL_ILLOPC"),
    (r"(MAP_FIXED_NOREPLACE .* == MAP_FAILED =) 0\nerrno == EEXIST: no", r"\1 1\nerrno == EEXIST: yes",
     "mmap(2): EEXIST, since Linux 4.17"),
    (r"(madvise\(at, page, 12345\) =) 0", r"\1 -1 (errno 22)", "madvise(2): EINVAL for an advice that is none"),
    (r"(madvise\(at \+ 8 \* page, page, MADV_DONTNEED\) =) 0", r"\1 -1 (errno 12)", "madvise(2): ENOMEM for a hole"),
    (r"child 0x2700, here", "child 0x2200, here", "madvise(2): MADV_WIPEONFORK gives the child zeroes"),
    (r"^qemu: uncaught target signal .*\n", "", "the emulator's own words about a process that ends"),
)
MACHINES = (("virt,gic-version=3", "cortex-a72", "el1t"), ("virt,gic-version=2", "max", "el0"))


def main() -> int:
    libc, linker, runner, *files = sys.argv[1:]
    guest = {file: "/conformance/" + Path(file).name.removeprefix(libc + "-") for file in files}
    copy = [f"{file}:{name}" for file, name in guest.items()] + [f"{runner}:/conformance/runner"]
    if linker:
        copy.append(f"{linker}:/lib/ld-musl-aarch64.so.1")
    programs = [name for name in guest.values() if not name.endswith(".so")]
    case = {"image": PACKAGES, "copy": copy, "command": ["/conformance/runner", *programs], "exec": True}
    with tempfile.TemporaryDirectory() as work:
        # Not the emulator's default CPU: with SVE it forgets what a handler writes to the vector registers.
        want = boot_test.oracle(case | {"env": ["QEMU_CPU=cortex-a72"]}, Path(work))
    for wrong, right, _ in EMULATOR_ERRORS:
        want.stdout = re.sub(wrong.encode(), right.encode(), want.stdout, flags=re.M)
    same = True
    for machine in MACHINES:
        print(*machine)
        same &= boot_test.compare(case, boot_test.drupe(case, *machine), want)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
