#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debugs a run with gdb-multiarch: breakpoints and backtraces in the kernel, in the program, and from one into
the other. The programs' addresses are compared with what their own files say.

usage: gdb_test.py PROGRAM

PROGRAM: hello, static. Exit status 77: no gdb-multiarch (a skip)."""
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KERNEL = ROOT / "build" / "src" / "image" / "loader.elf"
PATIENCE = 120  # seconds; a hang

SCRIPT = r"""
set pagination off
set confirm off
set remotetimeout 60
target remote 127.0.0.1:{port}
break drupe::image::start_program
continue
echo [in the kernel]\n
backtrace
add-symbol-file {program}
tbreak main
continue
echo [in the program]\n
backtrace
print/x $cpsr & 0x1f
tbreak drupe::syscall::getcwd
continue
echo [in a system call]\n
backtrace
finish
echo [end]\n
continue
"""
EXPECTED = {
    "in the kernel": [r"drupe::image::start_program", r"drupe::sched::\w+::first_run", r"context_first_run"],
    "in the program": [r"main \(", r"__libc_start_call_main", r"__libc_start_main", r"_start"],
    "in a system call": [r"drupe::syscall::getcwd \(to=.*size=256\)", r"drupe::syscall::Thunk.*::call", r"<signal handler called>",
                         r"getcwd", r"main \(", r"__libc_start_call_main", r"__libc_start_main", r"_start"],
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until_listening(port: int, process: subprocess.Popen) -> None:
    """Without connecting: the machine would take that for a debugger."""
    until = time.monotonic() + PATIENCE
    line = re.compile(rf" *\d+: 0100007F:{port:04X} \S+ 0A ")
    while not any(line.match(entry) for entry in Path("/proc/net/tcp").read_text().splitlines()):
        if time.monotonic() > until or process.poll() is not None:
            raise SystemExit(f"no machine waits on port {port}")
        time.sleep(0.1)


def frames(said: str, section: str) -> list:
    """The frames of the backtrace behind `[section]`, in order."""
    text = said.partition(f"[{section}]")[2].partition("\n[")[0].partition("Run till exit")[0]
    return re.findall(r"^#\d+ +(.*)", text, re.M)


def judge(said: str, isolation: str) -> list:
    flaws = []
    for section, wanted in EXPECTED.items():
        found = frames(said, section)
        at = 0
        for pattern in wanted:
            at = next((n + 1 for n in range(at, len(found)) if re.search(pattern, found[n])), None)
            if at is None:
                flaws.append(f"the backtrace {section} lacks {pattern}")
                break
        else:
            if at != len(found):
                flaws.append(f"the backtrace {section} goes on behind {wanted[-1]}")
    mode = re.search(r"^\$1 = (0x[0-9a-f]+)", said, re.M)
    if not mode or int(mode[1], 16) != {"el1t": 4, "el0": 0}[isolation]:
        flaws.append("the program is at another exception level")
    if "exited normally" not in said:
        flaws.append("the program does not go on to its end")
    return flaws


def debug(program: str, isolation: str) -> list:
    port = free_port()
    run = [ROOT / "drupe", "run", "-q", "--gdb", "--gdb-port", str(port), "--timeout", "200", "--isolation", isolation, program, program, "x"]
    with subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        wait_until_listening(port, process)
        commands = SCRIPT.format(port=port, program=program).strip().splitlines()
        gdb = subprocess.run(["gdb-multiarch", "-nx", "-batch", KERNEL, *(word for c in commands for word in ("-ex", c))],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        flaws = judge(gdb.stdout, isolation)
        if flaws:
            process.terminate()  # it may still be stopped
        said, _ = process.communicate(timeout=PATIENCE)
    if process.returncode != 0 or not said.startswith("hello from 2 arguments"):
        flaws.append(f"the run ended with status {process.returncode} and said: {said}")
    if flaws:
        print(gdb.stdout, gdb.stderr)
    return [f"{isolation}: {flaw}" for flaw in flaws]


def main() -> int:
    if not shutil.which("gdb-multiarch"):
        print("gdb-multiarch is missing")
        return 77
    flaws = [flaw for isolation in ("el1t", "el0") for flaw in debug(str(Path(sys.argv[1]).resolve()), isolation)]
    for flaw in flaws:
        print("FLAW:", flaw)
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
