#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs programs/cpus.c on a machine with several CPUs.

usage: cpus_test.py CPUS-PROGRAM COUNT MACHINE ISOLATION [SPIN_TABLE.bin LOADER.img]

On more than 64 CPUs only their arrival is tested: the host has few, which do the work of all.
With the last two the CPUs wait in a firmware's loop (spin_table.S), and the device tree says so: QEMU's own,
edited with fdtput. Exit status 77: fdtput is missing (a skip).
"""
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET_OFFSET = 64  # behind the Image header
TARGET = 0x4C080000
PEN = 0x4A000000  # the firmware's page
TIMEOUT = 240
WHOLE_TEST = 64  # CPUs


def pack(firmware: Path, loader: Path, count: int, to: Path) -> None:
    code = bytearray(firmware.read_bytes())
    payload = loader.read_bytes()
    payload += bytes(-len(payload) % 16)
    struct.pack_into("<QQQQ", code, TARGET_OFFSET, TARGET, len(payload), PEN, count)
    to.write_bytes(code + payload)


def describe(machine: str, count: int, to: Path) -> None:
    def put(kind: str, node: str, name: str, *values: str) -> None:
        subprocess.run(["fdtput", "-p", "-t", kind, to, node, name, *values], check=True)

    subprocess.run(["qemu-system-aarch64", "-M", f"{machine},dumpdtb={to}", "-cpu", "cortex-a72", "-m", "256", "-smp",
                    str(count), "-nodefaults", "-display", "none"], check=True, timeout=TIMEOUT, capture_output=True)
    for n in range(count):
        put("s", f"/cpus/cpu@{n}", "enable-method", "spin-table")
        put("x", f"/cpus/cpu@{n}", "cpu-release-addr", "0", hex(PEN + 0x800 + 8 * n))
    put("x", "/reserved-memory", "#address-cells", "2")
    put("x", "/reserved-memory", "#size-cells", "2")
    put("x", f"/reserved-memory/pen@{PEN:x}", "reg", "0", hex(PEN), "0", "1000")
    subprocess.run(["fdtput", "-t", "s", to, "/reserved-memory", "ranges", ""], check=True)


def main() -> int:
    program, count, machine, isolation, *firmware = sys.argv[1:]
    command = [ROOT / "drupe", "run", "-q", "--cpus", count, "--machine", machine, "--isolation", isolation,
               "--timeout", str(TIMEOUT)]
    with tempfile.TemporaryDirectory() as folder:
        if firmware:
            if not shutil.which("fdtput"):
                print("fdtput (device-tree-compiler) is missing")
                return 77
            image, tree = Path(folder) / "image", Path(folder) / "tree.dtb"
            pack(Path(firmware[0]), Path(firmware[1]), int(count), image)
            describe(machine, int(count), tree)
            command += [f"--qemu-arg={word}" for word in ("-kernel", image, "-dtb", tree)]
        test = ["arrival", "1"] if int(count) > WHOLE_TEST else []
        run = subprocess.run([*command, program, program, count, *test], stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=TIMEOUT + 60)
    sys.stdout.buffer.write(run.stdout + run.stderr)
    return 0 if run.returncode == 0 and b"all CPUs agree" in run.stdout else 1


if __name__ == "__main__":
    sys.exit(main())
