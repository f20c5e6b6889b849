# SPDX-License-Identifier: BSD-2-Clause
"""drupe bench: exact instruction counts of boots and calls, here and on a Linux beside it."""
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from . import bench_disk as disk
from . import bench_machine as machine
from . import bench_malloc
from . import bench_report as report
from . import bench_scaling as scaling
from . import cmd_build, image, kernel_file, places, progress
from .errors import UserError

SUMMARY = "count the instructions of boots and calls, here and on Linux"
EPILOG = """Figures are guest instructions on a cortex-a57 under QEMU's -icount: the same every time, whatever else
this machine does. They leave out what exceptions and TLB flushes cost beyond their instructions.

PATTERN is part of a row's name (--json shows the names), e.g. boot, getpid, pipe; or strings: our C library's
string functions beside glibc's; or malloc: its allocator beside others, which are compiled first; or scaling: how
much more two threads do than one, by wall time on two CPUs; or disk: instructions and wall time of reading and
writing /dev/vda. What is measured by wall time wants a machine with nothing else to do.
Row python_pass runs Debian's python3.11, which the first run fetches.
The exit status is 0 when everything ran, limits missed or not; 1 when a row with a limit has no figure."""
LIMITS = machine.SOURCES / "limits.toml"
GROUPS = ("cpu", "malloc", "mmap", "fault", "file", "pipe", "thread", "epoll", "net", "sleep")
BOOT_ROWS = ("boot_first_output", "boot_power_off", "least_memory", "image_bytes")
ANY = "*"  # bench.c's pattern for every test
MARKER = "MAIN-REACHED"
STRINGS = "strings"  # as a PATTERN: the string functions only
MALLOC = "malloc"  # as a PATTERN: allocators only
SCALING = "scaling"  # as a PATTERN: two CPUs only
DISK = "disk"  # as a PATTERN: a disk only
STRINGS_LIMIT = 1.1  # of glibc's instructions
BOOT_MEMORY, BENCH_MEMORY, LAUNCH_MEMORY, MOST_MEMORY = 128, 256, 512, 128  # MiB
LAUNCHES = "10"  # of a program, after one that is not counted
MOST_RESTARTS = 12  # of one group, each past the test that stopped it


def add_arguments(parser) -> None:
    add = parser.add_argument
    add("--against", metavar="IMAGE", help="a Linux kernel for arm64 to measure beside it")
    add("--json", action="store_true", help="print everything as JSON")
    add(
        "--profile",
        metavar="ROW",
        help="instead: instructions of each function in a row or test, or in boot",
    )
    add("--isolation", choices=("el1t", "el0"), default="", help="as for run")
    add("--kernel", metavar="FILE", help="measure this kernel instead of build/loader.img")
    add(
        "--timeout",
        metavar="SECS",
        type=float,
        default=60,
        help="give a machine up that says nothing for so long (default 60)",
    )
    add("pattern", metavar="PATTERN", nargs="?", default="", help="only rows whose name holds this")


