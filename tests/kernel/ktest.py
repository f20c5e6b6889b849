#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots the image of the self-tests and judges what it says.

usage: ktest.py KTEST.img (all | finds:TEST | CRASH) QEMU-ARGS...

`all` runs every self-test, and so does `finds:TEST`, on a kernel with a planted defect: TEST must fail. The other
words are crashes, of which the report is checked. Time passes by
instructions (-icount), so that bounds on it mean the same on a loaded host.
"""
import re
import subprocess
import sys

# kind: what the report names as the cause
CRASHES = {
    "write": r"write to a bad address \(address 0xfffff00000001230,",
    "jump": r"jump to a bad address \(address 0xfffff00000001230,",
    "assertion": r"assertion failed: one == 2 \(.*crashes\.cc:\d+\)",
    "guard": r"stack guard was overwritten",
    "recursion": r"kernel stack overflow \(address",
    "undefined": r"undefined instruction \(address",
}
FUNCTIONS = {"guard": "crash_by_stack_guard"}


def boot(image: str, word: str, extra: list) -> str:
    run = subprocess.run(["qemu-system-aarch64", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
                          "-m", "64", "-icount", "shift=0,sleep=off", "-kernel", image,
                          "-append", f"drupe.status=console drupe.autorun={word}", *extra],
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=150)
    sys.stderr.buffer.write(run.stderr)
    return run.stdout.decode(errors="replace").removeprefix("\x1b]drupe;log;\x1b\\")


def judge_all(said: str) -> list:
    passed = re.findall(r"^ktest (\w+) ok\r?$", said, re.M)
    total = re.search(r"^ktest: (\d+) passed, 0 failed\r?$", said, re.M)
    flaws = []
    if not total or int(total[1]) != len(passed) or not passed:
        flaws.append("not every self-test passed")
    if not said.endswith("\x1b]drupe;exit=0\x1b\\"):
        flaws.append("the machine did not end with status 0")
    return flaws


def judge_found(said: str, test: str) -> list:
    if re.search(rf"^ktest {test} FAILED: ", said, re.M):
        return []
    return [f"{test} did not find what was planted"]


def overflowed_below(said: str) -> bool:
    found = re.search(r"\(address (0x[0-9a-f]+),[\s\S]* stack (0x[0-9a-f]+) \.\. ", said)
    if not found:
        return False
    address, low = int(found[1], 16), int(found[2], 16)
    return low - 0x4000 <= address < low


def judge_crash(said: str, kind: str) -> list:
    function = FUNCTIONS.get(kind, f"crash_by_{kind}")
    flaws = []
    for what, pattern in [("cause", f"panic: .*(?:{CRASHES[kind]})"),
                          ("function in the backtrace", rf"(?:at|lr|from) +0x[0-9a-f]+  {function}\+0x"),
                          ("caller in the backtrace", r"from 0x[0-9a-f]+  \S*start_program\S*\+0x"),
                          ("thread and stack", r"thread \d+ \(init\), stack 0x[0-9a-f]+ \.\. 0x[0-9a-f]+")]:
        if kind == "recursion" and what.startswith("caller"):
            continue  # too deep to be among the innermost
        if not re.search(pattern, said):
            flaws.append(f"the report lacks the {what}")
    if kind == "recursion" and not overflowed_below(said):
        flaws.append("the address is not in the guard below the stack")
    if not said.endswith("\x1b]drupe;panic\x1b\\"):
        flaws.append("the machine did not end as panicked")
    return flaws


def main() -> int:
    image, word, *extra = sys.argv[1:]
    found = word.removeprefix("finds:") if word.startswith("finds:") else None
    try:
        said = boot(image, "ktest" if word == "all" or found else f"crash:{word}", extra)
    except subprocess.TimeoutExpired as hang:
        said, flaws = (hang.stdout or b"").decode(errors="replace"), ["the machine hangs"]
    else:
        flaws = judge_found(said, found) if found else judge_all(said) if word == "all" else judge_crash(said, word)
    if flaws:
        print(said)
    for flaw in flaws:
        print("FLAW:", flaw)
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
