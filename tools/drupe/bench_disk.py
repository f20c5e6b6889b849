# SPDX-License-Identifier: BSD-2-Clause
"""What reading and writing a disk costs, for `drupe bench disk`: instructions for an operation, from two boots that
differ in nothing but how many there are; and wall time, in rounds of one boot of each system in turn."""
import statistics
from pathlib import Path

from . import bench_machine as machine
from . import bench_report as report
from . import progress

ROUNDS, MEMORY = 5, 256  # MiB
DISK = 64 << 20  # bytes
LIMIT = 60  # per cent of Linux's instructions
FEW = 200  # operations of the shorter boot
TESTS = {  # title, operations of the longer boot besides
    "read_4k_1": ("random 4 KiB, read, depth 1", 2000),
    "read_4k_32": ("random 4 KiB, read, depth 32", 4000),
    "write_4k_1": ("random 4 KiB, write, depth 1", 2000),
    "write_4k_32": ("random 4 KiB, write, depth 32", 4000),
    "read_128k": ("128 KiB in a row, read", 1000),
    "write_128k": ("128 KiB in a row, write", 1000),
    "cached_read_128k": ("the same through the cache, read", 250),  # each part once: nothing is there before
    "cached_write_128k": ("the same through the cache, written", 250),
}


class Disk:
    def __init__(self, folder: Path):
        self.file = folder / "disk"
        self.file.write_bytes(b"d" * DISK)

    def words(self) -> list:
        drive = f"if=none,id=d,format=raw,file={self.file}"
        return ["-global", "virtio-mmio.force-legacy=off", "-drive", drive, "-device", "virtio-blk-device,drive=d"]


def _instructions(system, program: Path, disk: Disk, folder: Path, timeout: float, plugin: Path, test: str, count: int):
    (folder / "counts").unlink(missing_ok=True)
    with progress.step(f"{system.name}: {test}, {count} operations") as step:
        load = system.load(program, [test, str(count)])
        extra = [*disk.words(), *machine.plugin_words(plugin, folder)]
        boot = machine.boot(load, MEMORY, folder, timeout, cpus=machine.ONE_CPU, extra=extra, step=step)
    counted = machine.counts(folder).get("END")
    return (counted if not boot.why and report.parse(boot.text).finished else None), boot.why


def measure(systems: list, programs, folder: Path, timeout: float) -> tuple:
    """System: test: {"instructions": n, "wall": nanoseconds for an operation, by round}. And what went wrong."""
    disk, notes = Disk(folder), []
    found = {system.name: {test: {"instructions": None, "wall": []} for test in TESTS} for system in systems}
    for system in systems:
        for test, (_, more) in TESTS.items():
            # The lower of two: an interrupt more or less is the host's.
            pairs = []
            for _ in range(2):
                ends = [_instructions(system, programs.disk, disk, folder, timeout, programs.plugin, test, count)
                        for count in (FEW, FEW + more)]
                if all(end for end, _ in ends):
                    pairs.append((ends[1][0] - ends[0][0]) / more)
                else:
                    notes.append(f"{system.name}, {test}: no count of instructions: {[why for _, why in ends]}")
            found[system.name][test]["instructions"] = min(pairs, default=None)
    for number in range(ROUNDS):
        for system in systems:
            with progress.step(f"{system.name}: round {number + 1} of {ROUNDS}") as step:
                load = system.load(programs.disk, ["all"])
                boot = machine.boot(load, MEMORY, folder, timeout, cpus=machine.ONE_CPU, extra=disk.words(), step=step)
            results = report.parse(boot.text).results
            for test in TESTS:
                if test in results:
                    found[system.name][test]["wall"].append(results[test][0])
                else:
                    notes.append(f"{system.name}, round {number + 1}: no {test}: {boot.why}")
    return found, notes


def table(found: dict) -> str:
    """With two systems also the first's share of the second's instructions, and how much more it did in the same time."""
    names = list(found)
    line = f"{'':<38}" + "".join(f" {name + ': instr':>15} {'us':>9}" for name in names)
    lines = [line + (f" {'instr':>7} {'speed':>6}" if len(names) == 2 else "")]
    for test, (title, _) in TESTS.items():
        line, values = f"{title:<38}", []
        for name in names:
            count, walls = found[name][test]["instructions"], found[name][test]["wall"]
            wall = statistics.median(walls) if walls else None
            values.append((count, wall))
            line += f" {'missing' if count is None else f'{count:,.0f}':>15} {'missing' if wall is None else f'{wall / 1000:.1f}':>9}"
        if len(values) == 2 and all(value for pair in values for value in pair):
            (count, wall), (theirs, their_wall) = values
            missed = " !" if 100 * count > LIMIT * theirs or wall > their_wall else ""
            line += f" {100 * count / theirs:>6.0f}% {their_wall / wall:>6.2f}{missed}"
        lines.append(line)
    return "\n".join(lines)