class Measurement:
    """All figures of one system."""

    def __init__(self, system, programs, folder: Path, timeout: float):
        self.system, self.programs, self.folder, self.timeout = system, programs, folder, timeout
        self.values, self.notes, self.commands = {}, [], {}

    def _boot(self, what: str, program: Path, arguments: list, memory: int, words: tuple = (), **options):
        with progress.step(f"{self.system.name}: {what}") as step:
            load = self.system.load(program, arguments, words)
            boot = machine.boot(load, memory, self.folder, self.timeout, step=step, **options)
        self.commands.setdefault("boot" if program == self.programs.hello else "bench", boot.words)
        return boot

    def boot_rows(self, pattern: str) -> None:
        wanted = [name for name in BOOT_ROWS if pattern in name]
        if set(wanted) & set(BOOT_ROWS[:2]):
            self._boot_instructions()
        if "least_memory" in wanted:
            self._least_memory()
        if "image_bytes" in wanted:
            self.values["image_bytes"] = self.system.kernel.stat().st_size

    def _boot_instructions(self) -> None:
        (self.folder / "counts").unlink(missing_ok=True)
        plugin = machine.plugin_words(self.programs.plugin, self.folder, marker=MARKER)
        boot = self._boot("boot", self.programs.hello, [], BOOT_MEMORY, extra=plugin)
        counts = machine.counts(self.folder)
        if boot.why or "MARKER" not in counts:
            self.notes.append(f"boot: {boot.why or 'no output of the program'}; {_last_line(boot.text)}")
        if "MARKER" in counts:
            self.values["boot_first_output"] = counts["MARKER"]
        if "END" in counts and not boot.why:
            self.values["boot_power_off"] = counts["END"]

    def _starts_with(self, mib: int) -> bool:
        words = ("panic=-1",) if isinstance(self.system, machine.Linux) else ()
        boot = self._boot(
            f"boot with -m {mib}", self.programs.hello, [], mib, words, cpus=machine.ONE_CPU, until=MARKER
        )
        return MARKER in boot.text

    def _least_memory(self) -> None:
        """Doubles until it starts, then halves the distance: the result starts, one less does not."""
        good = 2
        while not self._starts_with(good):
            good *= 2
            if good > MOST_MEMORY:
                self.notes.append(f"least_memory: does not start with {MOST_MEMORY} MiB")
                return
        bad = good // 2 if good > 2 else 1
        while good - bad > 1:
            middle = (good + bad) // 2
            good, bad = (middle, bad) if self._starts_with(middle) else (good, middle)
        self.values["least_memory"] = good

    def bench_rows(self, pattern: str) -> None:
        for group in ("all",) if pattern else GROUPS:
            self._group(group, pattern)

    def musl_rows(self, rows: list) -> None:
        """Rows that bench.c gives when it is built against our libc."""
        for row in rows:
            boot = self._boot(row.name, self.programs.bench_musl, ["1", "all", row.test], BENCH_MEMORY)
            results = report.parse(boot.text).results
            if row.test in results:
                self.values[row.name] = results[row.test][0]
            else:
                self.notes.append(f"{row.name}: {boot.why or 'no result'}; {_last_line(boot.text)}")

    def strings(self) -> dict:
        """C library: function_bytes: instructions."""
        found = {}
        for libc, program in self.programs.strings.items():
            boot = self._boot(f"string functions, {libc}", program, [], BENCH_MEMORY)
            output = report.parse(boot.text)
            found[libc] = {name: value for name, (value, _) in output.results.items()}
            if not output.finished:
                self.notes.append(f"strings, {libc}: {boot.why}; {_last_line(boot.text)}")
        return found

    def launch_rows(self, rows: list) -> None:
        """Rows of programs that launch.c starts."""
        for row in rows:
            with progress.step(f"{self.system.name}: {row.name}") as step:
                boot = machine.boot(
                    _load_launch(self.system, self.programs, row),
                    LAUNCH_MEMORY,
                    self.folder,
                    self.timeout,
                    step=step,
                )
            self.commands.setdefault("launch", boot.words)
            output = report.parse(boot.text)
            if row.name in output.results:
                self.values[row.name] = output.results[row.name][0]
            else:
                why = boot.why or "; ".join(output.errors) or "no result"
                self.notes.append(f"{row.name}: {why}; {_last_line(boot.text)}")

    def allocators(self) -> dict:
        """Allocator: load: instructions for an operation, and KiB."""
        found = {}
        for name, program in bench_malloc.programs().items():
            boot = self._boot(f"allocators, {name}", program, [], BENCH_MEMORY)
            output = report.parse(boot.text)
            found[name] = {load: value for load, (value, _) in output.results.items()}
            self.notes += [f"{name}: {error}" for error in output.errors]
            if not output.finished:
                self.notes.append(f"{name}: {boot.why}; {_last_line(boot.text)}")
        return found

    def _group(self, group: str, pattern: str) -> None:
        """Boots for a group; when a test stops the machine, again without those that ran."""
        skip = []
        for _ in range(MOST_RESTARTS):
            arguments = ["1", group, pattern or ANY, *([",".join(skip)] if skip else [])]
            boot = self._boot(f"bench {group}", self.programs.bench, arguments, BENCH_MEMORY)
            output = report.parse(boot.text)
            self.values |= {name: value for name, (value, _) in output.results.items()}
            self.notes += [f"{group}: {error}" for error in output.errors]
            if output.finished:
                return
            how = boot.why or "the machine ended before the program did"
            where = output.begun[-1] if output.begun else "its beginning"
            self.notes.append(f"{group}: stopped in {where}: {how}; {_last_line(boot.text)}")
            if not output.begun:
                return
            skip += output.begun
        self.notes.append(f"{group}: given up after {MOST_RESTARTS} boots")


