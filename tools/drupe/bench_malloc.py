# SPDX-License-Identifier: BSD-2-Clause
"""Allocators beside that of our C library, for `drupe bench malloc`: each takes its place in the same
program, as musl allows it. docs/decisions has what came out."""
import os
import subprocess
import tarfile
from pathlib import Path

from . import apt, bench_machine as machine, image, places, progress, sources
from .errors import UserError

PROGRAM = machine.SOURCES / "allocators.c"
# Of musl's own sources; relative to the folder of the sources, and to that of the generated headers.
MUSL_INCLUDES = ("arch/aarch64", "arch/generic", "src/include", "src/internal", ".", "include")
OLDMALLOC = ("malloc", "aligned_alloc", "malloc_usable_size")


def _tree(package: str) -> Path:
    """The unpacked source package."""
    with progress.step(f"unpacking {package}"):
        tarball = apt.fetch_source(package, places.cache_dir() / "sources")
        into = machine.OUTPUT / package
        mark = into / ".complete"
        if not mark.exists():
            into.mkdir(parents=True, exist_ok=True)
            with tarfile.open(tarball) as tar:
                tar.extractall(into)
            mark.touch()
    (folder,) = (f for f in into.iterdir() if f.is_dir())
    return folder


def _compile(words: list, output: Path) -> Path:
    if not output.exists():
        progress.call([*words, "-o", output], f"compiling {output.name}", f"cannot compile {output.name}")
    return output


def _oldmalloc() -> list:
    root = places.SUBPROJECTS / sources.Wrap.read("musl").directory
    includes = [places.ROOT / "src/libc/musl/include", *(root / i for i in MUSL_INCLUDES)]
    includes.insert(3, places.BUILD / "subprojects" / root.name)
    options = ["-O2", "-std=c99", "-w", "-nostdinc", "-ffreestanding", "-D_XOPEN_SOURCE=700"]
    options += ["-mno-outline-atomics", "-fno-stack-protector", *(f"-I{i}" for i in includes)]
    return [
        _compile(
            [machine.CROSS_CC, *options, "-c", root / "src/malloc/oldmalloc" / f"{name}.c"],
            machine.OUTPUT / f"oldmalloc.{name}.o",
        )
        for name in OLDMALLOC
    ]


def _mimalloc() -> list:
    root = _tree("mimalloc")
    options = ["-O2", "-std=gnu11", "-w", "-DNDEBUG", "-DMI_MALLOC_OVERRIDE", "-DMI_STATIC_LIB"]
    options += ["-fno-builtin-malloc", f"-I{root}/include"]
    return [
        _compile([image.MUSL_CC, *options, "-c", root / "src/static.c"], machine.OUTPUT / "mimalloc.o")
    ]


def _jemalloc() -> list:
    root = _tree("jemalloc")
    library = root / "lib/libjemalloc.a"
    if not library.exists():
        configure = ["./configure", "--host=aarch64-linux-musl", f"CC={image.MUSL_CC}", "--disable-cxx"]
        configure += ["--disable-shared", "--with-jemalloc-prefix="]
        configure += ["--with-lg-page=12", "--with-lg-quantum=4"]
        commands = [["make", f"-j{os.cpu_count()}", "lib/libjemalloc.a"]]
        if not (root / "Makefile").exists():
            commands.insert(0, configure)
        for words in commands:
            with progress.step("compiling jemalloc"):
                done = subprocess.run(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0:
                raise UserError("cannot compile jemalloc: " + done.stdout.decode(errors="replace")[-400:])
    return [library]


def programs() -> dict:
    """Allocator: the program with it."""
    built = {}
    for name, parts in (
        ("mallocng", list),
        ("oldmalloc", _oldmalloc),
        ("mimalloc", _mimalloc),
        ("jemalloc", _jemalloc),
    ):
        output = machine.OUTPUT / f"allocators.{name}"
        if machine.stale(output, PROGRAM, image.MUSL_LIBRARIES / "libc.a"):
            output.unlink(missing_ok=True)
        words = [image.MUSL_CC, "-O2", "-static", "-pthread", PROGRAM, *parts()]
        built[name] = _compile(words, output)
    return built


def table(found: dict) -> str:
    """Instructions for each operation, and KiB, by load and allocator."""
    lines = [f"{'instructions; memory in KiB':<28}" + "".join(f" {name:>10}" for name in found)]
    for load in next(iter(found.values())):
        title = load.removesuffix("_kib").replace("_", " ") + (", KiB" if load.endswith("_kib") else "")
        values = (values.get(load) for values in found.values())
        lines.append(
            f"{title:<28}" + "".join(f" {'missing' if v is None else f'{v:,.0f}':>10}" for v in values)
        )
    return "\n".join(lines)
