#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The kernel has no special path for anybody: no file below src names a program, package, test or benchmark.

usage: check_names.py [SOURCE-ROOT]

The words are the packages and programs that programs/, manifests/ and the test cases name, and the ones below
that people compare us with. Words that are also plain English or a mechanism's own name are left out.
"""
import re
import sys
import tomllib
from pathlib import Path

WELL_KNOWN = {"lua", "sqlite", "sqlite3", "busybox", "redis", "nginx", "python", "python3", "perl", "openssl", "memcached",
              "nodejs", "openjdk", "java", "postgres", "postgresql", "ffmpeg", "fio", "iperf3", "haproxy", "dropbear",
              "golang", "unixbench", "lmbench", "posixtestsuite", "hello"}
SUFFIXES = {".h", ".cc", ".S", ".c", ".def", ".ld"}
PLAIN_WORDS = {"go", "cxx", "bc", "static", "bench", "find", "sort", "missing", "program", "drupe", "make",
               "gcc", "gzip", "zstd"}  # the compiler; the file system's formats


def words(root: Path) -> set:
    found = set(WELL_KNOWN)
    for folder in ("programs", "manifests"):
        found |= {file.stem for file in (root / folder).glob("*.toml")}
    cases = root / "tests/boot/cases.toml"
    if cases.exists():
        for case in tomllib.loads(cases.read_text()).values():
            found |= set(case["image"].removeprefix("deb:").split(",")) if case["image"].startswith("deb:") else set()
    return {w.lower() for w in found if re.fullmatch(r"[\w.+-]{2,}", w)} - PLAIN_WORDS


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    pattern = re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, sorted(words(root)))) + r")(?![\w])", re.I)
    problems, files = [], 0
    for file in sorted((root / "src").rglob("*")):
        if not file.is_file() or file.suffix not in SUFFIXES:
            continue
        files += 1
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            for match in pattern.finditer(line):
                problems.append(f"{file.relative_to(root)}:{number}: names {match[0]}")
    print("\n".join(problems))
    print(f"{files} files, {len(problems)} problems")
    return 1 if problems or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
