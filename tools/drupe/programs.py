# SPDX-License-Identifier: BSD-2-Clause
"""What maintainer scripts would have done: programs/PACKAGE.toml, applied to an unpacked tree.

Scripts of Debian packages never run. What matters of them is written down here as data, so that it can
be read, printed (`run --dry-run`) and done without root. programs/README.md explains the keys."""
import dataclasses
import os
import re
from pathlib import Path

from . import ldcache, places, shape
from .errors import UserError

FOLDER = places.ROOT / "programs"
SHAPE = {
    "note?": str,
    "command?": [str],
    "env?": {"*": str},
    "user?": [{"name": str, "uid": int, "gid": int, "home?": str, "shell?": str, "comment?": str}],
    "group?": [{"name": str, "gid": int}],
    "folder?": [{"path": str, "mode?": str, "owner?": str}],
    "alternative?": [{"name": str, "link": str, "target": str}],
    "file?": [{"path": str, "text?": str, "copy?": str, "mode?": str, "owner?": str}],
}


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


def _check_values(where: str, data: dict) -> None:
    """What a shape cannot say: paths are absolute, modes octal, owners numbers."""
    patterns = {
        "path": r"(?!.*/\.\.(/|$))/.*",
        "link": r"(?!.*/\.\.(/|$))/.*",
        "mode": r"[0-7]{3,4}",
        "owner": r"\d+:\d+",
    }
    what = {"mode": "an octal mode", "owner": "UID:GID"}
    for entries in data.values():
        for entry in entries if isinstance(entries, list) else ():
            for key, pattern in patterns.items() if isinstance(entry, dict) else ():
                if key in entry and not re.fullmatch(pattern, entry[key], re.DOTALL):
                    raise UserError(
                        f"{where}: '{entry[key]}' should be {what.get(key, 'an absolute path')}"
                    )
    for file in data.get("file", ()):
        if ("text" in file) == ("copy" in file):
            raise UserError(f"{where}: a [[file]] needs either 'text' or 'copy'")


def parse(package: str, text: str) -> Program:
    where = f"programs/{package}.toml"
    data = shape.load(text, where, SHAPE)
    _check_values(where, data)
    return Program(
        package,
        data.get("note", ""),
        tuple(data.get("command", ())),
        data.get("env", {}),
        *(tuple(data.get(key, ())) for key in ("user", "group", "folder", "alternative", "file")),
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
