#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the tests of results-CPUS.txt on Drupe and compares how they end with how they end on Debian's kernel.

usage: posix_test.py FOLDER CPUS ISOLATION [AREA...] -- FOLDER is where the programs are compiled

Counts are those that pass on Debian's kernel: of those that call no fork, DUE per cent must pass here. Each that does
not must stand in failures.txt with its reason ("name: reason"), and passing tests must not. Tests that call fork are
reported beside. Exit status 77: Debian's source package cannot be fetched (a skip).
"""
import subprocess
import sys
from pathlib import Path

import posix_suite
from drupe import errors

DUE = 97
PASS = "exit 0"
TIMEOUT = 3000


def failures() -> dict:
    lines = (posix_suite.HERE / "failures.txt").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def run(programs: Path, names: list, cpus: str, isolation: str) -> str:
    with posix_suite.staged(programs, names) as copy:
        command = [posix_suite.ROOT / "drupe", "run", "-q", "--machine", posix_suite.MACHINE, "-m", "512", "--cpus", cpus,
                   "--isolation", isolation, "--timeout", str(TIMEOUT), *copy, posix_suite.IMAGE, "/posix/runner"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", errors="replace", timeout=TIMEOUT + 60)
    return done.stdout


def report(label: str, names: list, found: dict, listed: dict) -> tuple:
    """Prints what fails of `names`; returns how many pass, and which fail without a reason or pass with one."""
    passed = [name for name in names if found.get(name) == PASS]
    failed = [name for name in names if name not in passed]
    for name in failed:
        print(f"  {name}: {found.get(name, 'no result')}; {listed.get(name, 'NO REASON LISTED')}")
    print(f"{label}: {len(passed)} of {len(names)} pass")
    return len(passed), [n for n in failed if n not in listed] + [
        n for n in passed if n in listed and not listed[n].startswith("sometimes ")]


def main() -> int:
    folder, cpus, isolation, *areas = sys.argv[1:]
    try:
        programs = posix_suite.built(Path(folder).resolve())
    except errors.UserError as error:
        print(error)
        return 77
    areas = areas or list(posix_suite.AREAS)
    expected = {name: how for name, how in posix_suite.read_results(posix_suite.results_file(cpus)).items()
                if posix_suite.area_of(name) in areas}
    said = posix_suite.in_parallel(
        lambda area: run(programs, [n for n in expected if posix_suite.area_of(n) == area], cpus, isolation), areas)
    found, listed = {}, failures()
    for text in said.values():
        print(text)
        found |= posix_suite.results_of(text)
    due = {fork: [name for name, (how, forks) in expected.items() if how == PASS and forks == fork] for fork in (True, False)}
    report("with processes", due[True], found, listed)
    passed, wrong = report("without", due[False], found, listed)
    if wrong:
        print("failures.txt is not true for: " + ", ".join(wrong))
    return 0 if passed * 100 >= DUE * len(due[False]) and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
