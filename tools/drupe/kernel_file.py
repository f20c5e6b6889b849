# SPDX-License-Identifier: BSD-2-Clause
"""Whether a file is a kernel that QEMU can start on an arm64 machine."""
import gzip
import zlib
from pathlib import Path

from .elf import AARCH64
from .errors import UserError

HEADER_BYTES = 64  # of an Image: Documentation/arch/arm64/booting.rst, "Call the kernel image"
IMAGE_MAGIC, IMAGE_MAGIC_AT = b"ARM\x64", 56
ELF_MAGIC, ELF_MACHINE_AT = b"\x7fELF\x02\x01", 18
GZIP_MAGIC, EFI_MAGIC = b"\x1f\x8b", b"MZ"


def _is_kernel(header: bytes) -> bool:
    if header.startswith(ELF_MAGIC):
        return int.from_bytes(header[ELF_MACHINE_AT : ELF_MACHINE_AT + 2], "little") == AARCH64
    return header[IMAGE_MAGIC_AT:].startswith(IMAGE_MAGIC)


def check(name: str) -> None:
    """UserError for what QEMU would load as bytes without a meaning, and begin to execute."""
    if not Path(name).is_file():
        raise UserError(f"there is no file {name}")
    try:
        with open(name, "rb") as file:
            header = file.read(HEADER_BYTES)
        if header.startswith(GZIP_MAGIC):
            with gzip.open(name) as file:
                header = file.read(HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{name} cannot be read: {error}") from None
    # What EFI unpacks (zboot) is left to QEMU.
    if not _is_kernel(header) and not header.startswith(EFI_MAGIC):
        raise UserError(f"{name} is no kernel for arm64: neither an Image nor an ELF file, as they are or gzipped")
