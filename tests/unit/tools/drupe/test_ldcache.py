# SPDX-License-Identifier: BSD-2-Clause
import functools
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from drupe import elf, ldcache


def libcmp(a: str, b: str) -> int:
    """ld.so's comparison written down step by step, as the reference for the sort key."""
    i = j = 0
    while i < len(a):
        if a[i].isdigit():
            if j < len(b) and b[j].isdigit():
                m, n = re.match("[0-9]+", a[i:]).group(), re.match("[0-9]+", b[j:]).group()
                i, j = i + len(m), j + len(n)
                if int(m) != int(n):
                    return int(m) - int(n)
            else:
                return 1
        elif j < len(b) and b[j].isdigit():
            return -1
        elif j >= len(b) or a[i] != b[j]:
            return ord(a[i]) - (ord(b[j]) if j < len(b) else 0)
        else:
            i, j = i + 1, j + 1
    return 0 - (ord(b[j]) if j < len(b) else 0)


def search(cache: bytes, name: str):
    """ld.so's search by halving over the bytes; the path, or None."""
    magic, count, _, flags, _ = ldcache.HEADER.unpack_from(cache)
    assert magic == ldcache.MAGIC and flags == 2
    text = lambda at: cache[at : cache.index(b"\0", at)].decode()
    low, high = 0, count - 1
    while low <= high:
        middle = (low + high) // 2
        entry = ldcache.ENTRY.unpack_from(cache, ldcache.HEADER.size + middle * ldcache.ENTRY.size)
        order = libcmp(name, text(entry[1]))
        if order == 0:
            return text(entry[2])
        if order < 0:
            low = middle + 1
        else:
            high = middle - 1
    return None


class Cache(unittest.TestCase):
    def test_the_sort_key_agrees_with_ld_so(self):
        rng = random.Random(3)
        names = [
            "lib" + "".join(rng.choice("ab.-+_019") for _ in range(rng.randrange(6)))
            for _ in range(300)
        ]
        by_key = sorted(set(names), key=ldcache.order)
        self.assertEqual(by_key, sorted(set(names), key=functools.cmp_to_key(libcmp)))

    def test_every_library_is_found_and_no_other(self):
        rng = random.Random(5)
        libraries = {
            f"lib{rng.choice('abcxyz')}{rng.randrange(200)}.so.{rng.randrange(30)}": f"/usr/lib/{i}"
            for i in range(400)
        }
        cache = ldcache.cache_bytes(libraries)
        for name, path in libraries.items():
            self.assertEqual(search(cache, name), path)
        self.assertIsNone(search(cache, "libnone.so"))

    @unittest.skipUnless(shutil.which("/sbin/ldconfig"), "no ldconfig on this machine")
    def test_ldconfig_prints_what_was_written(self):
        libraries = {
            "libc.so.6": "/lib/aarch64-linux-gnu/libc.so.6",
            "libm.so.6": "/lib/aarch64-linux-gnu/libm.so.6",
            "ld-linux-aarch64.so.1": "/lib/ld-linux-aarch64.so.1",
        }
        with tempfile.NamedTemporaryFile() as f:
            f.write(ldcache.cache_bytes(libraries))
            f.flush()
            text = subprocess.run(
                ["/sbin/ldconfig", "-p", "-C", f.name], capture_output=True, text=True, check=True
            ).stdout
        self.assertIn("3 libs found", text)
        for name, path in libraries.items():
            self.assertRegex(text, rf"{re.escape(name)} \(libc6,AArch64\) => {re.escape(path)}\n")

    def test_folders_come_from_the_configuration_and_links_stay_inside(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "etc/ld.so.conf.d").mkdir(parents=True)
            (root / "usr/lib").mkdir(parents=True)
            os.symlink("usr/lib", root / "lib")
            os.symlink("/usr/../../../../lib", root / "up")
            (root / "etc/ld.so.conf").write_text("include ld.so.conf.d/*.conf\n/opt/x/ # own\n")
            (root / "etc/ld.so.conf.d/a.conf").write_text("/usr/local/lib\n")
            self.assertEqual(
                ldcache.configured_folders(root), ["/usr/local/lib", "/opt/x", *ldcache.TRUSTED]
            )
            self.assertEqual(ldcache.inside(root, "/up/x"), root / "usr/lib/x")
            os.symlink("loop", root / "loop")
            with self.assertRaises(OSError):
                ldcache.inside(root, "/loop")


class ElfReader(unittest.TestCase):
    CC = "aarch64-linux-gnu-gcc"

    @unittest.skipUnless(shutil.which(CC), "no cross compiler")
    def test_a_linked_program_shows_interpreter_libraries_and_runpath(self):
        with tempfile.TemporaryDirectory() as folder:
            source, program, library = (
                Path(folder) / "a.c",
                Path(folder) / "a",
                Path(folder) / "liba.so.2",
            )
            source.write_text("int main(void){return 0;}\n")
            subprocess.run(
                [
                    self.CC,
                    "-o",
                    program,
                    source,
                    "-Wl,--no-as-needed",
                    "-lm",
                    "-Wl,-rpath,$ORIGIN/x:/y",
                ],
                check=True,
            )
            subprocess.run(
                [self.CC, "-shared", "-fPIC", "-o", library, source, "-Wl,-soname,liba.so.2"],
                check=True,
            )
            found = elf.read_aarch64(program)
            self.assertEqual(found.interpreter, "/lib/ld-linux-aarch64.so.1")
            self.assertEqual(found.needed, ("libm.so.6", "libc.so.6"))
            self.assertEqual(found.runpath, ("$ORIGIN/x", "/y"))
            self.assertEqual(elf.read_aarch64(library).soname, "liba.so.2")
            data = program.read_bytes()
        rng = random.Random(11)  # damage: only NotElf may come out
        for _ in range(3000):
            broken = bytearray(data[: rng.choice((len(data), rng.randrange(len(data))))])
            for _ in range(rng.randrange(1, 6)):
                if broken:
                    broken[rng.randrange(min(len(broken), 1200))] = rng.randrange(256)
            try:
                elf.parse(bytes(broken))
            except elf.NotElf:
                pass

    def test_what_is_no_elf_file_says_so(self):
        for data in (b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF\x01\x01" + bytes(80)):
            with self.assertRaises(elf.NotElf):
                elf.parse(data)


if __name__ == "__main__":
    unittest.main()
