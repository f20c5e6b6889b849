# SPDX-License-Identifier: BSD-2-Clause
"""How much more two threads do than one on two CPUs, for `drupe bench scaling`: rounds of one boot of each
system in turn, so that what else the machine does meets all of them."""
import statistics
from pathlib import Path

from . import bench_machine as machine
from . import bench_report as report
from . import progress

ROUNDS, MEMORY = 9, 256  # MiB
TESTS = {
    "compute": "threads that only compute",
    "calls": "a byte through a pipe of its own",
    "faults": "page faults in one process",
    "mutex": "one mutex for all",
}


def measure(systems: list, programs, folder: Path, timeout: float) -> tuple:
    """System: test: what two threads did in the time of one thread's 1, by round. And what went wrong."""
    found = {system.name: {test: [] for test in TESTS} for system in systems}
    notes = []
    for number in range(ROUNDS):
        for system in systems:
            with progress.step(f"{system.name}: round {number + 1} of {ROUNDS}") as step:
                load = system.load(programs.scaling, [])
                boot = machine.boot(load, MEMORY, folder, timeout, cpus=machine.TWO_CPUS, step=step)
            results = report.parse(boot.text).results
            for test in TESTS:
                one, two = (results.get(f"{test}_{threads}") for threads in (1, 2))
                if one and two:
                    found[system.name][test].append(one[0] / two[0])
                else:
                    notes.append(f"{system.name}, round {number + 1}: no {test}: {boot.why}")
    return found, notes


def table(found: dict) -> str:
    heads = [f"{system}: least, median, most" for system in found]
    lines = [f"{'two threads on two CPUs':<34}" + "".join(f" {head:>28}" for head in heads)]
    for test, title in TESTS.items():
        line = f"{title:<34}"
        for rounds in (tests[test] for tests in found.values()):
            cell = "missing"
            if rounds:
                cell = f"{min(rounds):.2f}  {statistics.median(rounds):.2f}  {max(rounds):.2f}"
            line += f" {cell:>28}"
        lines.append(line)
    return "\n".join(lines)
