# SPDX-License-Identifier: BSD-2-Clause
"""Folders of this machine that the guest has, and who serves them."""
import contextlib
import dataclasses
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from . import qemu
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


PROTOCOLS = ("9p", "virtiofs")
DAEMONS = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
CAP_SYS_ADMIN = 1 << 21


def is_by_daemon(folder: Folder, protocol: str) -> bool:
    """QEMU's virtiofsd refuses no writes: what is to be read only, QEMU itself serves."""
    return protocol == "virtiofs" and not folder.read_only


def _by_qemu(number: int, folder: Folder) -> list:
    """QEMU itself is the server, with this user's rights."""
    path = os.path.abspath(folder.host).replace(",", ",,")
    read_only = ",readonly=on" if folder.read_only else ""
    return [
        "-fsdev",
        f"local,id=share{number},path={path},security_model=none,multidevs=remap{read_only}",
        "-device",
        f"virtio-9p-device,fsdev=share{number},mount_tag=share{number}",
    ]


def _by_daemon(number: int, socket_path: Path) -> list:
    """On PCI: the device has no legacy interface, which QEMU's virtio-mmio has by default."""
    path = str(socket_path).replace(",", ",,")
    return [
        "-chardev",
        f"socket,id=share{number},path={path}",
        "-device",
        f"vhost-user-fs-pci,chardev=share{number},tag=share{number}",
    ]


def _shared_memory(memory: str) -> list:
    """A daemon reads and writes the guest's memory."""
    size = memory if memory[-1].isalpha() else memory + "M"
    return ["-object", f"memory-backend-memfd,id=memory,size={size},share=on", "-machine", "memory-backend=memory"]


def _may_make_namespaces() -> bool:
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return int(effective.split()[1], 16) & CAP_SYS_ADMIN != 0


def _daemon_words(folder: Folder, where: str) -> list:
    """It locks itself into the folder: in namespaces of its own, which a user has to be root of (in one more namespace),
    or where a container's root may not make them, by chroot."""
    program = next((d for d in DAEMONS if os.access(d, os.X_OK)), None) or shutil.which("virtiofsd")
    if not program:
        raise UserError("virtiofsd is missing: apt install qemu-system-common, or --share 9p")
    is_root = os.geteuid() == 0
    sandbox = "namespace" if not is_root or _may_make_namespaces() else "chroot"
    source = os.path.abspath(folder.host).replace("\\", "\\\\").replace(",", "\\,")
    words = [] if is_root else ["unshare", "--user", "--map-root-user"]
    # Without a cache: the guest asks each time, and sees what is changed here.
    words += [program, where, "--rlimit-nofile=0", "-o", f"source={source}"]
    return [*words, "-o", "cache=none", "-o", "xattr", "-o", f"sandbox={sandbox}", "-o", "log_level=warn"]


class Serving:
    """The folders' servers, and QEMU's arguments for them. Daemons end with the machine, or with the block."""

    def __init__(self, folders: list, protocol: str, scratch: Path, memory: str):
        self.arguments, self._daemons, self._errors = [], [], tempfile.TemporaryFile()
        self._folders, self._protocol, self._scratch = folders, protocol, scratch
        for number, folder in enumerate(folders):
            if is_by_daemon(folder, protocol):
                self.arguments += _by_daemon(number, self._socket(number))
            else:
                self.arguments += _by_qemu(number, folder)
        if any(is_by_daemon(folder, protocol) for folder in folders):
            self.arguments += _shared_memory(memory)

    def _socket(self, number: int) -> Path:
        return self._scratch / f"share{number}"

    def __enter__(self) -> "Serving":
        for number, folder in enumerate(self._folders):
            if is_by_daemon(folder, self._protocol):
                self._daemons.append(self._start(number, folder))
        return self

    def _start(self, number: int, folder: Folder):
        with socket.socket(socket.AF_UNIX) as listening:
            try:
                listening.bind(str(self._socket(number)))
            except OSError as e:
                raise UserError(f"virtiofsd cannot be reached at {self._socket(number)}: {e}") from None
            listening.listen(1)
            words = _daemon_words(folder, f"--fd={listening.fileno()}")
            try:
                return subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=self._errors,
                    stderr=self._errors,
                    pass_fds=[listening.fileno()],
                    start_new_session=True,
                    preexec_fn=qemu.die_with_parent,
                )
            except FileNotFoundError:
                raise UserError(f"{words[0]} is missing: without root, virtiofsd needs it") from None

    def commands(self) -> list:
        """What has to be started first when somebody else starts the machine."""
        return [
            _daemon_words(folder, f"--socket-path={self._socket(number)}")
            for number, folder in enumerate(self._folders)
            if is_by_daemon(folder, self._protocol)
        ]

    def watch(self, machine) -> None:
        """Ends the machine when a daemon fails: what the guest has asked of it would never be answered."""

        def wait(daemon) -> None:
            if daemon.wait() != 0:
                with contextlib.suppress(ProcessLookupError):
                    machine.kill()

        for daemon in self._daemons:
            threading.Thread(target=wait, args=(daemon,), daemon=True).start()

    def complaint(self) -> str:
        """Why a daemon could not serve; empty when all could."""
        for daemon in self._daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if daemon.wait(2) != 0:
                    self._errors.seek(0)
                    said = self._errors.read().decode(errors="replace").strip().splitlines()
                    return said[-1] if said else f"it ended with status {daemon.returncode}"
        return ""

    def __exit__(self, *_) -> None:
        for daemon in self._daemons:
            try:
                daemon.wait(2)  # the machine is gone: it sees that, too
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._errors.close()
