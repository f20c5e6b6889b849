#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""QEMU takes memory back from a machine and returns it, hears how much is free, and gets no more when the machine needs
it itself.

usage: balloon_test.py PROGRAM MACHINE DEVICE
"""
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 120
MIB = 1 << 20
ALL, LITTLE, USED = 256, 80, 160  # MiB

program, machine, device = sys.argv[1:4]


class Control:
    def __init__(self, path: Path):
        until = time.monotonic() + TIMEOUT
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        self.lines = self.socket.makefile("r")
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                sys.exit(f"{command}: {answer}")
            if "return" in answer:
                return answer["return"]


class Said:
    """What the program says, read all the time."""

    def __init__(self, stream):
        self.lines = []
        self.stream = stream
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        for line in self.stream:
            self.lines.append(line.decode(errors="replace").strip())

    def free(self) -> int:
        """The last that it said, in MiB; -1: nothing yet."""
        numbers = [int(line.split()[1]) for line in self.lines if line.startswith("free ")]
        return numbers[-1] // 1024 if numbers else -1


def wait(what: str, holds, context) -> None:
    until = time.monotonic() + TIMEOUT
    while not holds():
        if time.monotonic() > until:
            sys.exit(f"{what}: it never comes; {context()}")
        time.sleep(0.1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "control"
        command = [ROOT / "drupe", "run", "-m", str(ALL), "--machine", machine, "--timeout", str(TIMEOUT)]
        command += [f"--qemu-arg={word}" for word in (
            "-qmp", f"unix:{path},server=on,wait=off", "-device", f"{device},id=balloon,deflate-on-oom=on")]
        with subprocess.Popen([*command, program, program, str(USED)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as running:
            control, said = Control(path), Said(running.stdout)

            def actual() -> int:
                return control.ask("query-balloon")["actual"] // MIB

            def context() -> str:
                return f"QEMU counts {actual()} MiB, the program says {said.lines[-3:]}"

            wait("the start", lambda: said.free() > 0, context)
            before = said.free()
            control.ask("balloon", value=LITTLE * MIB)
            wait("less memory", lambda: actual() == LITTLE and said.free() <= before - (ALL - LITTLE) + 4, context)
            control.ask("balloon", value=ALL * MIB)
            wait("the memory again", lambda: actual() == ALL and said.free() >= before - 4, context)
            control.ask("qom-set", path="/machine/peripheral/balloon", property="guest-stats-polling-interval", value=1)

            def statistics() -> dict:
                return control.ask("qom-get", path="/machine/peripheral/balloon", property="guest-stats")

            wait("statistics", lambda: statistics()["last-update"] > 0, context)
            stats = statistics()["stats"]
            if abs(stats["stat-free-memory"] // MIB - said.free()) > 8 or stats["stat-total-memory"] < (ALL - 8) * MIB:
                sys.exit(f"statistics: {stats}, {context()}")
            control.ask("balloon", value=LITTLE * MIB)
            wait("less memory again", lambda: actual() == LITTLE, context)
            running.stdin.write(b"now\n")
            running.stdin.flush()
            wait("the program's use", lambda: "used" in said.lines, lambda: str(said.lines[-3:]))
            if actual() < USED:
                sys.exit(f"used, but {context()}")
            running.stdin.close()
            if running.wait() != 0:
                sys.exit(f"status {running.returncode}, {said.lines[-3:]}")


if __name__ == "__main__":
    main()
