#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""sources.py ROOT ARCH [REPLACED…]: lists the libc's sources by the rule of musl's Makefile.

A file in an ARCH folder takes the place of the file of the same name, without regard to its suffix,
one folder up. REPLACED are such names (without ARCH and suffix) that somebody else provides; each
must exist, so that a name that upstream drops is noticed.
"""
import sys
from pathlib import Path

MALLOC = "src/malloc/mallocng"


def sources(root: Path, arch: str) -> dict:
    """Name without suffix: path, both below `root`."""
    folders = [*sorted(f for f in root.glob("src/*") if f.is_dir()), root / MALLOC]
    found = {}
    for folder in folders:
        chosen = [*sorted(folder.glob("*.c"))]
        chosen += sorted(f for f in (folder / arch).glob("*") if f.suffix in (".c", ".s", ".S"))
        for file in chosen:
            found[str((folder / file.stem).relative_to(root))] = str(file.relative_to(root))
    return found


def main() -> None:
    root, arch, *replaced = sys.argv[1:]
    found = sources(Path(root), arch)
    for name in replaced:
        if name not in found:
            sys.exit(f"sources.py: there is no {name} to replace")
        del found[name]
    print("\n".join(found.values()))


if __name__ == "__main__":
    main()
