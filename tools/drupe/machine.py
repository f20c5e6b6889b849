# SPDX-License-Identifier: BSD-2-Clause
"""What this machine has of the things that we need: the table of tools/packages.txt."""
import dataclasses
import hashlib
from pathlib import Path

from . import places, sources

TABLE = places.ROOT / "tools" / "packages.txt"


@dataclasses.dataclass(frozen=True)
class Package:
    name: str
    purpose: str
    file: str

    def is_there(self) -> bool:
        return Path(self.file).exists()


def packages() -> list:
    found = []
    for line in TABLE.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, *purpose, file = line.split()
            found.append(Package(name, " ".join(purpose), file))
    return found


def missing_packages() -> list:
    return [p for p in packages() if not p.is_there()]


def missing_sources() -> list:
    return [name for name in sources.table("build") if not sources.is_there(name)]


def state() -> str:
    """A name for what setup has to do; a stamp with it says that setup did it (per source tree)."""
    text = TABLE.read_bytes() + sources.TABLE.read_bytes()
    for wrap in sorted(places.SUBPROJECTS.glob("*.wrap")):
        text += wrap.read_bytes()
    for file in sorted((places.SUBPROJECTS / "packagefiles").rglob("*")):
        text += str(file.relative_to(places.SUBPROJECTS)).encode() + (
            file.read_bytes() if file.is_file() else b""
        )
    return hashlib.sha256(text).hexdigest()
