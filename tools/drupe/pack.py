# SPDX-License-Identifier: BSD-2-Clause
"""From an Image to the file that QEMU loads: the image's archive, cached, and a small one for this run;
or to a ZFS pool."""
import os
import re
from pathlib import Path

from . import places, progress
from .debtree import quote
from .errors import UserError
from .image import Image

MKBOOTFS = places.BUILD / "tools" / "mkbootfs" / "mkbootfs"
MKZFS = places.BUILD / "tools" / "mkzfs" / "mkzfs"
PAGE = 4096


def _mkbootfs(output: Path, arguments: list, what: str) -> None:
    try:
        progress.call(
            [MKBOOTFS, "-o", output, *arguments], what, "cannot make the boot file system"
        )
    except UserError as e:  # the lines of a run's own manifest are nothing that the user wrote
        raise UserError(re.sub(rf"{re.escape(str(output.parent))}/\S+?:\d+: ", "", str(e))) from None


def base_archive(tree: Path) -> Path:
    """The archive of a cached tree; made again when mkbootfs is newer than it."""
    archive = tree / "rootfs.cpio"
    with places.locked("archives"):
        if not archive.exists() or archive.stat().st_mtime < MKBOOTFS.stat().st_mtime:
            _mkbootfs(archive, [tree / "rootfs", "-m", tree / "lines"], "packing the image")
    return archive


def _copy_line(word: str) -> str:
    """A manifest line for --copy HOST:GUEST; with a slash at its end GUEST is a folder to copy into."""
    host, colon, guest = word.rpartition(":")
    if not colon or not host or not guest.startswith("/"):
        raise UserError(
            f"--copy {word}: it should be HOST:GUEST with an absolute path in the guest"
        )
    if not os.path.lexists(host):
        raise UserError(f"--copy {word}: there is no {host}")
    return f"{quote(guest)}: {quote(os.path.abspath(host))}\n"


def _append(file: Path, out: int) -> None:
    with open(file, "rb") as f:
        left = os.fstat(f.fileno()).st_size
        while left:
            done = os.copy_file_range(f.fileno(), out, left)
            if done == 0:
                raise UserError(f"{file} became shorter while it was read")
            left -= done


def _own_manifest(image: Image, start: bytes | None, copies: list, folder: Path) -> Path:
    """What comes on top of the image's tree and sources: its further files, the start record, --copy."""
    own = folder / "run.manifest"
    text = image.files
    if start is not None:
        (folder / "start").write_bytes(start)
        text += f"/.drupe: %dir mode=0700\n/.drupe/start: {quote(str(folder / 'start'))} mode=0400 mtime=0\n"
    text += "".join(_copy_line(word) for word in copies)
    own.write_text(text, errors="surrogateescape")
    return own


def pack(image: Image, start: bytes | None, copies: list, folder: Path) -> Path:
    """Writes the file for one run into `folder` and returns its path."""
    own = _own_manifest(image, start, copies, folder)
    result = folder / "bootfs.cpio"
    if image.tree is None:
        _mkbootfs(result, [*image.sources, "-m", own], "packing the image")
        return result
    archive = base_archive(image.tree)
    small = folder / "run.cpio"
    _mkbootfs(
        small, ["--base", image.tree / "rootfs", *image.sources, "-m", own], "packing the image"
    )
    with progress.step("putting the image together"):
        out = os.open(result, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for part in (archive, small):
                if part.stat().st_size % PAGE:
                    raise UserError(
                        f"{part} does not end on a page; remove it (./drupe images remove --all)"
                    )
                _append(part, out)
        finally:
            os.close(out)
    return result


def pack_zfs(image: Image, start: bytes | None, copies: list, folder: Path, mkzfs: list) -> None:
    """Writes a pool with all of the image. `mkzfs` is the program with its options, output among them."""
    base = [] if image.tree is None else [image.tree / "rootfs", "-m", image.tree / "lines"]
    own = _own_manifest(image, start, copies, folder)
    progress.call(
        [*mkzfs, "-q", *base, *image.sources, "-m", own],
        "writing the ZFS pool",
        "cannot make the ZFS pool",
    )
