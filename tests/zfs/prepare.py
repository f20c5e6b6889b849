#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compiles zpooltool and genpool against OpenZFS's user-space headers, which no package carries
whole: they come from Debian's source package, configured for this machine. Prints the folder."""
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
from drupe import apt, places  # noqa: E402
from drupe.errors import UserError  # noqa: E402

PROGRAMS = ("zpooltool", "genpool")
PRELOADED = ("no_encryption",)


def folder_of_programs() -> Path:
    return places.cache_dir() / "zfs-judges"


def is_ready() -> bool:
    """Whether the headers are there, which takes minutes; the programs themselves take seconds."""
    return "ZFSSRC" in os.environ or (folder_of_programs() / "zfs" / "zfs_config.h").exists()


def headers(folder: Path) -> Path:
    """The configured source tree."""
    if given := os.environ.get("ZFSSRC"):
        return Path(given)
    tree = folder / "zfs"
    if (tree / "zfs_config.h").exists():
        return tree
    tarball = apt.fetch_source("zfs-linux", places.cache_dir() / "sources")
    fresh = folder / "zfs.new"
    shutil.rmtree(fresh, ignore_errors=True)
    with tarfile.open(tarball) as tar:
        tar.extractall(fresh, filter="data") if sys.version_info >= (3, 12) else tar.extractall(fresh)
    (inner,) = fresh.iterdir()
    with open(folder / "configure.log", "w") as log:
        subprocess.run(
            ["./configure", "--with-config=user", "--disable-pyzfs"],
            cwd=inner, check=True, stdout=log, stderr=log,
        )
    inner.rename(tree)
    fresh.rmdir()
    return tree


def compile_newer(source: Path, program: Path, flags: list) -> None:
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return
    subprocess.run(["gcc", source, "-o", program, *flags], check=True)


def build(folder: Path) -> None:
    src = headers(folder)
    flags = [
        "-O2", "-g", "-std=gnu11", "-w", "-D_GNU_SOURCE", "-D_REENTRANT", "-D_FILE_OFFSET_BITS=64",
        "-D_LARGEFILE64_SOURCE", "-DDEBUG", "-UNDEBUG", "-DZFS_DEBUG", "-DHAVE_CONFIG_H",
        "-include", f"{src}/zfs_config.h", f"-I{src}/include", f"-I{src}/lib/libspl/include",
        f"-I{src}/lib/libspl/include/os/linux",
    ]
    for name in PROGRAMS:
        libraries = ["-l:libzpool.so.5", "-l:libnvpair.so.3", "-lcrypto", "-lpthread", "-lm"]
        compile_newer(HERE / f"{name}.c", folder / name, [*flags, *libraries])
    for name in PRELOADED:
        compile_newer(HERE / f"{name}.c", folder / f"{name}.so", ["-O2", "-shared", "-fPIC"])


def programs() -> Path:
    """The folder that holds the programs. Raises UserError with the reason when it cannot be."""
    folder = folder_of_programs()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with places.locked("zfs-judges"):
            build(folder)
    except (OSError, subprocess.CalledProcessError, UserError) as e:
        raise UserError(f"zpooltool and genpool cannot be built: {e}") from None
    return folder


if __name__ == "__main__":
    try:
        print(programs())
    except UserError as e:
        sys.exit(str(e))
