#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes docs/locking.md from the comments of LockRank, or checks that it is current.

    locking.py write    the page, and the names in lockdep.cc, from lock_rank.h
    locking.py check    fails when either differs from lock_rank.h
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = ROOT / "src/kernel/sync/include/drupe/sync/lock_rank.h"
NAMES = ROOT / "src/kernel/sync/lockdep.cc"
PAGE = ROOT / "docs/locking.md"

INTRODUCTION = """\
# Locking

<!-- Written by tools/check/locking.py from lock_rank.h. Edit that, then run `locking.py write`. -->

Every spin lock has a rank. A CPU may take one only while each spin lock it holds has a higher rank:
the table is read from the top down, and lower rows are taken last. Unit tests and debug builds check
this at every acquisition (`drupe/sync/lockdep.h`) and name both locks when it is broken.

Locks that sleep (`sched::Mutex`, `sched::RwLock`) have no ranks. They are taken before any spin lock;
the order among them stands beside each. The kernel is not preempted inside
([0002](decisions/0002-non-preemptive-kernel.md)), so a plain `SpinGuard` is enough where no interrupt
handler takes the lock, an `IrqGuard` where one does.

`GUARDED_BY` and `REQUIRES` (`drupe/sync/annotations.h`) say which data and which functions a lock is for;
clang holds the sources to it (`tools/check/check_thread_safety.py`, suite `checks`).

| rank | lock | why here |
|---|---|---|
"""


def read_ranks(text):
    """(name, reason) of each enumerator, lowest rank first."""
    body = re.search(r"enum class LockRank[^{]*\{(.*?)\n\};", text, re.S)
    if not body:
        sys.exit(f"{HEADER}: enum class LockRank not found")
    ranks = []
    for line in body.group(1).splitlines():
        entry = re.match(r"\s*(\w+)(?:\s*=\s*1)?,\s*(?://\s*(.*))?$", line)
        more = re.match(r"\s*//\s*(.*)$", line)
        if entry:
            ranks.append([entry.group(1), (entry.group(2) or "").strip()])
        elif more and ranks:
            ranks[-1][1] = (ranks[-1][1] + " " + more.group(1)).strip()
        elif line.strip():
            sys.exit(f"{HEADER}: cannot read {line!r}")
    return ranks


def make_page(ranks):
    rows = [f"| {i} | `{name}` | {why} |\n" for i, (name, why) in enumerate(ranks, 1)]
    return INTRODUCTION + "".join(reversed(rows))


def put_names(source, ranks):
    """lockdep.cc with the names of `ranks`."""
    cases = "".join(f'    case LockRank::{name}: return "{name}";\n' for name, _ in ranks)
    return re.sub(r"(?:    case LockRank::\w+: return \"\w+\";\n)+", cases, source, count=1)


def problems(ranks):
    for name, why in ranks:
        if not why:
            yield f"{HEADER.relative_to(ROOT)}: {name} has no reason"
    source = NAMES.read_text(encoding="utf-8")
    if source != put_names(source, ranks):
        yield f"{NAMES.relative_to(ROOT)} is not current: run tools/check/locking.py write"
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != make_page(ranks):
        yield f"{PAGE.relative_to(ROOT)} is not current: run tools/check/locking.py write"


def main(arguments):
    if arguments not in (["write"], ["check"]):
        sys.exit(__doc__)
    ranks = read_ranks(HEADER.read_text(encoding="utf-8"))
    if arguments == ["write"]:
        PAGE.write_text(make_page(ranks), encoding="utf-8")
        source = NAMES.read_text(encoding="utf-8")
        NAMES.write_text(put_names(source, ranks), encoding="utf-8")
        return
    found = list(problems(ranks))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
