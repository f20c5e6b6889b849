# SPDX-License-Identifier: BSD-2-Clause
"""Folders of this machine that the guest has, and who serves them."""
import dataclasses
import os
from pathlib import Path

from .errors import UserError


@dataclasses.dataclass
class Folder:
    """A folder of this machine that the guest has at `guest`."""

    host: Path
    guest: str
    read_only: bool

    @staticmethod
    def parse(text: str) -> "Folder":
        """From HOST:GUEST[:ro]. GUEST begins behind the last colon that a slash follows."""
        given = text.removesuffix(":ro")
        host, colon, guest = given.rpartition(":/")
        if not colon or not host:
            raise UserError(f"-v {text}: HOST:GUEST[:ro], GUEST being an absolute path")
        guest = "/" + guest
        parts = guest.split("/")
        if guest == "/" or ".." in parts or guest.rstrip("/") in ("/dev", "/proc", "/sys"):
            raise UserError(f"-v {text}: no folder can be put at {guest}")
        if not os.path.exists(host):
            raise UserError(f"-v {text}: there is no folder {host}")
        if not os.path.isdir(host):
            raise UserError(f"-v {text}: {host} is no folder")
        if not os.access(host, os.R_OK | os.X_OK):
            raise UserError(f"-v {text}: {host} cannot be read by this user")
        return Folder(Path(host), guest, given != text)

    def record(self, number: int) -> str:
        """What the kernel is told of it."""
        return f"share{number}:{'ro' if self.read_only else 'rw'}:{self.guest}"


def folder_arguments(folders: list) -> list:
    """The server for each folder is QEMU itself, with this user's rights."""
    words = []
    for number, folder in enumerate(folders):
        path = os.path.abspath(folder.host).replace(",", ",,")
        read_only = ",readonly=on" if folder.read_only else ""
        words += ["-fsdev", f"local,id=share{number},path={path},security_model=none,multidevs=remap{read_only}"]
        words += ["-device", f"virtio-9p-device,fsdev=share{number},mount_tag=share{number}"]
    return words
