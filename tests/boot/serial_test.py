#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A machine whose firmware names no console: one on PCI is used, for what the kernel and the program say, and for what
is typed. The device tree is QEMU's own, edited with fdtput.

usage: serial_test.py MACHINE ISOLATION

Exit status 77: fdtput is missing (a skip).
"""
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 120
SCRIPT = "echo ready; read line; echo you said $line; exit 5"


def without_console(machine: str, to: Path) -> None:
    subprocess.run(["qemu-system-aarch64", "-M", f"{machine},dumpdtb={to}", "-cpu", "cortex-a72", "-m", "256", "-nodefaults",
                    "-display", "none"], check=True, timeout=TIMEOUT, capture_output=True)
    subprocess.run(["fdtput", "-t", "s", to, "/pl011@9000000", "status", "disabled"], check=True)


def talk(path: Path) -> str:
    """Everything that is said on the line; answers when the program is ready."""
    until = time.monotonic() + TIMEOUT
    line = socket.socket(socket.AF_UNIX)
    while True:
        try:
            line.connect(str(path))
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    line.settimeout(TIMEOUT)
    said, has_answered = b"", False
    while piece := line.recv(4096):
        said += piece
        if b"ready" in said and not has_answered:
            line.sendall(b"\x10Bhello serial\n")  # docs/bootfs.md
            has_answered = True
    return said.decode(errors="replace")


def main() -> int:
    machine, isolation = sys.argv[1:]
    if not shutil.which("fdtput"):
        print("fdtput (device-tree-compiler) is missing")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        tree, path = Path(folder) / "tree.dtb", Path(folder) / "line"
        without_console(machine, tree)
        command = [ROOT / "drupe", "run", "--machine", machine, "--isolation", isolation, "--timeout", str(TIMEOUT)]
        command += [f"--qemu-arg={word}" for word in (
            "-dtb", tree, "-chardev", f"socket,id=line,path={path},server=on,wait=on", "-device", "pci-serial,chardev=line")]
        command += ["deb:busybox-static", "busybox", "sh", "-c", SCRIPT]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            said = talk(path)
            # The PL011, where `run` listens, stays silent.
            heard = running.stdout.read().decode(errors="replace")
            status = running.wait()
    flaws = [word for word in ("ready", "you said hello serial") if word not in said]
    if status != 5:
        flaws.append(f"status {status}")
    if "ready" in heard:
        flaws.append("the other console speaks as well")
    if flaws:
        print(f"missing or wrong: {flaws} in {said!r}; QEMU: {heard}")
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
