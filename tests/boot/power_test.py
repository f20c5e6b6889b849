#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Presses the machine's power key while a program writes to a disk, or to a file of the host's: the program is asked to
end, then killed, and what fsync has promised is there.

usage: power_test.py PROGRAM MACHINE CPUS DEVICE -- one of QEMU's disks, or 9p or virtiofs for a shared folder
"""
import json
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK, BLOCKS = 4096, 512
LAST = 0xE0D
TIMEOUT = 120

program, machine, cpus, device = sys.argv[1:5]
IS_SHARED = device in ("9p", "virtiofs")
NAME = "/shared/disk" if IS_SHARED else "/dev/nvme0n1" if device.startswith("nvme") else "/dev/vda"


def press(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(TIMEOUT)
        control.connect(str(path))
        answers = control.makefile("r")
        json.loads(answers.readline())
        for command in ("qmp_capabilities", "system_powerdown"):
            control.sendall(json.dumps({"execute": command}).encode())
            while "return" not in json.loads(answers.readline()):
                pass


def run(folder: Path, way: str, presses: int) -> tuple:
    """The exit status, what was said, and the disk."""
    disk, control = folder / "disk", folder / "control"
    disk.write_bytes(bytes(BLOCK * (BLOCKS + 1)))
    command = [ROOT / "drupe", "run", "--machine", machine, "--cpus", cpus, "--timeout", str(TIMEOUT)]
    words = ["-qmp", f"unix:{control},server=on,wait=off"]
    if IS_SHARED:
        command += ["--share", device, "-v", f"{folder}:/shared"]
    else:
        words += ["-drive", f"if=none,id=d,format=raw,file={disk}",
                  "-device", f"{device},drive=d" + (",serial=disk" if device.startswith("nvme") else "")]
    command += [f"--qemu-arg={word}" for word in words]
    with subprocess.Popen([*command, program, program, NAME, way], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as running:
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith("synced ") and presses > 0 and len(said) > 20:
                press(control)
                presses -= 1
                if presses > 0:  # QEMU holds the key for a tenth of a second
                    time.sleep(1)
        return running.wait(), "".join(said), disk.read_bytes()


def judge(way: str, status: int, due: int, said: str, disk: bytes) -> list:
    flaws = [] if status == due else [f"status {status} instead of {due}"]
    if "power key" not in said:
        flaws.append("the kernel does not say why")
    promised = max(int(line.split()[1]) for line in said.splitlines() if line.startswith("synced "))
    words = [set(struct.unpack(f"<{BLOCK // 4}I", disk[n * BLOCK : (n + 1) * BLOCK])) for n in range(BLOCKS + 1)]
    for n in range(max(1, promised - BLOCKS + 1), promised + 1):
        if min(words[n % BLOCKS]) < n:
            flaws.append(f"block {n} was promised, and is {words[n % BLOCKS]}")
    if way == "handle" and words[BLOCKS] != {LAST}:
        flaws.append("what was written last is not there")
    return [f"{way}: {flaw}" for flaw in flaws] + ([said] if flaws else [])


def main() -> None:
    flaws = []
    with tempfile.TemporaryDirectory() as folder:
        for way, presses, due in (("default", 1, 143), ("handle", 1, 7), ("ignore", 1, 137), ("ignore", 2, 137)):
            status, said, disk = run(Path(folder), way, presses)
            flaws += judge(way, status, due, said, disk)
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
