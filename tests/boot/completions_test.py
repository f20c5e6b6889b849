#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Eight threads of Debian's fio read small blocks from a disk of a machine with one CPU, for a minute: requests are
given and completed while the other side is about to sleep. Where one misses the other's last word, the program waits
until the disk is looked at again, 30 seconds later, which the log tells. One machine for each device, all at once:
beside other load it happens more often.

usage: completions_test.py DEVICE...

DEVICE is QEMU's, with options.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import boot_test

MIB = 1 << 20
FIO = ["fio", "--thread", "--name=completions", "--filename=/dev/vda", "--ioengine=psync", "--direct=1",
       "--rw=randread", "--bs=512", "--numjobs=8", "--group_reporting", "--time_based", "--runtime=60"]


def start(device: str, image: Path) -> subprocess.Popen:
    with open(image, "wb") as file:
        file.truncate(256 * MIB)
    command = [boot_test.ROOT / "drupe", "run", "--cpus", "1", "-m", "600", "--timeout", "300",
               *(f"--qemu-arg={word}" for word in
                 ("-drive", f"if=none,id=d,format=raw,file={image}", "-device", f"{device},drive=d"))]
    return subprocess.Popen([*command, "deb:fio", *FIO], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def flaw_of(device: str, machine: subprocess.Popen) -> str:
    said = machine.communicate(timeout=360)[0]
    reads = re.search(r"issued rwts: total=(\d+),", said)
    is_sound = machine.returncode == 0 and reads and int(reads[1]) > 0 and "has been under way" not in said
    return "" if is_sound else f"{device}: status {machine.returncode}: {said}"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        machines = [(device, start(device, Path(name) / f"disk{n}")) for n, device in enumerate(sys.argv[1:])]
        flaws = [flaw_of(*machine) for machine in machines]
    if any(flaws):
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
