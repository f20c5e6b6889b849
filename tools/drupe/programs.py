# SPDX-License-Identifier: BSD-2-Clause
"""What maintainer scripts would have done: programs/PACKAGE.toml, applied to an unpacked tree.

Scripts of Debian packages never run. What matters of them is written down here as data, so that it can
be read, printed (`run --dry-run`) and done without root. programs/README.md explains the keys."""
import dataclasses
import os
import tomllib
from pathlib import Path

from . import ldcache, places
from .errors import UserError

FOLDER = places.ROOT / "programs"
KEYS = {"note", "command", "env", "user", "group", "folder", "alternative", "file"}


@dataclasses.dataclass
class Program:
    """One package's file, checked."""

    package: str
    note: str = ""
    command: tuple = ()
    env: dict = dataclasses.field(default_factory=dict)
    users: tuple = ()
    groups: tuple = ()
    folders: tuple = ()
    alternatives: tuple = ()
    files: tuple = ()

    def describe(self) -> list:
        """What it does, one line each."""
        return (
            [f"user {u['name']} ({u['uid']}:{u['gid']})" for u in self.users]
            + [f"group {g['name']} ({g['gid']})" for g in self.groups]
            + [
                f"folder {f['path']} {f.get('mode', '0755')} {f.get('owner', '0:0')}"
                for f in self.folders
            ]
            + [f"{a['link']} -> {a['target']} (alternative {a['name']})" for a in self.alternatives]
            + [f"file {f['path']}" for f in self.files]
            + ([f"default command {' '.join(self.command)}"] if self.command else [])
            + ([self.note] if self.note else [])
        )


def _require(package: str, what: str, entries: list, needed: tuple) -> tuple:
    for entry in entries:
        for key in needed:
            if key not in entry:
                raise UserError(f"programs/{package}.toml: a [[{what}]] needs '{key}'")
        if what == "file" and ("text" in entry) == ("copy" in entry):
            raise UserError(f"programs/{package}.toml: a [[file]] needs either 'text' or 'copy'")
        for key in ("path", "link", "copy"):
            if key in entry and (not entry[key].startswith("/") or ".." in entry[key].split("/")):
                raise UserError(
                    f"programs/{package}.toml: '{entry[key]}' should be an absolute path"
                )
    return tuple(entries)


def parse(package: str, text: str) -> Program:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise UserError(f"programs/{package}.toml: {e}") from None
    unknown = set(data) - KEYS
    if unknown:
        raise UserError(f"programs/{package}.toml: unknown key '{min(unknown)}'")
    return Program(
        package,
        data.get("note", ""),
        tuple(data.get("command", ())),
        data.get("env", {}),
        _require(package, "user", data.get("user", []), ("name", "uid", "gid")),
        _require(package, "group", data.get("group", []), ("name", "gid")),
        _require(package, "folder", data.get("folder", []), ("path",)),
        _require(package, "alternative", data.get("alternative", []), ("name", "link", "target")),
        _require(package, "file", data.get("file", []), ("path",)),
    )


def load(package: str):
    """The Program of a package, or None when nothing is known about it."""
    file = FOLDER / f"{package}.toml"
    return parse(package, file.read_text()) if file.is_file() else None


def _host(root: Path, path: str) -> Path:
    """Where an object of the image lies in the tree; its folders are made. A link itself is not followed."""
    folder, _, name = path.rpartition("/")
    parent = ldcache.inside(root, folder)
    parent.mkdir(parents=True, exist_ok=True)
    return parent / name


def _add_line(root: Path, file: str, name: str, line: str) -> None:
    path = _host(root, file)
    text = path.read_text() if path.exists() else ""
    if not any(known.startswith(name + ":") for known in text.splitlines()):
        path.write_text(text + line + "\n")


def apply(program: Program, root: Path, owners: dict) -> None:
    """Does it to the tree. `owners` (path in the image -> "uid:gid") receives what the host's file
    system cannot hold."""
    for group in program.groups:
        _add_line(root, "/etc/group", group["name"], f"{group['name']}:x:{group['gid']}:")
    for user in program.users:
        _add_line(
            root,
            "/etc/passwd",
            user["name"],
            f"{user['name']}:x:{user['uid']}:{user['gid']}:{user.get('comment', '')}:"
            f"{user.get('home', '/nonexistent')}:{user.get('shell', '/usr/sbin/nologin')}",
        )
    for folder in program.folders:
        path = ldcache.inside(root, folder["path"])
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(int(folder.get("mode", "0755"), 8) | 0o700)
        if folder.get("owner", "0:0") != "0:0":
            owners[folder["path"]] = folder["owner"]
    for alternative in program.alternatives:
        for link, target in (
            (f"/etc/alternatives/{alternative['name']}", alternative["target"]),
            (alternative["link"], f"/etc/alternatives/{alternative['name']}"),
        ):
            path = _host(root, link)
            if not os.path.lexists(path):
                os.symlink(target, path)
    for file in program.files:
        path = _host(root, file["path"])
        path.write_text(
            file["text"] if "text" in file else ldcache.inside(root, file["copy"]).read_text()
        )
        path.chmod(int(file.get("mode", "0644"), 8))
        if file.get("owner", "0:0") != "0:0":
            owners[file["path"]] = file["owner"]
