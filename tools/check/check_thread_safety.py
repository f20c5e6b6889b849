#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lets clang's thread-safety analysis read every C++ source of the kernel: GCC builds it, clang
only checks that what a lock guards (drupe/sync/annotations.h) is touched with that lock held, and
that every atomic operation names its order (named_orders/atomic takes the place of <atomic>).

    check_thread_safety.py BUILD [--jobs N] [WORD…]

Takes the sources from BUILD/compile_commands.json: those that a cross build compiles for the
kernel, or of them those whose path holds a WORD. Generated headers must be there already.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLANG = ["clang++", "--target=aarch64-linux-gnu", "-ffreestanding", "-mgeneral-regs-only"]
CLANG += ["-fno-exceptions", "-fno-rtti", "-isystem", str(ROOT / "tools/check/named_orders")]
ANALYSIS = ["-fsyntax-only", "-Wthread-safety", "-Werror", "-Wno-unknown-attributes"]
ANALYSIS += ["-fno-caret-diagnostics", "-fno-color-diagnostics", "-ferror-limit=0"]
ANALYSIS += ["-fno-crash-diagnostics"]
# What decides how a source reads. The other words are for GCC's code generator and warnings.
KEPT_WORDS = ("-I", "-D", "-U", "-isystem", "-std=")
NOISE = r"In file included from |\d+ (warning|error)s? generated"


def kernel_commands(build: pathlib.Path, words: list[str]) -> list[dict]:
    """Entries of the compilation database, with `words` as a list instead of `command`."""
    found = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        command = shlex.split(entry["command"])
        file = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if file.suffix != ".cc" or "-ffreestanding" not in command:
            continue
        if words and not any(word in str(file) for word in words):
            continue
        kept = [word for word in command if word.startswith(KEPT_WORDS)]
        found.append({"file": file, "directory": entry["directory"], "words": kept})
    return found


def precompile(commands: list[dict], folder: str) -> list[str]:
    """The standard headers that the sources include, read once: they are most of the work."""
    headers = set()
    for file in ROOT.glob("src/**/*.h"):
        headers.update(re.findall(r"^#include (<[a-z_]+>)$", file.read_text(), re.M))
    for command in commands:
        headers.update(re.findall(r"^#include (<[a-z_]+>)$", command["file"].read_text(), re.M))
    text = pathlib.Path(folder, "standard.h")
    text.write_text("".join(f"#include {header}\n" for header in sorted(headers)))
    output = str(text.with_suffix(".pch"))
    standard = [word for word in commands[0]["words"] if word.startswith("-std=")]
    subprocess.run(CLANG + standard + ["-xc++-header", str(text), "-o", output], check=True)
    return ["-include-pch", output]


def analyse(command: dict, options: list[str]) -> tuple[int, list[str]]:
    """Exit status and diagnostics, whose paths count from the root of the tree."""
    if "freestanding" in command["file"].parts:
        options = []  # defines what the standard headers only declare
    result = subprocess.run(
        CLANG + ANALYSIS + options + command["words"] + [str(command["file"])],
        cwd=command["directory"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    up = os.path.relpath(ROOT, command["directory"])
    lines = [line.replace(f"{ROOT}/", "").replace(f"{up}/", "") for line in result.stdout.splitlines()]
    return result.returncode, [line for line in lines if not re.match(NOISE, line)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, help="a cross build's directory")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only paths that hold one of these")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args(arguments)
    commands = kernel_commands(args.build, args.words)
    if not shutil.which(CLANG[0]):
        print(f"{CLANG[0]} is missing; ./drupe setup installs it")
        return 1
    if not commands:
        print(f"{args.build}: no C++ source is compiled for the kernel")
        return 1
    failed, printed = [], set()
    with tempfile.TemporaryDirectory() as folder:
        options = precompile(commands, folder)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            results = pool.map(lambda command: analyse(command, options), commands)
            for command, (status, lines) in zip(commands, results):
                for line in lines:
                    if line not in printed:  # a header's are found again in every source
                        print(line, flush=True)
                    printed.add(line)
                if status != 0:
                    failed.append(os.path.relpath(command["file"], ROOT))
    for file in failed:
        print(f"failed: {file}")
    print(f"clang read {len(commands)} sources of the kernel, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
