#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Proves the dependency direction of the rooms: reads every #include below src and holds it against layers.toml.

usage: check_layers.py [SOURCE-ROOT]
"""
import re
import sys
import tomllib
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
SUFFIXES = {".h", ".cc", ".S", ".c"}


def closure(rooms: dict) -> dict:
    """For each room every room it may include, itself among them. A cycle in the table is an error."""
    done: dict = {}

    def visit(name: str, path: tuple) -> set:
        if name in path:
            sys.exit(f"layers.toml: a cycle: {' → '.join((*path, name))}")
        if name not in rooms:
            sys.exit(f"layers.toml: {path[-1]} uses {name}, which is no room")
        if name not in done:
            done[name] = {name}.union(*(visit(u, (*path, name)) for u in rooms[name]["uses"]))
        return done[name]

    for room in rooms:
        visit(room, ())
    return done


def room_of(rooms: dict, file: Path, root: Path):
    below = file.relative_to(root).as_posix()
    fitting = [name for name, room in rooms.items() if below.startswith(room["path"] + "/")]
    return max(fitting, key=lambda name: len(rooms[name]["path"]), default=None)


def check_file(file: Path, room: str, allowed: set, owner: dict, root: Path) -> list:
    problems = []
    for quote, target in INCLUDE.findall(file.read_text(errors="replace")):
        where = file.relative_to(root)
        if quote == '"':
            other = (file.parent / target).resolve()
            if other.exists() and not other.is_relative_to((root / "src").resolve()):
                problems.append(f"{where}: includes {target} from outside src")
            continue
        parts = target.split("/")
        if parts[0] != "drupe" or len(parts) < 3:
            continue
        other = owner.get(parts[1])
        if other is None:
            problems.append(f"{where}: <{target}> belongs to no room of layers.toml")
        elif other not in allowed:
            problems.append(f"{where}: {room} may not include <{target}> of {other}")
    return problems


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    rooms = tomllib.loads((Path(__file__).parent / "layers.toml").read_text())
    may = closure(rooms)
    owner = {header: name for name, room in rooms.items() for header in room["headers"]}
    problems, files = [], 0
    for file in sorted((root / "src").rglob("*")):
        if file.suffix not in SUFFIXES or not file.is_file():
            continue
        files += 1
        room = room_of(rooms, file, root)
        if room is None:
            problems.append(f"{file.relative_to(root)}: lies in no room of layers.toml")
        else:
            problems += check_file(file, room, may[room], owner, root)
    print("\n".join(problems))
    print(f"{files} files, {len(problems)} problems")
    return 1 if problems or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
