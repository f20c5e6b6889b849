#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes results-CPUS.txt anew: what each test says on Debian's own arm64 kernel, in the same QEMU.

usage: oracle.py FOLDER CPUS [AREA...] -- FOLDER holds the compiled programs (build/tests/posix of the build folder)

Lines of the results: name, how it ended, and `fork` when the program makes processes.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import posix_suite
from drupe import apt

HEAD = """# SPDX-License-Identifier: BSD-2-Clause
# How each program of the Open POSIX Test Suite ends on Debian's own kernel. Written by oracle.py.
# {kernel}, QEMU {machine}, CPUs: {cpus}; 60 seconds for a test.
"""
TIMEOUT = 7200


def linux(into: Path) -> tuple:
    """Debian's kernel image, and the name of the package it came from."""
    deb = next(file for file in apt.closure(["linux-image-arm64"]) if file.name.startswith("linux-image-6"))
    subprocess.run(["dpkg-deb", "-x", deb, into], check=True)
    return next((into / "boot").glob("vmlinuz-*")), deb.name.removesuffix("_arm64.deb")


def run(kernel: Path, cpus: str, programs: Path, names: list) -> str:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "tree.cpio"
        with posix_suite.staged(programs, names) as copy:
            command = [posix_suite.ROOT / "drupe", "build", "-o", archive, *copy, posix_suite.IMAGE]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        command = ["qemu-system-aarch64", "-M", posix_suite.MACHINE, "-cpu", "cortex-a72", "-m", "512", "-smp", cpus, "-no-reboot",
                   "-nographic", "-nodefaults", "-serial", "stdio", "-kernel", kernel, "-initrd", archive, "-append",
                   "console=ttyAMA0 loglevel=1 panic=-1 rdinit=/posix/runner"]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=TIMEOUT, check=True,
                              encoding="utf-8", errors="replace").stdout


def calls_fork(program: Path) -> bool:
    words = ["aarch64-linux-gnu-nm", "-D", "--undefined-only", program]
    names = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return any(name.partition("@")[0] in ("fork", "vfork", "system", "popen", "posix_spawn") for name in names)


def main() -> int:
    folder, cpus, *areas = sys.argv[1:]
    to = posix_suite.results_file(cpus)
    programs = posix_suite.built(Path(folder).resolve())
    results = posix_suite.read_results(to) if to.exists() else {}
    with tempfile.TemporaryDirectory() as work:
        kernel, package = linux(Path(work))
        areas = areas or list(posix_suite.AREAS)
        names = {area: posix_suite.tests_of(programs, area) for area in areas}
        said = posix_suite.in_parallel(lambda area: run(kernel, cpus, programs, names[area]), areas)
    for area, text in said.items():
        found = posix_suite.results_of(text)
        if missing := set(names[area]) - set(found):
            raise SystemExit(f"{area}: no result of {', '.join(sorted(missing))}\n{text[-2000:]}")
        results |= {name: (how, calls_fork(programs / name)) for name, how in found.items()}
    lines = [f"{name} {how}{' fork' if fork else ''}\n" for name, (how, fork) in sorted(results.items())]
    to.write_text(HEAD.format(kernel=package, machine=posix_suite.MACHINE, cpus=cpus) + "".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
