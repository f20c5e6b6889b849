# SPDX-License-Identifier: BSD-2-Clause
"""drupe test: the tests of both build folders, and one line that sums them up."""
import json
import subprocess
import sys

from . import cmd_build, places

SUMMARY = "run the tests"


def add_arguments(parser) -> None:
    parser.add_argument(
        "--suite", action="append", default=[], help="only this suite (unit, boot, ...)"
    )


def _run(folder, suites: list) -> dict:
    """Runs Meson's tests of a build folder, output passed on; how many ended in which way."""
    words = ["meson", "test", "-C", str(folder), "--no-rebuild", "--print-errorlogs"]
    for suite in suites:
        words += ["--suite", suite]
    log = folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    status = subprocess.run(words).returncode
    counts = {}
    if log.exists():
        for line in log.read_text().splitlines():
            result = json.loads(line)["result"]
            counts[result] = counts.get(result, 0) + 1
    if status != 0 and not set(counts) - {"OK", "SKIP"}:
        counts["ERROR"] = 1  # Meson itself failed
    return counts


def run(args) -> int:
    cmd_build.build()
    cmd_build.configure(places.BUILD_HOST, "-Db_sanitize=address,undefined")
    cmd_build.ninja(places.BUILD_HOST)
    total = {}
    for folder in (places.BUILD, places.BUILD_HOST):
        for result, n in _run(folder, args.suite).items():
            total[result] = total.get(result, 0) + n
    passed, skipped = total.pop("OK", 0) + total.pop("EXPECTEDFAIL", 0), total.pop("SKIP", 0)
    failed = sum(total.values())
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.stdout.flush()
    return 1 if failed or not passed else 0
