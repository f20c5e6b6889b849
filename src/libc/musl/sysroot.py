#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts together what compiling and linking against our libc needs, as musl's `make install` does:

    include/        musl's headers, and Linux's (links to the cross toolchain's)
    lib/            libc.so, libc.a, the crt files, empty libm.a and so on, gcc.specs

and the compiler command that uses it.
"""
import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ARCH = "aarch64"
GCC = "aarch64-linux-gnu-gcc"
AR = "aarch64-linux-gnu-gcc-ar"
STRIP = "aarch64-linux-gnu-strip"
EMPTY = ("m", "rt", "pthread", "crypt", "util", "xnet", "resolv", "dl")
LINUX = ("linux", "asm", "asm-generic")
WRAPPER = """#!/bin/sh
# Compiles and links for our libc; all of gcc's options pass.
root='{sysroot}'
exec {gcc} -mmusl -nostdinc "$@" -isystem "$root/include" -isystem {own} \\
    -specs="$root/lib/gcc.specs" -B"$root/lib"
"""

# Libraries are looked for here and in gcc's own folder only, and of libgcc the static halves are taken:
# all others are made for glibc. -mmusl does the rest.
SPECS = """*link_libgcc:
-L{sysroot}/lib -L.%s

*libgcc:
libgcc.a%s libgcc_eh.a%s

"""


def output(*command) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed for {command[-1]}")
    return done.stdout.strip()


def headers(sources: Path, generated: Path, to: Path) -> None:
    shutil.copytree(sources / "include", to, ignore=shutil.ignore_patterns("*.in"))
    (to / "bits").mkdir()
    for folder in (sources / "arch/generic", sources / "arch" / ARCH, generated):
        for header in folder.glob("bits/*.h"):
            shutil.copy(header, to / "bits" / header.name)
    toolchain = Path(output(GCC, "-print-sysroot") or "/") / f"usr/{ARCH}-linux-gnu/include"
    for name in LINUX:
        (to / name).symlink_to(toolchain / name)


def members(archive: Path) -> list:
    """The object files of one of Meson's thin archives, which hold their names only."""
    return output(AR, "t", archive).split()


def libraries(files: list, to: Path) -> None:
    for file in files:
        if file.name == "libc.so":
            output(STRIP, "--strip-unneeded", "-o", to / file.name, file)
            (to / f"ld-musl-{ARCH}.so.1").symlink_to(file.name)
        elif file.name == "libc.a":
            output(AR, "rcsD", to / file.name, *members(file))
        else:
            (member,) = members(file)
            shutil.copy(member, to / (file.stem.removeprefix("lib") + ".o"))
    for name in EMPTY:
        output(AR, "rcsD", to / f"lib{name}.a")


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--sources", "--generated", "--output", "--wrapper", "--stamp"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("files", type=Path, nargs="+")
    args = parser.parse_args()
    sysroot = args.output.resolve()
    shutil.rmtree(sysroot, ignore_errors=True)
    (sysroot / "lib").mkdir(parents=True)
    headers(args.sources, args.generated, sysroot / "include")
    libraries(args.files, sysroot / "lib")
    (sysroot / "lib/gcc.specs").write_text(SPECS.format(sysroot=sysroot))
    own = output(GCC, "-print-file-name=include")
    args.wrapper.write_text(WRAPPER.format(gcc=GCC, sysroot=sysroot, own=own))
    args.wrapper.chmod(0o755)
    args.stamp.touch()


if __name__ == "__main__":
    main()
