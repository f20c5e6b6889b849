#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A kernel that fails tells QEMU's pvpanic.

usage: panic_test.py PROGRAM LOADER.elf
"""
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 120

program, loader = sys.argv[1:3]


def address(name: str) -> str:
    symbols = subprocess.run(["aarch64-linux-gnu-nm", loader], capture_output=True, text=True, check=True).stdout
    found = [line.split()[0] for line in symbols.splitlines() if name in line]
    if len(found) != 1:
        sys.exit(f"{name}: {found}")
    return found[0]


def events(path: Path) -> set:
    """Those of the machine, from its start to its end."""
    until = time.monotonic() + TIMEOUT
    control = socket.socket(socket.AF_UNIX)
    while True:
        try:
            control.connect(str(path))
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    control.settimeout(TIMEOUT)
    control.sendall(b'{"execute": "qmp_capabilities"}')
    try:
        return {json.loads(line).get("event") for line in control.makefile("r")}
    except ConnectionResetError:
        return set()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "control"
        command = [ROOT / "drupe", "run", "--timeout", str(TIMEOUT), "--isolation", "el1t"]
        command += [f"--qemu-arg={word}" for word in ("-qmp", f"unix:{path},server=on,wait=on", "-device", "pvpanic-pci")]
        command += [program, program, address("the_reaper")]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as running:
            seen = events(path)
            said = running.stdout.read()
    if running.returncode != 125 or "panic" not in said:
        sys.exit(f"the kernel did not fail: status {running.returncode}, {said}")
    if "GUEST_PANICKED" not in seen:
        sys.exit(f"QEMU was not told: {seen}, {said}")


if __name__ == "__main__":
    main()
