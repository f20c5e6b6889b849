# SPDX-License-Identifier: BSD-2-Clause
"""What `drupe bench` reads and prints: the lines of bench.c, the limits, the table, a profile. Pure functions."""
import bisect
import dataclasses
import re

from . import shape

LIMITS_SHAPE = {
    "row": [
        {"name": str, "title": str, "limit?": int, "of_linux?": int, "test?": str, "libc?": str}
        | {"to?": str, "image?": str, "command?": [str]}
    ]
}
# What the kernel says stands between these, anywhere in a line (docs/bootfs.md).
_KERNEL_SAYS = re.compile(r"\x1b\]drupe;log;.*?\x1b\\", re.DOTALL)
_RESULT = re.compile(r"B (\S+) +([0-9]+(?:\.[0-9]+)?) +([0-9]+)")


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    limit: int | None = None
    test: str = ""  # bench.c's name for the test it comes from
    libc: str = ""  # musl: by bench.c built against ours; else against glibc
    of_linux: int | None = None  # a limit too: so many per cent of what Linux takes
    # By launch.c, which starts a command of an image: until its main or its exit. Without a command
    # it is started.c, against the libc.
    to: str = ""
    image: str = ""
    command: tuple = ()

    @property
    def has_limit(self) -> bool:
        return self.limit is not None or self.of_linux is not None


@dataclasses.dataclass
class Output:
    """What one run of bench.c said."""

    results: dict = dataclasses.field(default_factory=dict)  # name -> (value, operations)
    begun: list = dataclasses.field(default_factory=list)  # names of tests
    errors: list = dataclasses.field(default_factory=list)
    finished: bool = False


def parse(text: str) -> Output:
    """Reads a console: lines that are not bench.c's own are passed over, half ones (no line end) too."""
    output = Output()
    for line in _KERNEL_SAYS.sub("", text).replace("\r", "").split("\n")[:-1]:
        result = _RESULT.fullmatch(line.rstrip())
        if result:
            output.results[result[1]] = (float(result[2]), int(result[3]))
        elif re.fullmatch(r"W \S+", line):
            output.begun.append(line[2:])
        elif line.startswith("E "):
            output.errors.append(line[2:])
        elif line == "BENCH-END":
            output.finished = True
    return output


def limits(text: str, where: str) -> list:
    rows = shape.load(text, where, LIMITS_SHAPE)["row"]
    return [Row(**({"test": r["name"]} | r | {"command": tuple(r.get("command", ()))})) for r in rows]


def rows_for(known: list, *systems: dict) -> list:
    """The rows to print: the known ones, then all else that a system measured, in the order it came."""
    rows = {row.name: row for row in known}
    for values in systems:
        for name in values:
            rows.setdefault(name, Row(name, name.replace("_", " "), None, name))
    return list(rows.values())


def missed(row: Row, value, other=None) -> bool:
    """A limit that is not met; one without a figure is not met. `other` is Linux's figure, if there is one."""
    if value is None:
        return row.has_limit
    if row.of_linux is not None and other is not None and 100 * value > row.of_linux * other:
        return True
    return row.limit is not None and value > row.limit


def number(value) -> str:
    if value is None:
        return "missing"
    return f"{value:,.1f}" if value < 1000 and value != int(value) else f"{value:,.0f}"


def ratio(here, there) -> str:
    return f"{here / there:.2f}" if here is not None and there else ""


def limit_text(row: Row) -> str:
    share = "" if row.of_linux is None else f"{row.of_linux / 100:.2f} of Linux"
    return share if row.limit is None else number(row.limit) + (share and f", {share}")


def table(rows: list, here: dict, there: dict | None) -> str:
    """The one table; `there` is None without an opponent."""
    heads = ["row", "here"] + ([] if there is None else ["Linux", "ratio"]) + ["limit", ""]
    lines = [heads]
    for row in rows:
        value, other = here.get(row.name), (there or {}).get(row.name)
        cells = [row.title, number(value)]
        if there is not None:
            cells += [number(other), ratio(value, other)]
        lines.append([*cells, limit_text(row), "MISSED" if missed(row, value, other) else ""])
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in (0, len(heads) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )


def strings_table(ours: dict, theirs: dict, limit: float) -> str:
    """Our libc's string functions beside glibc's; both hold instructions for a call by function_bytes."""
    lines = [f"{'string function, bytes':<26} {'ours':>10} {'glibc':>10} {'ratio':>6}"]
    for name, value in ours.items():
        other = theirs.get(name)
        mark = "  MISSED" if other is None or value > limit * other else ""
        function, _, size = name.rpartition("_")
        title = f"{function}, {int(size):,}"
        lines.append(f"{title:<26} {number(value):>10} {number(other):>10} {ratio(value, other):>6}{mark}")
    return "\n".join(lines)


# --- profiles ---


@dataclasses.dataclass
class Symbols:
    """The functions of one file and the addresses that belong to it."""

    label: str
    addresses: list
    names: list
    end: int

    @classmethod
    def of(cls, label: str, nm: str, end_name: str):
        """From the output of `nm -n -C`; the file's addresses end at the symbol `end_name`."""
        addresses, names, end = [], [], 0
        for line in nm.splitlines():
            found = re.fullmatch(r"([0-9a-f]{8,16}) (\w) (.+)", line)
            if not found:
                continue
            if found[3] == end_name:
                end = int(found[1], 16)
            # $x and $d mark what the assembler put there; they are no functions
            if found[2] in "tTwW" and not found[3].startswith("$"):
                addresses.append(int(found[1], 16))
                names.append(found[3])
        return cls(label, addresses, names, end)

    def find(self, address: int) -> str | None:
        if not self.addresses or not self.addresses[0] <= address < self.end:
            return None
        return self.label + self.names[bisect.bisect_right(self.addresses, address) - 1]


def profile(text: str, symbols: list) -> list:
    """(instructions, function) for the plugin's block lines, most first."""
    sums = {}
    for line in text.splitlines():
        address, _, count = line.split()
        at = int(address, 16)
        name = next(filter(None, (s.find(at) for s in symbols)), f"[page {at & ~0xfff:#x}]")
        sums[name] = sums.get(name, 0) + int(count)
    return sorted(((count, name) for name, count in sums.items()), key=lambda e: (-e[0], e[1]))


def profile_table(functions: list, operations: int, top: int = 30) -> str:
    total = sum(count for count, _ in functions)
    lines = [f"{'instructions':>14}  {'per op':>10}  {'share':>6}  function"]
    for count, name in [(total, "all"), *functions[:top]]:
        lines.append(
            f"{count:>14,}  {count / operations:>10,.1f}  {100 * count / max(total, 1):>5.1f}%  {name}"
        )
    return "\n".join(lines)
