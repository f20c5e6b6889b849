#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A program and the host talk through a port of a virtio console; the console itself is one; the status is told.

usage: ports_test.py PROGRAM
"""
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "org.example.echo"
SENT = b"what comes through the port " * 1500 + b"!"
MODERN = ("-global", "virtio-mmio.force-legacy=false")
CASES = (
    ("virt,gic-version=3", (), "virtio-serial-device"),
    ("virt,gic-version=2", MODERN, "virtio-serial-device,packed=on"),
    ("virt,gic-version=3,its=on", (), "virtio-serial-pci"),
    ("virt,gic-version=2", (), "virtio-serial-pci,packed=on,vectors=0"),
)


def talk(listener: socket.socket, answers: list) -> None:
    connection, _ = listener.accept()
    connection.settimeout(150)
    threading.Thread(target=connection.sendall, args=(SENT,), daemon=True).start()
    answer = b""
    try:
        while not answer.endswith(b"!"):
            piece = connection.recv(1 << 16)
            if not piece:
                break
            answer += piece
    except OSError as error:
        answer += str(error).encode()
    answers.append(answer)


def run(program: str, machine: str, qemu: list, words: tuple = ()) -> tuple:
    command = [ROOT / "drupe", "run", "-q", "--machine", machine, "--timeout", "120", *words]
    command += [f"--qemu-arg={word}" for word in qemu]
    done = subprocess.run(
        [*command, program, program, NAME], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=180,
    )
    return done.stdout, done.returncode


def flaws_of(folder: Path, program: str, machine: str, more: tuple, device: str) -> list:
    path = folder / "port"
    path.unlink(missing_ok=True)
    answers: list = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        host = threading.Thread(target=talk, args=(listener, answers))
        host.start()
        qemu = [*more, "-device", device, "-chardev", f"socket,id=echo,path={path}"]
        qemu += ["-device", f"virtserialport,chardev=echo,name={NAME}"]
        said, status = run(program, machine, qemu)
        host.join()
    flaws = []
    if said != "a link to a port\nhvc0 is not here\n" or status != 37:
        flaws.append(f"{device}: status {status}, said {said!r}")
    if answers != [SENT.upper()]:
        flaws.append(f"{device}: answered {[answer[-80:] for answer in answers]}")
    return flaws


def console_flaws(folder: Path, program: str) -> list:
    """console=hvc0: what the program and the kernel say goes to the port."""
    log = folder / "log"
    flaws = []
    for device in ("virtio-serial-device", "virtio-serial-device,max_ports=1", "virtio-serial-pci"):
        qemu = ["-device", device, "-chardev", f"file,id=line,path={log}", "-device", "virtconsole,chardev=line"]
        said, status = run(program, "virt,gic-version=3", qemu, ("--kernel-arg", "console=hvc0"))
        through = log.read_text()
        # The port is not there, which the program says where the console is; so does the kernel say how it ended.
        words = f"/dev/virtio-ports/{NAME}: No such file or directory"
        if status != 125 or words not in through or words in said or not through.endswith("\x1b]drupe;exit=4\x1b\\"):
            flaws.append(f"hvc0, {device}: status {status}, said {said!r}, through the port {through!r}")
    return flaws


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        flaws = [flaw for case in CASES for flaw in flaws_of(Path(folder), sys.argv[1], *case)]
        flaws += console_flaws(Path(folder), sys.argv[1])
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
