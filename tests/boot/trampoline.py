#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots the kernel from addresses that QEMU itself would not choose.

usage: trampoline.py TRAMPOLINE.bin LOADER.img ADDRESS MEMORY QEMU-ARGS...

The kernel has no file system, so it says that and powers off; what counts is that it came so far: its status
frame on the console says 126 or 127 (no program), never a panic or silence.
"""
import re
import struct
import subprocess
import sys
import tempfile

TARGET_OFFSET = 64  # behind the Image header


def main() -> int:
    trampoline, loader, address, memory, *extra = sys.argv[1:]
    with open(trampoline, "rb") as file:
        code = bytearray(file.read())
    with open(loader, "rb") as file:
        payload = file.read()
    payload += bytes(-len(payload) % 16)
    struct.pack_into("<QQ", code, TARGET_OFFSET, int(address, 0), len(payload))
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(code + payload)
        image.flush()
        run = subprocess.run(["qemu-system-aarch64", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
                              "-m", memory, "-kernel", image.name, "-append", "drupe.status=console", *extra],
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    found = re.search(rb"\x1b\]drupe;exit=(\d+)\x1b\\$", run.stdout)
    if found and found[1] in (b"126", b"127"):
        return 0
    sys.stdout.buffer.write(run.stdout + run.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
