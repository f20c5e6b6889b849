#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A disk whose device offers packed rings: they are used, as QEMU says, and the data are right.

usage: packed_test.py PROGRAM
"""
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKED, EVENT_INDEX, INDIRECT = "VIRTIO_F_RING_PACKED", "VIRTIO_RING_F_EVENT_IDX", "VIRTIO_RING_F_INDIRECT_DESC"
THREADS, SLOTS, SLOT = 4, 64, 4096  # of the program

# The device's options, its interrupt controller, CPUs, what has to be agreed.
CASES = (
    ("virtio-blk-device,packed=on", "virt,gic-version=3", 4, {PACKED, EVENT_INDEX, INDIRECT}),
    ("virtio-blk-device,packed=on,event_idx=off,indirect_desc=off", "virt,gic-version=2", 1, {PACKED}),
    ("virtio-blk-pci,packed=on,num-queues=4", "virt,gic-version=3,its=on", 4, {PACKED, EVENT_INDEX, INDIRECT}),
    ("virtio-blk-pci,packed=on,indirect_desc=off", "virt,gic-version=2", 2, {PACKED, EVENT_INDEX}),
    ("virtio-blk-pci,packed=on,event_idx=off,queue-size=8", "virt,gic-version=3,its=off", 1, {PACKED, INDIRECT}),
    ("virtio-blk-pci", "virt,gic-version=2", 1, {EVENT_INDEX, INDIRECT}),
)


DATA = random.Random(7).randbytes(2 << 20)


def fnv(data: bytes) -> str:
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 & (1 << 64) - 1
    return f"{value:016x}"


class Monitor:
    """QEMU's, which answers each line with one; events come in between."""

    def __init__(self, path: Path, machine: subprocess.Popen):
        while not path.exists() and machine.poll() is None:
            time.sleep(0.05)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(200)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rw", encoding="utf-8")
        self._lines.readline()  # its greeting
        self.ask("qmp_capabilities")

    def ask(self, what: str, **arguments):
        print(json.dumps({"execute": what, "arguments": arguments}), file=self._lines, flush=True)
        for line in self._lines:
            answer = json.loads(line)
            if "event" not in answer:
                return answer.get("return")
        raise EOFError(what)


def agreed(monitor: Monitor) -> set:
    """Once the program is done: what the driver accepted."""
    while monitor.ask("query-status")["status"] != "shutdown":
        time.sleep(0.1)
    disk = next(d["path"] for d in monitor.ask("x-query-virtio") if d["name"] == "virtio-blk")
    features = monitor.ask("x-query-virtio-status", path=disk)["guest-features"]
    names = [name.split(":")[0] for name in features["transports"] + features["dev-features"]]
    return {PACKED, EVENT_INDEX, INDIRECT} & set(names)


def run(folder: Path, program: str, words: list, device: str, machine: str, cpus: int) -> tuple:
    path = folder / "monitor"
    path.unlink(missing_ok=True)
    command = [ROOT / "drupe", "run", "-q", "--machine", machine, "--cpus", str(cpus), "--timeout", "200"]
    qemu = ["-global", "virtio-mmio.force-legacy=false", "-no-shutdown", "-qmp", f"unix:{path},server=on,wait=off"]
    qemu += ["-drive", f"if=none,id=d,format=raw,file={folder / 'disk'}", "-device", f"{device},drive=d"]
    with subprocess.Popen(
        [*command, *(f"--qemu-arg={word}" for word in qemu), program, program, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as machine_run:
        monitor = Monitor(path, machine_run)
        features = agreed(monitor)
        monitor.ask("quit")
        return features, machine_run.communicate(timeout=60)[0]


def flaws_of(folder: Path, program: str, checksum: str, case: tuple) -> list:
    device, machine, cpus, due = case
    (folder / "disk").write_bytes(DATA)
    flaws = []
    features, said = run(folder, program, ["read", "/dev/vda"], device, machine, cpus)
    if features != due:
        flaws.append(f"{device}: agreed on {sorted(features)} instead of {sorted(due)}")
    if said.count(checksum) != 4:
        flaws.append(f"{device}: read {said!r}")
    _, said = run(folder, program, ["write", "/dev/vda"], device, machine, cpus)
    slots = b"".join(bytes([1 + n % 251]) * SLOT for n in range(THREADS * SLOTS))
    if "written" not in said or not (folder / "disk").read_bytes().startswith(slots):
        flaws.append(f"{device}: wrote something else: {said!r}")
    return flaws


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        checksum = fnv(DATA)
        flaws = [flaw for case in CASES for flaw in flaws_of(Path(folder), sys.argv[1], checksum, case)]
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
