# SPDX-License-Identifier: BSD-2-Clause
"""drupe test: every suite, in the order in which a mistake is cheapest to find, and one line that sums up."""
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

from . import cmd_build, places

SUMMARY = "run the tests"
EPILOG = """Suites: unit, sim, fuzz (build machine; also under ASan and UBSan), checks (of the kernel's sources),
zfs (other programs judge images), libc (our C library), kernel, boot, conformance (QEMU).
--long adds the full products of machines and programs, and the slow ones.
With CI=true in the environment a skipped test is a failure unless tests/skips.txt names it with a reason, and
what the suites zfs and zfs-long need is installed (otherwise tests/zfs/install.py does it)."""
HOST_SUITES = ["unit", "sim", "fuzz"]
CHECK_SUITES = ["checks", "zfs"]
MACHINE_SUITES = ["libc", "kernel", "boot", "conformance"]
LONG_SUITES = ["sim-long", "fuzz-long", "boot-long", "kernel-long", "zfs-long"]
ZFS_JUDGES = places.ROOT / "tests" / "zfs" / "install.py"
SKIPS = places.ROOT / "tests" / "skips.txt"


@dataclass
class Totals:
    passed: int = 0
    failed: list = field(default_factory=list)
    skipped: list = field(default_factory=list)

    def count(self, name: str, result: str) -> None:
        if result in ("OK", "EXPECTEDFAIL"):
            self.passed += 1
        elif result == "SKIP":
            self.skipped.append(name)
        else:
            self.failed.append(f"{name} ({result.lower()})")


def add_arguments(parser) -> None:
    parser.add_argument("--suite", action="append", default=[], help="only this suite (unit, boot, ...)")
    parser.add_argument("--long", action="store_true", help="also the full products and the slow tests")


def _meson_test(folder, suites: list, totals: Totals) -> None:
    """Runs suites of a build folder, Meson's progress passed on."""
    words = ["meson", "test", "-C", str(folder), "--setup", "everything", "--print-errorlogs"]
    for suite in suites:
        words += ["--suite", f"drupe:{suite}"]
    log = folder / "meson-logs" / "testlog-everything.json"
    log.unlink(missing_ok=True)
    print(f"== {', '.join(suites)} in {folder.name}/", flush=True)
    status = subprocess.run(words).returncode
    results = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    before = len(totals.failed)
    for result in results:
        totals.count(f"{folder.name}: {result['name']}", result["result"])
    if status != 0 and len(totals.failed) == before:
        totals.failed.append(f"{folder.name}: meson test itself (status {status})")


def _known_skips() -> dict:
    """tests/skips.txt: lines `PATTERN: reason`; the pattern is a regular expression over the whole name."""
    lines = SKIPS.read_text().splitlines() if SKIPS.exists() else []
    pairs = (line.split(": ", 1) for line in lines if line.strip() and not line.startswith("#"))
    return {re.compile(pattern): reason for pattern, reason in pairs}


def _judge_skips(totals: Totals) -> None:
    known = _known_skips()
    for name in totals.skipped:
        reason = next((r for p, r in known.items() if p.fullmatch(name.split(": ", 1)[1])), None)
        print(f"skipped: {name}" + (f" ({reason})" if reason else ""))
        if reason is None and os.environ.get("CI") == "true":
            totals.failed.append(f"{name} (skipped without a reason in tests/skips.txt)")


def _available(folder) -> set:
    """Suites that have tests in this build folder."""
    listed = subprocess.run(["meson", "introspect", str(folder), "--tests"], capture_output=True, text=True, check=True)
    return {suite.split(":")[-1] for test in json.loads(listed.stdout) for suite in test["suite"]}


def run(args) -> int:
    wanted = args.suite or HOST_SUITES + CHECK_SUITES + MACHINE_SUITES + (LONG_SUITES if args.long else [])
    totals = Totals()
    if os.environ.get("CI") == "true" and any(suite.startswith("zfs") for suite in wanted):
        # When this fails the tests do so too, each with what it misses.
        subprocess.run([sys.executable, "-B", ZFS_JUDGES])
    cmd_build.build()
    if not args.suite or set(args.suite) & set(HOST_SUITES):
        cmd_build.configure(
            places.BUILD_HOST,
            "-Db_sanitize=address,undefined",
            "-Db_lundef=false",
            "-Doptimization=1",  # half the compiler's time under sanitizers
        )
        cmd_build.ninja(places.BUILD_HOST)
    for folder, suites in ((places.BUILD, wanted), (places.BUILD_HOST, [s for s in wanted if s in HOST_SUITES])):
        if not (folder / "build.ninja").exists():
            continue
        there = _available(folder)
        here = [s for s in suites if s in there]
        if here:
            _meson_test(folder, here, totals)
        if folder == places.BUILD:
            totals.failed += [f"suite {s} does not exist" for s in args.suite if s not in there]
    _judge_skips(totals)
    for name in totals.failed:
        print(f"failed: {name}")
    print(f"{totals.passed} passed, {len(totals.failed)} failed, {len(totals.skipped)} skipped", flush=True)
    sys.stdout.flush()
    return 1 if totals.failed or not totals.passed else 0
