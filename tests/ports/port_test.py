#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compiles a program of ports.toml with our C library, once, and compares what it says on Drupe in both isolation
modes with what it says under qemu-aarch64.

usage: port_test.py NAME CC LIBC FOLDER -- LIBC is our libc.so; the sources are unpacked and built below FOLDER
"""
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "boot"))
import boot_test
from drupe import apt, errors, places

MACHINES = (("virt,gic-version=3", "cortex-a72", "el1t"), ("virt,gic-version=2", "cortex-a57", "el0"))


def built(name: str, port: dict, cc: str, libc: str, folder: Path) -> Path:
    """The program, compiled again when its source, our library or the way to build it is another."""
    tarball = apt.fetch_source(name, places.cache_dir() / "sources")
    made_of = "\n".join([apt.sha256(tarball), apt.sha256(Path(libc)), *port["build"]])
    stamp = folder / f"{name}.stamp"
    tree = folder / name
    if not stamp.exists() or stamp.read_text() != made_of:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(tree, ignore_errors=True)
        with tarfile.open(tarball) as tar:
            tar.extractall(tree)
        for command in port["build"]:
            with open(folder / f"{name}.log", "a") as log:
                words = ["sh", "-ec", command.replace("{cc}", cc)]
                subprocess.run(words, cwd=next(tree.iterdir()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
        stamp.write_text(made_of)
    return next(tree.iterdir()) / port["program"]


def main() -> int:
    name, cc, libc, folder = sys.argv[1:]
    port = tomllib.loads((HERE / "ports.toml").read_text())[name]
    try:
        program = str(built(name, port, cc, libc, Path(folder).resolve()))
    except errors.UserError as error:
        print(error)
        return 77

    def expanded(words: list) -> list:
        place_of = {"{program}": program, "{boot}": str(HERE.parent / "boot"), "{libc}": str(Path(libc).resolve())}
        for name, place in place_of.items():
            words = [word.replace(name, place) for word in words]
        return words

    case = {"image": port.get("image", program), "command": expanded(port["command"]),
            "copy": expanded(port.get("copy", [])), "normalize": port.get("normalize", []),
            "exec": port.get("exec", False)}
    with tempfile.TemporaryDirectory() as work:
        want = boot_test.oracle(case, Path(work))
    return 0 if all([boot_test.compare(case, boot_test.drupe(case, *m), want) for m in MACHINES]) else 1


if __name__ == "__main__":
    sys.exit(main())
