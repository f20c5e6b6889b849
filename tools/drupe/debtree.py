# SPDX-License-Identifier: BSD-2-Clause
"""Unpacks .deb files into one tree, without root and without maintainer scripts.

Modes stay; what the host's file system cannot hold for an ordinary user (other owners, folders that the
user could not read back, device files) is recorded as manifest lines beside the tree."""
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from . import ldcache
from .errors import UserError

MERGED = ("bin", "sbin", "lib")  # folders of / that are links into /usr (usr-merge)
LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/lintian/")

# As far as packages have not brought them. Static ids as in Debian's base-passwd.
PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = """root:x:0:
daemon:x:1:
tty:x:5:
mail:x:8:
utmp:x:43:
shadow:x:42:
www-data:x:33:
staff:x:50:
users:x:100:
nogroup:x:65534:
"""
HOSTS = """127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
"""
NSSWITCH = """passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
"""
FILES = {
    "passwd": PASSWD,
    "group": GROUP,
    "hosts": HOSTS,
    "nsswitch.conf": NSSWITCH,
    "hostname": "drupe\n",
}
FOLDERS = {
    "dev": 0o755,
    "proc": 0o755,
    "sys": 0o755,
    "run": 0o755,
    "tmp": 0o1777,
    "var/tmp": 0o1777,
    "root": 0o700,
    "home": 0o755,
    "etc": 0o755,
    "usr/bin": 0o755,
    "usr/sbin": 0o755,
    "usr/lib": 0o755,
}


class Tree:
    """A tree in the making. `lines`: manifest lines for what the host's files do not say."""

    def __init__(self, root: Path):
        self.root = root
        self.owners = {}
        self.lines = []
        self.folder_modes = {}
        root.mkdir(parents=True)
        for path in FOLDERS:
            (root / path).mkdir(parents=True, exist_ok=True)
        for name in MERGED:
            os.symlink(f"usr/{name}", root / name)

    def unpack(self, deb: Path) -> None:
        process = subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    self._member(tar, member)
        except tarfile.TarError as e:
            process.kill()
            raise UserError(f"{deb.name} cannot be unpacked: {e}") from None
        finally:
            process.stdout.close()
            reason = process.stderr.read().decode(errors="replace").strip()
            process.stderr.close()
            failed = process.wait() != 0
        if failed:
            raise UserError(
                f"{deb.name} cannot be unpacked: {reason.splitlines()[-1] if reason else 'dpkg-deb failed'}"
            )

    def _member(self, tar, member) -> None:
        name = member.name.removeprefix("./").strip("/")
        if name in ("", ".") or (name + "/").startswith(LEFT_OUT):
            return
        if ".." in name.split("/"):
            raise UserError(f"a package names a file outside of its tree: {name}")
        folder, _, base = name.rpartition("/")
        parent = ldcache.inside(self.root, folder)
        parent.mkdir(parents=True, exist_ok=True)
        path = parent / base
        guest = "/" + str(path.relative_to(self.root))
        if member.isdir():
            self._folder(path, guest, member)
        elif member.isfile() or member.islnk():
            self._file(tar, path, guest, member)
        elif member.issym():
            self._replace(path)
            os.symlink(member.linkname, path)
        else:
            self._special(guest, member)
            return
        if (member.uid, member.gid) != (0, 0):
            self.owners[guest] = f"{member.uid}:{member.gid}"

    def _folder(self, path: Path, guest: str, member) -> None:
        if path.is_symlink() and ldcache.inside(self.root, guest).is_dir():
            return  # the merged /lib and the like stay links
        self._replace(path, keep_folder=True)
        path.mkdir(exist_ok=True)
        self.folder_modes[path] = member.mode

    def _file(self, tar, path: Path, guest: str, member) -> None:
        self._replace(path)
        if member.islnk():
            target = member.linkname.removeprefix("./").strip("/")
            os.link(
                ldcache.inside(self.root, os.path.dirname(target)) / os.path.basename(target), path
            )
            return
        with open(path, "wb") as out:
            shutil.copyfileobj(tar.extractfile(member), out, 1 << 20)
        mode = member.mode & 0o7777
        path.chmod(mode | 0o400)
        if not mode & 0o400:
            self.lines.append(f"{quote(guest)}: %attr mode={mode:04o}")
        os.utime(path, (member.mtime, member.mtime))

    def _special(self, guest: str, member) -> None:
        kind = (
            "%fifo"
            if member.isfifo()
            else f"%char {member.devmajor}:{member.devminor}"
            if member.ischr()
            else f"%block {member.devmajor}:{member.devminor}"
        )
        self.lines.append(
            f"{quote(guest)}: {kind} mode={member.mode & 0o7777:04o} owner={member.uid}:{member.gid}"
        )

    @staticmethod
    def _replace(path: Path, keep_folder: bool = False) -> None:
        if path.is_dir() and not path.is_symlink():
            if not keep_folder:
                shutil.rmtree(path)
        elif os.path.lexists(path):
            path.unlink()

    def complete(self) -> None:
        """What every system has and no package brings."""
        master = self.root / "usr/share/base-passwd"
        for name, text in FILES.items():
            file = self.root / "etc" / name
            if not os.path.lexists(file):
                brought = master / f"{name}.master"
                file.write_text(brought.read_text() if brought.exists() else text)

    def close(self) -> None:
        """Ends the work on the tree: folder modes, the library cache, the lines of owners."""
        ldcache.write(self.root)
        modes = {self.root / path: mode for path, mode in FOLDERS.items()} | self.folder_modes
        for path, mode in modes.items():
            if path.is_dir() and not path.is_symlink():
                path.chmod((mode | 0o700) & 0o7777)
                if not mode & 0o700 == 0o700:
                    self.lines.append(
                        f"{quote('/' + str(path.relative_to(self.root)))}: %attr mode={mode & 0o7777:04o}"
                    )
        self.lines += [
            f"{quote(path)}: %attr owner={owner}"
            for path, owner in sorted(self.owners.items())
            if os.path.lexists(self.root / path.lstrip("/"))
        ]


def quote(path: str) -> str:
    """A word of a manifest that stands for exactly this text."""
    out = []
    for byte in os.fsencode(path):
        char = chr(byte)
        plain = char.isalnum() and byte < 128 or char in "/._-+,@=~"
        out.append(char if plain else f"\\x{byte:02x}")
    return "".join(out) or '""'


def has_script(deb: Path) -> bool:
    """Whether a package wanted to run something of its own when it is installed."""
    listing = subprocess.run(["dpkg-deb", "--ctrl-tarfile", deb], capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(listing.stdout)) as tar:
        return any(m.name.removeprefix("./") in ("postinst", "preinst") for m in tar)
