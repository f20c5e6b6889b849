# SPDX-License-Identifier: BSD-2-Clause
"""Where things lie: the source tree, the build folders, the cache."""
import contextlib
import fcntl
import os
from pathlib import Path

from .errors import UserError

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
BUILD_HOST = ROOT / "build-host"
SUBPROJECTS = ROOT / "subprojects"
PACKAGE_CACHE = SUBPROJECTS / "packagecache"


def cache_dir() -> Path:
    """The user's cache folder of Drupe, made when it is missing. Private: it holds set-uid files."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = Path(base) / "drupe"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot make the cache folder {path}: {e.strerror}") from None
    return path


@contextlib.contextmanager
def locked(name: str):
    """Holds the cache's lock `name` against other drupe commands (tests run several at a time)."""
    folder = cache_dir() / "locks"
    folder.mkdir(exist_ok=True)
    with open(folder / name, "wb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield
