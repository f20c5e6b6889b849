#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The debug build, beside the release build: it compiles without a warning, and programs run on it while every lock
is checked for its rank.

usage: debug_build_test.py CASES PROGRAMS CASE..."""
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def build(folder: Path) -> Path:
    subprocess.run(["meson", "setup", folder, "--buildtype=debug", "--cross-file", "cross/aarch64.ini"],
                   cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "--quiet", "-C", folder, "loader.img"], check=True)
    return folder / "loader.img"


def runs(cases: str, case: str, programs: str, isolation: str, kernel: Path) -> bool:
    return subprocess.run([sys.executable, HERE / "boot_test.py", cases, case, programs, "virt,gic-version=3",
                           "cortex-a72", isolation, "1", kernel], check=False).returncode == 0


def main() -> int:
    cases, programs, *names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        kernel = build(Path(folder) / "build")
        failed = [f"{name} ({isolation})" for name in names for isolation in ("el1t", "el0")
                  if not runs(cases, name, programs, isolation, kernel)]
    if failed:
        print("on the debug kernel failed: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
