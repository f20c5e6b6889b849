# SPDX-License-Identifier: BSD-2-Clause
"""Writes /etc/ld.so.cache for an arm64 tree, which the build machine's ldconfig cannot.

The format is glibc's "1.1" (glibc: sysdeps/generic/dl-cache.h), without the old one in front of it and
without extensions. ld.so searches it by halving, so the order is exactly that of its own comparison."""
import os
import re
import struct
from pathlib import Path

from . import elf

MAGIC = b"glibc-ld.so.cache1.1"
FLAG_AARCH64_LIBC6 = 0x0A03  # FLAG_AARCH64_LIB64 | FLAG_ELF_LIBC6
LITTLE_ENDIAN = 2
HEADER, ENTRY = struct.Struct("<20sIIB3xI12x"), struct.Struct("<iIIIQ")
TRUSTED = ("/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib", "/usr/lib")


def order(name: str) -> list:
    """Sort key that agrees with ld.so's comparison: digits compare as numbers and come after every
    other character, and the end of a name comes before everything."""
    return [
        (2, int(part)) if part.isdigit() else (1, ord(part))
        for part in re.findall(r"[0-9]+|[^0-9]", name)
    ]


def cache_bytes(libraries: dict) -> bytes:
    """`libraries`: name that programs ask for -> absolute path in the image."""
    names = sorted(libraries, key=order, reverse=True)
    strings, offsets = bytearray(), {}
    base = HEADER.size + ENTRY.size * len(names)

    def place(text: str) -> int:
        if text not in offsets:
            offsets[text] = base + len(strings)
            strings.extend(os.fsencode(text) + b"\0")
        return offsets[text]

    entries = b"".join(
        ENTRY.pack(FLAG_AARCH64_LIBC6, place(n), place(libraries[n]), 0, 0) for n in names
    )
    return HEADER.pack(MAGIC, len(names), len(strings), LITTLE_ENDIAN, 0) + entries + bytes(strings)


def inside(root: Path, path: str, depth: int = 40) -> Path:
    """The host path of `path` in a tree, with symlinks followed as the guest would, never out of it."""
    at, parts = [], [p for p in path.split("/") if p]
    while parts:
        part = parts.pop(0)
        if part == "..":
            del at[-1:]
            continue
        here = root.joinpath(*at, part)
        if part != "." and here.is_symlink():
            depth -= 1
            if depth < 0:
                raise OSError(40, "too many symlinks", str(here))
            target = os.readlink(here)
            if target.startswith("/"):
                at = []
            parts = [p for p in target.split("/") if p] + parts
        elif part != ".":
            at.append(part)
    return root.joinpath(*at)


def configured_folders(root: Path) -> list:
    """Folders of ld.so.conf and what it includes, then the ones that ld.so always searches."""
    folders = []

    def read(file: Path, depth: int) -> None:
        if depth == 0 or not file.is_file():
            return
        for line in file.read_text(errors="replace").splitlines():
            line = line.split("#", 1)[0].strip()
            if line.startswith("include "):
                pattern = line.removeprefix("include ").strip()
                pattern = pattern if pattern.startswith("/") else "/etc/" + pattern
                folder, _, name = pattern.rpartition("/")
                for found in sorted(inside(root, folder).glob(name)):
                    read(found, depth - 1)
            elif line.startswith("/"):
                folders.append(line.rstrip("/"))

    conf = inside(root, "/etc/ld.so.conf")
    if conf.is_file():
        read(conf, 8)
    else:  # the package that brings ld.so.conf need not be there; the folder of snippets is the rule
        for found in sorted(inside(root, "/etc/ld.so.conf.d").glob("*.conf")):
            read(found, 8)
    return list(dict.fromkeys([*folders, *TRUSTED]))


def collect(root: Path) -> dict:
    """The libraries of a tree, as cache_bytes wants them. The first folder that has a name wins. Makes
    the link from a library's own name (SONAME) to its file where a package left that to ldconfig.
    """
    found, seen = {}, set()
    for folder in configured_folders(root):
        real = inside(root, folder)
        if not real.is_dir() or real in seen:
            continue
        seen.add(real)
        for name in sorted(os.listdir(real)):
            if not re.match(r"(lib|ld-).*\.so", name):
                continue
            try:
                file = inside(root, str((real / name).relative_to(root)))
            except OSError:
                continue
            library = elf.read_aarch64(file) if file.is_file() else None
            if library is None or library.type != elf.ET_DYN:
                continue
            wanted = library.soname or name
            if "/" not in wanted and not os.path.lexists(real / wanted):
                os.symlink(name, real / wanted)
            found.setdefault(wanted, f"{folder}/{wanted}")
    return found


def write(root: Path) -> None:
    etc = inside(root, "/etc")
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "ld.so.cache").write_bytes(cache_bytes(collect(root)))
