#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's fio writes to a disk and reads it again, checking sums; the same fio checks the image under qemu-aarch64.

usage: fio_test.py MACHINE CPUS ISOLATION DEVICE QUEUES

DEVICE is QEMU's, with options. QUEUES is the most that the device has.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import boot_test

MIB = 1 << 20
SIZE = 96 * MIB
COMMON = ["--thread", "--verify_state_save=0", "--bs=4k", "--verify=crc32c", "--group_reporting"]
# By the engine mmap one thread alone, from the disk's begin on: this fio forgets the offset there, on Linux too.
JOBS = {
    "mmap": ["--ioengine=mmap", "--offset=0", "--size=16M"],
    "psync": ["--ioengine=psync", "--offset=32M", "--size=4M", "--numjobs=4", "--offset_increment=8M"],
    "direct": ["--ioengine=psync", "--direct=1", "--offset=64M", "--size=4M", "--numjobs=4", "--offset_increment=8M"],
}

machine, cpus, isolation, device, queues = sys.argv[1:6]
IS_NVME = device.startswith("nvme")
NAME = "/dev/nvme0n1" if IS_NVME else "/dev/vda"


def job(name: str, way: str, *more: str) -> list:
    return [f"--name={name}-{way}", "--stonewall", f"--rw={way}", *JOBS[name], *more]


def in_guest(image: Path) -> subprocess.CompletedProcess:
    """Writes and verifies, then reads at random what has been written, once more verifying."""
    command = [boot_test.ROOT / "drupe", "run", "-q", "--machine", machine, "--cpus", cpus, "--isolation", isolation]
    words = f"serial=disk,max_ioqpairs={queues}" if IS_NVME else f"num-queues={queues}"
    command += ["--timeout", "400", *(f"--qemu-arg={word}" for word in (
        "-drive", f"if=none,id=d,format=raw,file={image}", "-device", f"{device},drive=d,{words}"))]
    command += ["deb:fio", "fio", f"--filename={NAME}", *COMMON]
    for name in JOBS:
        command += [*job(name, "randwrite"), *job(name, "randread")]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=460)


def on_the_image(tree: Path, image: Path, name: str) -> subprocess.CompletedProcess:
    words = ["qemu-aarch64-static", "-L", tree, tree / "usr/bin/fio", f"--filename={image}", *COMMON]
    return subprocess.run([*words, *job(name, "randwrite", "--verify_only", "--direct=0", "--ioengine=psync")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)


def flaws_of(work: Path) -> list:
    image, tree = work / "disk", work / "tree"
    with open(image, "wb") as file:
        file.truncate(SIZE)
    boot_test.tree_of({"image": "deb:fio"}, tree)
    if on_the_image(tree, image, "psync").returncode == 0:
        return ["the oracle finds nothing wrong with an empty disk"]
    said = in_guest(image)
    if said.returncode != 0:
        return [f"status {said.returncode}: {said.stdout}"]
    # A thread reads its part once for each of the two jobs: what was written, verified, and what was read at random.
    found = [int(n) for n in re.findall(r"issued rwts: total=(\d+),", said.stdout)]
    due = [16 * MIB // 4096] * (2 * len(JOBS))
    if found != due:
        return [f"reads {found} instead of {due}: {said.stdout}"]
    wrong = {name: on_the_image(tree, image, name) for name in JOBS}
    return [f"{name}: {done.stdout}" for name, done in wrong.items() if done.returncode != 0]


def main() -> None:
    if not shutil.which("qemu-aarch64-static"):
        print("qemu-aarch64-static is missing (package qemu-user-static)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        flaws = flaws_of(Path(name))
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
