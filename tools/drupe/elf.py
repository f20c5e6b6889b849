# SPDX-License-Identifier: BSD-2-Clause
"""Reads what `run` must know of an ELF file: whose it is, its interpreter, the libraries it names.

Pure functions over bytes. Anything odd in a file raises NotElf; nothing else does."""
import dataclasses
import mmap
import struct
from pathlib import Path

AARCH64 = 183
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 10, 14, 15, 29
ET_EXEC, ET_DYN = 2, 3


class NotElf(Exception):
    """Why the bytes are no ELF file that we can read."""


@dataclasses.dataclass
class Elf:
    machine: int
    type: int
    interpreter: str = ""
    soname: str = ""
    needed: tuple = ()
    runpath: tuple = ()


def _string(data, at: int, limit: int) -> str:
    if not 0 <= at < limit:
        raise NotElf("a string lies outside of the file")
    end = data.find(b"\0", at, limit)
    if end < 0:
        raise NotElf("a string has no end")
    return bytes(data[at:end]).decode("utf-8", "surrogateescape")


def _file_offset(loads: list, address: int) -> int:
    for vaddr, offset, filesz in loads:
        if vaddr <= address < vaddr + filesz:
            return offset + address - vaddr
    raise NotElf("a table lies outside of the file")


def _dynamic(data, at: int, size: int, loads: list) -> dict:
    tags = {}
    for offset in range(at, min(at + size, len(data) - 15), 16):
        tag, value = struct.unpack_from("<qQ", data, offset)
        if tag == 0:
            break
        tags.setdefault(tag, []).append(value)
    if DT_STRTAB not in tags:
        return {}
    strings = _file_offset(loads, tags[DT_STRTAB][0])
    limit = min(len(data), strings + tags.get(DT_STRSZ, [0])[0])
    return {
        tag: tuple(_string(data, strings + v, limit) for v in tags.get(tag, ()))
        for tag in (DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH)
    }


def parse(data) -> Elf:
    """`data` is the whole file: bytes or a memory map."""
    if len(data) < 64 or data[:4] != b"\x7fELF":
        raise NotElf("it does not begin as an ELF file")
    if data[4] != 2 or data[5] != 1:
        raise NotElf("it is not 64-bit little-endian")
    kind, machine = struct.unpack_from("<HH", data, 16)
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    if count and (size != 56 or table + size * count > len(data)):
        raise NotElf("its program headers lie outside of the file")
    elf = Elf(machine, kind)
    loads, dynamic = [], None
    for i in range(count):
        p_type, _, offset, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", data, table + i * size)
        if p_type == PT_LOAD:
            loads.append((vaddr, offset, filesz))
        elif p_type == PT_DYNAMIC:
            dynamic = (offset, filesz)
        elif p_type == PT_INTERP:
            elf.interpreter = _string(data, offset, min(len(data), offset + filesz))
    if dynamic:
        names = _dynamic(data, *dynamic, loads)
        elf.needed = names.get(DT_NEEDED, ())
        elf.soname = (names.get(DT_SONAME) or ("",))[0]
        paths = names.get(DT_RUNPATH) or names.get(DT_RPATH) or ()
        elf.runpath = tuple(p for one in paths for p in one.split(":") if p)
    return elf


def read(file: Path) -> Elf:
    with open(file, "rb") as f:
        try:
            with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return parse(data)
        except ValueError:
            raise NotElf("it is empty") from None


def read_aarch64(file: Path):
    """The Elf of an arm64 file, or None for anything else."""
    try:
        elf = read(file)
    except (NotElf, OSError):
        return None
    return elf if elf.machine == AARCH64 else None
