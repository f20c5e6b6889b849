#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""correct.py SOURCE OUTPUT OLD NEW...: a copy of SOURCE with NEW in place of each OLD, which must be there once."""
import sys
from pathlib import Path


def main() -> None:
    source, output, *changes = sys.argv[1:]
    text = Path(source).read_text()
    for old, new in zip(changes[::2], changes[1::2]):
        if text.count(old) != 1:
            sys.exit(f"correct.py: {source} has {text.count(old)} times: {old}")
        text = text.replace(old, new)
    Path(output).write_text(text)


if __name__ == "__main__":
    main()
