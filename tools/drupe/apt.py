# SPDX-License-Identifier: BSD-2-Clause
"""A private apt: its own lists, cache and an empty dpkg status, arm64 only, without root.

Nothing installed on this machine counts, and nothing here changes the machine. The mirrors are the
machine's own, read each time (apt_sources.py); its apt.conf (proxies and the like) stays in force."""
import hashlib
import os
import re
import time
import urllib.parse
from pathlib import Path

from . import apt_sources, places, progress
from .errors import UserError

LISTS_MAX_AGE = 24 * 3600  # seconds; older lists are fetched again before something new is resolved
UPDATE_HINT = "is the network there? (./drupe doctor)"


def _folder() -> Path:
    return places.cache_dir() / "apt"


def _options() -> list:
    apt = _folder()
    values = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Install-Recommends": "false",
        "APT::Install-Suggests": "false",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": apt / "sources.d",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::State::extended_states": apt / "extended_states",
        "Dir::Cache": apt / "cache",
        "Dir::Cache::archives": apt / "debs",
        "Debug::NoLocking": "true",  # our own lock (places.locked) is around every call
        "Dpkg::Use-Pty": "0",
        "APT::Get::Assume-Yes": "true",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Update::Post-Invoke-Success::": "true",
        "quiet": "2",
    }
    if os.getuid() == 0:
        values["APT::Sandbox::User"] = "root"  # the user _apt cannot write to our cache
    return [word for key, value in values.items() for word in ("-o", f"{key}={value}")]


def _prepare() -> None:
    apt = _folder()
    for name in ("lists/partial", "cache", "debs/partial", "empty/partial", "sources.d"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    text = apt_sources.debian_sources_text(apt_sources.machine_sources())
    if not text:
        raise UserError(
            "this machine's apt knows no archive of Debian (/etc/apt/sources.list, "
            "/etc/apt/sources.list.d), so packages and sources cannot be fetched"
        )
    file = apt / "sources.d" / "debian.sources"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
        (apt / "fetched").unlink(missing_ok=True)


def _apt(arguments: list, what: str, failure: str, **options) -> str:
    return progress.call(["apt-get", *_options(), *arguments], what, failure, **options)


def _lists_age() -> float:
    stamp = _folder() / "fetched"
    return time.time() - stamp.stat().st_mtime if stamp.exists() else float("inf")


def update(force: bool = False) -> None:
    """Fetches the package lists unless they are fresh. The caller holds the lock `apt`."""
    _prepare()
    if not force and 0 <= _lists_age() < LISTS_MAX_AGE:
        return
    try:
        _apt(["update"], "fetching Debian's package lists", "cannot fetch Debian's package lists")
    except UserError as e:
        if _lists_age() < float("inf"):
            return  # old lists still resolve what the mirror still has; a failed download says so
        raise UserError(f"{e}; {UPDATE_HINT}") from None
    (_folder() / "fetched").touch()


def closure(packages: list) -> list:
    """The packages of a file system that holds `packages` and all they depend on, as paths of .deb
    files in the cache, in the order in which apt would install them."""
    for name in packages:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", name):
            raise UserError(f"'{name}' is no name of a Debian package (deb:PKG[,PKG…])")
    with places.locked("apt"):
        update()
        archives = _folder() / "debs"
        what = "fetching " + ", ".join(packages)
        failure = "cannot fetch " + ", ".join(packages)
        # Twice the same question: once with an empty archive folder for the names of all files,
        # once for the download. (--print-uris is silent about what is in the cache already.)
        listing = _apt(
            [
                "-o",
                f"Dir::Cache::archives={_folder() / 'empty'}",
                "--print-uris",
                "install",
                *packages,
            ],
            "resolving " + ", ".join(packages),
            failure,
        )
        names = re.findall(r"^'[^']*' (\S+) \d+ ", listing, re.MULTILINE)
        if not names:
            raise UserError(f"{failure}: apt names no files for it")
        _apt(["--download-only", "install", *packages], what, failure)
    files = [archives / name for name in names]
    for file in files:
        if not file.exists():
            raise UserError(f"{failure}: apt did not leave {file.name} in {archives}")
    return files


def fetch_source(package: str, into: Path) -> Path:
    """Downloads the upstream tarball of a Debian source package into the folder; returns its path.
    Several tarballs (components) do not occur among the sources that we use."""
    with places.locked("apt"):
        update()
        failure = f"cannot fetch the source of {package}"
        listing = _apt(
            ["--print-uris", "--tar-only", "source", package], f"resolving {package}", failure
        )
        m = re.search(
            r"^'([^']*)' (\S+\.orig\.tar\.\S+) (\d+) SHA256:([0-9a-f]{64})", listing, re.MULTILINE
        )
        if not m:
            raise UserError(f"{failure}: the mirror lists no upstream tarball")
        file = into / urllib.parse.unquote(m.group(2))
        if not (file.exists() and sha256(file) == m.group(4)):
            into.mkdir(parents=True, exist_ok=True)
            _apt(
                ["--download-only", "--tar-only", "source", package],
                f"fetching the source of {package}",
                failure,
                cwd=into,
            )
    if not file.exists() or sha256(file) != m.group(4):
        raise UserError(f"{failure}: {file.name} is not what the mirror's list promised")
    return file


def sha256(file: Path) -> str:
    with open(file, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
