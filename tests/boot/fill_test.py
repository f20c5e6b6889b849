#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A program fills a disk of 4 GiB in a machine of 256 MiB, through the cache and a mapping; the host looks at it.

usage: fill_test.py PROGRAM MACHINE CPUS ISOLATION STEP [DEVICE]

A block of 64 KiB at every multiple of STEP bytes is written, and a page behind it. With a STEP of 64 KiB that is all.
"""
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE, MEMORY = 4 << 30, 256 << 20
BLOCK, PAGE = 1 << 16, 4096

program, machine, cpus, isolation, step = sys.argv[1:6]
STEP = int(step)
DEVICE = sys.argv[6] if len(sys.argv) > 6 else "virtio-blk-device"
NAME = "/dev/nvme0n1" if DEVICE.startswith("nvme") else "/dev/vda"


def run(image: Path, way: str) -> str:
    words = ["-drive", f"if=none,id=d,format=raw,file={image}", "-device", f"{DEVICE},drive=d" + ",serial=d" * (NAME != "/dev/vda")]
    done = subprocess.run(
        [ROOT / "drupe", "run", "-q", "--machine", machine, "--cpus", cpus, "--isolation", isolation, "-m", str(MEMORY >> 20),
         "--timeout", "800", *(f"--qemu-arg={word}" for word in words), program, program, way, NAME, str(STEP)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=860)
    return done.stdout + (f"status {done.returncode}\n" if done.returncode else "")


def content(at: int, size: int) -> bytes:
    return struct.pack(f"<{size // 8}Q", *range(at + 1, at + size + 1, 8))


def first_wrong(image: Path) -> str:
    """Also that nothing else was written: what the program left alone is zeros."""
    pages = STEP > BLOCK
    with open(image, "rb") as file:
        for at in range(0, SIZE, STEP):
            if file.read(BLOCK) != content(at, BLOCK):
                return f"the block at {at} is wrong"
            if pages and file.read(PAGE) != content(at + BLOCK, PAGE):
                return f"the page at {at + BLOCK} is wrong"
            if any(file.read(STEP - BLOCK - PAGE if pages else 0)):
                return f"something was written behind {at + BLOCK}"
    return ""


def main() -> None:
    flaws = []
    blocks = SIZE // STEP
    written = blocks * BLOCK
    assert written >= 2 * MEMORY
    ways = {"write": blocks, "map": blocks, "check": 2 * blocks} if STEP > BLOCK else {"write": blocks}
    with tempfile.TemporaryDirectory() as name:
        image = Path(name) / "disk"
        with open(image, "wb") as file:
            file.truncate(SIZE)
        for way, count in ways.items():
            if (said := run(image, way)) != f"{way} {count}\n":
                flaws.append(f"{way}: {said!r}")
        if wrong := first_wrong(image):
            flaws.append(wrong)
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