def _load_launch(system, programs, row) -> list:
    if row.command:
        files, command = image.resolve(row.image), row.command
    else:
        files, command = machine.started_image(programs.started[row.libc]), [machine.STARTED]
    return system.load_with(files, programs.launch, [row.name, row.to, LAUNCHES, *command])


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"the console's last line: {lines[-1][:160]!r}" if lines else "nothing on the console"


def _commit() -> str:
    commit = machine.first_line("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = machine.first_line("git", "status", "--porcelain", "--untracked-files=no")
    return commit + (" with changes" if changed else "")


def _versions() -> dict:
    return {
        "qemu": machine.first_line(machine.qemu.PROGRAM, "--version"),
        "gcc": machine.first_line(machine.CROSS_CC, "--version"),
    }


def _print(
    rows: list, here: Measurement, there: Measurement | None, strings: dict, allocators: dict
) -> None:
    if rows:
        print(report.table(rows, here.values, there and there.values))
    if strings:
        print("\n" + report.strings_table(strings["musl"], strings["glibc"], STRINGS_LIMIT))
    if allocators:
        print("\n" + bench_malloc.table(allocators))
    for side in filter(None, (here, there)):
        for note in side.notes:
            print(f"{side.system.name}: {note}")
    print(f"\ncommit {_commit()}")
    for side in filter(None, (here, there)):
        for what, words in side.commands.items():
            print(f"{side.system.name}, {what}: {shlex.join(words)}")
    for version in _versions().values():
        print(version)


def _print_json(
    rows: list, here: Measurement, there: Measurement | None, strings: dict, allocators: dict
) -> None:
    sides = {"here": here} | ({"linux": there} if there else {})
    data = {
        "commit": _commit(),
        "versions": _versions(),
        "rows": [
            {"name": row.name, "title": row.title, "limit": row.limit}
            | {side: m.values.get(row.name) for side, m in sides.items()}
            | {"of_linux": row.of_linux}
            | {
                "missed": report.missed(
                    row, here.values.get(row.name), there and there.values.get(row.name)
                )
            }
            for row in rows
        ],
        "strings": strings,
        "allocators": allocators,
        "notes": {side: m.notes for side, m in sides.items()},
        "commands": {side: m.commands for side, m in sides.items()},
    }
    print(json.dumps(data, indent=1))


def _nm(file: Path) -> str:
    return progress.call(
        ["aarch64-linux-gnu-nm", "-n", "-C", "--defined-only", file],
        f"reading the symbols of {file.name}",
        f"cannot read the symbols of {file.name}",
    )


def _profile(args, known: list, system, programs, folder: Path) -> int:
    row = next((r for r in known if r.name == args.profile), None)
    test = row.test if row else args.profile
    boot_only, launched = test in ("boot", *BOOT_ROWS), bool(row and row.to)
    blocks = folder / "blocks"
    span = {"to": MARKER} if boot_only else {"from": f"T {test}", "to": "B "}
    if boot_only:
        program = programs.hello
    elif launched:
        program = programs.launch
    else:
        program = programs.bench_musl if row and row.libc == "musl" else programs.bench
    plugin = machine.plugin_words(programs.plugin, folder, profile=blocks, **span)
    with progress.step(f"profiling {test}") as step:
        if launched:
            load, memory = _load_launch(system, programs, row), LAUNCH_MEMORY
        else:
            load = system.load(program, [] if boot_only else ["1", "all", test])
            memory = BOOT_MEMORY if boot_only else BENCH_MEMORY
        boot = machine.boot(load, memory, folder, args.timeout, extra=plugin, step=step)
    if not blocks.exists():
        raise UserError(f"{test} gave no profile: {boot.why or 'there is no test of this name, or it failed'}")
    results = report.parse(boot.text).results
    first = next((r for name, r in results.items() if name.startswith(test)), (0, 1))
    symbols = [
        report.Symbols.of("", _nm(cmd_build.KERNEL_ELF), "drupe_image_end"),
        report.Symbols.of("program: ", _nm(program), "_end"),
    ]
    functions = report.profile(blocks.read_text(), symbols)
    print(f"{args.profile}: {first[1]} operations" if not boot_only else "boot to the first output")
    print(report.profile_table(functions, first[1]))
    return 0


def _apart(kind, args, systems: list, programs, folder: Path) -> int:
    """Figures that are not of limits.toml: scaling, disk."""
    found, notes = kind.measure(systems, programs, folder, args.timeout)
    print(json.dumps({"commit": _commit(), "rounds": found}, indent=1) if args.json else kind.table(found))
    for note in notes:
        print(note, file=sys.stderr)
    return 1 if notes else 0


def run(args) -> int:
    if args.timeout <= 0:
        raise UserError(f"--timeout {args.timeout:g}: it should be more than 0")
    for file in filter(None, (args.against, args.kernel)):
        kernel_file.check(file)
    if args.kernel and args.profile:
        raise UserError("--profile needs the symbols of build/loader.img: it does not go with --kernel")
    cmd_build.build_for_run(own_kernel=not args.kernel)
    cmd_build.build("musl")
    programs = machine.build_programs()
    known = report.limits(LIMITS.read_text(), str(LIMITS.relative_to(places.ROOT)))
    with tempfile.TemporaryDirectory(prefix="drupe-bench-") as name:
        folder = Path(name)
        ours = machine.Drupe(folder, Path(args.kernel or cmd_build.KERNEL), args.isolation)
        if args.profile:
            return _profile(args, known, ours, programs, folder)
        systems = [ours] + ([machine.Linux(folder, Path(args.against))] if args.against else [])
        if args.pattern in (SCALING, DISK):
            return _apart(scaling if args.pattern == SCALING else disk, args, systems, programs, folder)
        sides = [Measurement(system, programs, folder, args.timeout) for system in systems]
        rows = [row for row in known if args.pattern in row.name]
        launch = [row for row in rows if row.to]
        musl = [row for row in rows if row.libc == "musl" and not row.to]
        alone = ("boot", STRINGS, MALLOC, *BOOT_ROWS, *(row.name for row in musl + launch))
        for side in sides:
            side.boot_rows(args.pattern)
            if args.pattern not in alone:
                tests = {row.name: row.test for row in known}
                side.bench_rows(tests.get(args.pattern, args.pattern))
            side.musl_rows(musl)
            side.launch_rows(launch)
        strings = sides[0].strings() if args.pattern in ("", STRINGS) else {}
        allocators = sides[0].allocators() if args.pattern == MALLOC else {}
    here, there = sides[0], sides[1] if args.against else None
    rows = report.rows_for(rows, *(side.values for side in sides))
    (_print_json if args.json else _print)(rows, here, there, strings, allocators)
    return 1 if any(r.has_limit and r.name not in here.values for r in rows) else 0
