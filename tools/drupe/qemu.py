# SPDX-License-Identifier: BSD-2-Clause
"""The QEMU command line, and a QEMU process that never outlives us."""
import contextlib
import ctypes
import os
import re
import signal
import subprocess
from pathlib import Path

from .errors import UserError

PROGRAM = "qemu-system-aarch64"
MACHINE, CPU = "virt,gic-version=3", "cortex-a72"
LEAST_MEMORY = 256  # MiB, unless the user says otherwise
PR_SET_PDEATHSIG = 1


def memory_for(image_bytes: int) -> int:
    """MiB of memory for an image: itself, since programs map files where the loader put them, and room
    to work. QEMU puts an initrd 128 MiB into memory, or at half of it when there is less."""
    needed = (image_bytes >> 20) + 1 + 192
    return max(LEAST_MEMORY, (needed + 63) // 64 * 64)


def least_memory(image_bytes: int) -> int:
    """MiB below which QEMU refuses an image of this size: it puts it at half of the memory, at most 128
    MiB in, and the device tree with room for 1 MiB behind it on a 2 MiB boundary."""
    mib = 1 << 20
    size = 3
    while True:
        end = min(size * mib // 2, 128 * mib) + image_bytes
        if (end + 2 * mib - 1) // (2 * mib) * 2 * mib + mib <= size * mib:
            return size
        size += 1


def says_too_small(complaint: str) -> bool:
    """Whether QEMU means that the memory is too small for what it should load."""
    said = ("could not load initrd", "not enough space after kernel", "Not enough space for DTB")
    return any(text in complaint for text in said)


def memory_argument(text: str) -> str:
    """Checks a -m: MiB, or with K, M, G behind it."""
    if not re.fullmatch(r"[1-9][0-9]*[KMGkmg]?", text):
        raise UserError(f"-m {text}: a size in MiB, or with K, M or G behind it")
    return text


def disk_arguments(disks: list) -> list:
    """The guest's disks, each FILE or FILE:ro. QEMU's machine shows the last device first."""
    words = []
    for number, disk in reversed(list(enumerate(disks))):
        file = disk.removesuffix(":ro")
        if not (Path(file).is_file() or Path(file).is_block_device()):
            raise UserError(f"--disk {disk}: there is no such file")
        read_only = ",readonly=on" if disk != file else ""
        name = file.replace(",", ",,")
        words += ["-drive", f"if=none,id=disk{number},format=raw,file={name}{read_only}"]
        words += ["-device", f"virtio-blk-device,drive=disk{number}"]
    return words


STATUS_PORT = "org.drupe.status"


def status_arguments(machine: str, qemu_args: list, file: Path) -> list:
    """A port through which the kernel tells how its run ended, into `file`; where there is none, the console does.
    Ports of the user's own would land on this device, which has no room for them: then there is none."""
    if machine.split(",")[0] != "virt" or any("virtio-serial" in word for word in qemu_args):
        return []
    name = str(file).replace(",", ",,")
    return [
        *("-device", "virtio-serial-device,id=status,max_ports=2"),
        *("-chardev", f"file,id=status,path={name}"),
        *("-device", f"virtserialport,bus=status.0,chardev=status,name={STATUS_PORT}"),
    ]


def command(
    kernel: Path,
    bootfs: Path | None,
    memory: str,
    cpus: int,
    machine: str,
    cpu: str,
    kernel_args: list,
    qemu_args: list,
    gdb_port: int | None,
) -> list:
    for word in kernel_args:
        if "\n" in word or "\0" in word:
            raise UserError("--kernel-arg: a kernel argument is one line")
    words = [
        PROGRAM,
        "-M",
        machine,
        "-cpu",
        cpu,
        "-m",
        memory,
        "-smp",
        str(cpus),
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "none",
        "-chardev",
        "stdio,id=console,signal=off,mux=off",
        "-serial",
        "chardev:console",
        "-kernel",
        str(kernel),
    ]
    if bootfs:
        words += ["-initrd", str(bootfs)]
    words += ["-append", " ".join(kernel_args)]
    if gdb_port:  # for this machine only: whoever connects owns the guest
        words += ["-gdb", f"tcp:127.0.0.1:{gdb_port}", "-S"]
    return words + qemu_args


_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def running(words: list, errors):
    """QEMU with its console on pipes (.stdin, .stdout) and its complaints in the file `errors`. In a
    session of its own, so that keys of the terminal do not reach it. Gone when the block ends."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    except FileNotFoundError:
        raise UserError(f"{words[0]} is missing: ./drupe setup") from None
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()
