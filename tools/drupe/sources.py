# SPDX-License-Identifier: BSD-2-Clause
"""Third-party sources: from Debian's source packages into subprojects/packagecache, where Meson looks
before it downloads. The table is sources.toml; file names and hashes are those of the wraps."""
import configparser
import dataclasses
import re
import shutil
import tarfile
import tomllib
from pathlib import Path

from . import apt, places, progress
from .errors import UserError

TABLE = Path(__file__).parent / "sources.toml"


@dataclasses.dataclass
class Wrap:
    """What a Meson wrap says about its tarball."""

    directory: str
    filename: str
    sha256: str
    patch: str

    @classmethod
    def read(cls, name: str):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(places.SUBPROJECTS / f"{name}.wrap")
        try:
            section = parser["wrap-file"]
            return cls(
                section["directory"],
                section["source_filename"],
                section["source_hash"],
                section.get("patch_directory", ""),
            )
        except KeyError as e:
            raise UserError(f"subprojects/{name}.wrap does not say {e}") from None


def table(when: str) -> dict:
    with open(TABLE, "rb") as f:
        return {name: entry for name, entry in tomllib.load(f).items() if entry["when"] == when}


def _mark(name: str) -> Path:
    """Beside a subproject that an alternative filled: says that setup made it and may replace it."""
    return places.SUBPROJECTS / f".{name}.from-alternative"


def is_there(name: str) -> bool:
    wrap = Wrap.read(name)
    cached = places.PACKAGE_CACHE / wrap.filename
    if cached.exists() and apt.sha256(cached) == wrap.sha256:
        return True
    folder = places.SUBPROJECTS / wrap.directory
    return (folder / "meson.build").exists() and _overlay_is_current(wrap, folder)


def renew_overlay(name: str) -> None:
    """Our files in a subproject that Meson unpacked: it copies them only once."""
    wrap = Wrap.read(name)
    folder = places.SUBPROJECTS / wrap.directory
    ours = (folder / "meson.build").exists() and not _mark(name).exists()
    if ours and not _overlay_is_current(wrap, folder):
        shutil.copytree(places.SUBPROJECTS / "packagefiles" / wrap.patch, folder, dirs_exist_ok=True)


def _overlay_is_current(wrap: Wrap, folder: Path) -> bool:
    overlay = places.SUBPROJECTS / "packagefiles" / wrap.patch
    return all(
        (folder / f.relative_to(overlay)).exists()
        and (folder / f.relative_to(overlay)).read_bytes() == f.read_bytes()
        for f in overlay.rglob("*")
        if f.is_file()
    )


def _use_alternative(name: str, entry: dict, wrap: Wrap) -> None:
    """Unpacks the named folders of another source package to where Meson expects the wrap's."""
    tarball = apt.fetch_source(entry["debian"], places.cache_dir() / "sources")
    folder = places.SUBPROJECTS / wrap.directory
    fresh = places.SUBPROJECTS / f".{wrap.directory}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    found = 0
    with progress.step(f"unpacking {tarball.name}"), tarfile.open(tarball) as tar:
        for member in tar:
            inside = member.name.removeprefix("./").partition("/")[2]
            for source, target in entry["folders"].items():
                rest = inside.removeprefix(source + "/")
                if member.isfile() and rest != inside and "/" not in rest:
                    (fresh / target).mkdir(parents=True, exist_ok=True)
                    (fresh / target / rest).write_bytes(tar.extractfile(member).read())
                    found += 1
    if not found:
        raise UserError(
            f"{tarball.name} has none of the folders that sources.toml names for {name}"
        )
    shutil.copytree(places.SUBPROJECTS / "packagefiles" / wrap.patch, fresh, dirs_exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    _mark(name).touch()


def fetch(name: str, entry: dict, say) -> None:
    """Makes one subproject's source available, from the wrap's own source package or its alternative."""
    wrap = Wrap.read(name)
    try:
        tarball = apt.fetch_source(entry["debian"], places.cache_dir() / "sources")
        if apt.sha256(tarball) != wrap.sha256:
            raise UserError(
                f"Debian's {tarball.name} is another version than subprojects/{name}.wrap names"
            )
        places.PACKAGE_CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tarball, places.PACKAGE_CACHE / wrap.filename)
        if _mark(name).exists():
            shutil.rmtree(places.SUBPROJECTS / wrap.directory, ignore_errors=True)
            _mark(name).unlink()
    except UserError as reason:
        if "alternative" not in entry:
            raise UserError(f"{reason}; Meson will try {name}.wrap's own address") from None
        # Ordinary on a mirror that keeps no sources of older packages: no failure.
        is_absent = re.search(r"\b404\b", str(reason))
        why = f"the mirror has no source of {entry['debian']}" if is_absent else str(reason)
        say(f"{why}; taking {entry['alternative']['what']}")
        _use_alternative(name, entry["alternative"], wrap)


def fetch_file(name: str, inside: str, to: Path) -> Path:
    """One file out of a source package of the table (a command asks for it when it needs it).
    `inside` is its path below the tarball's first folder. Returns `to`, which is kept."""
    with open(TABLE, "rb") as f:
        entry = tomllib.load(f)[name]
    if to.exists():
        return to
    tarball = apt.fetch_source(entry["debian"], places.cache_dir() / "sources")
    with progress.step(f"unpacking {tarball.name}"), tarfile.open(tarball) as tar:
        for member in tar:
            if member.isfile() and member.name.removeprefix("./").partition("/")[2] == inside:
                to.parent.mkdir(parents=True, exist_ok=True)
                fresh = to.with_name(to.name + ".new")
                fresh.write_bytes(tar.extractfile(member).read())
                fresh.rename(to)
                return to
    raise UserError(f"{tarball.name} holds no file {inside}")
