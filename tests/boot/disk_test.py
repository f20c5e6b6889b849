#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A program uses a disk that the host has filled; the host looks at it afterwards.

usage: disk_test.py PROGRAM MACHINE CPUS ISOLATION LEGACY QUEUES [DEVICE]

DEVICE is QEMU's, with options; without: virtio-blk-device. QUEUES is the most that the device has.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = 3 * 1024 * 1024 + 512 * 3  # the last page is not whole
THREADS, SLOTS, SLOT = 4, 64, 4096

program, machine, cpus, isolation, legacy, queues = sys.argv[1:7]
DEVICE = sys.argv[7] if len(sys.argv) > 7 else "virtio-blk-device"
IS_NVME = DEVICE.startswith("nvme")
NAME, PART = ("/dev/nvme0n1", "/dev/nvme0n1p") if IS_NVME else ("/dev/vda", "/dev/vda")
flaws = []


def drupe(words: list, qemu: list, more: tuple = ()) -> str:
    command = [ROOT / "drupe", "run", "-q", "--machine", machine, "--cpus", cpus, "--isolation", isolation]
    command += ["--timeout", "200", *more]
    command += [f"--qemu-arg={word}" for word in ["-global", f"virtio-mmio.force-legacy={legacy}", *qemu]]
    done = subprocess.run(
        [*command, program, program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=260,
    )
    return done.stdout + (f"status {done.returncode}\n" if done.returncode else "")


def disk(file: Path, options: str = "") -> list:
    words = f"serial=disk,max_ioqpairs={queues}" if IS_NVME else f"num-queues={queues}"
    return ["-drive", f"if=none,id=d,format=raw,discard=unmap,file={file}",
            "-device", f"{DEVICE},drive=d,{words}{options}"]


def expect(what: str, got: str, due: str) -> None:
    if got != due:
        flaws.append(f"{what}: {got!r} instead of {due!r}")


def fnv(data: bytes) -> str:
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 & (1 << 64) - 1
    return f"{value:016x}"


def report(data: bytes, read_only: int, block: int) -> str:
    lines = [f"bytes {len(data)} read-only {read_only} block {block}"]
    return "\n".join(lines + [f"{way} {fnv(data)}" for way in ("direct", "cached", "small ", "mapped")]) + "\n"


def test_reading(file: Path, data: bytes) -> None:
    expect("reading", drupe(["read", NAME], disk(file)), report(data, 0, 512))
    expect("--disk FILE:ro", drupe(["read", "/dev/vda"], [], ("--disk", f"{file}:ro")), report(data, 1, 512))
    whole = data[: len(data) // 4096 * 4096]
    file.write_bytes(whole)
    options = ",logical_block_size=4096,physical_block_size=4096"
    expect("blocks of 4096", drupe(["read", NAME], disk(file, options)), report(whole, 0, 4096))
    file.write_bytes(data)


def test_writing(file: Path, data: bytes) -> None:
    expect("writing", drupe(["write", NAME], disk(file)), "written\n")
    due = bytearray(data)
    for n in range(THREADS * SLOTS):
        due[n * SLOT : (n + 1) * SLOT] = bytes([1 + n % 251]) * SLOT
    behind = THREADS * SLOTS * SLOT
    due[behind + 4093 : behind + 4099] = b"across"
    due[behind + 8292 : behind + 8298] = b"mapped"
    due[behind + 65536 : behind + 131072] = bytes(65536)
    due[-4:] = b"last"
    found = file.read_bytes()
    wrong = [i for i in range(len(due)) if i >= len(found) or found[i] != due[i]]
    if wrong or len(found) != len(due):
        flaws.append(f"after writing {len(wrong)} bytes are wrong, the first {wrong[:1]}")


def test_partitions(file: Path, data: bytes) -> None:
    sfdisk = shutil.which("sfdisk", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not sfdisk:
        sys.exit(77)
    tables = {
        "dos": "start=2048, size=100\nstart=2200, size=50\nstart=3000, size=3000, type=5\n"
        "start=3010, size=20\nstart=3100, size=40\n",
        "gpt": "start=2048, size=100\nstart=2200, size=50\n",
    }
    parts = {"dos": {1: (2048, 100), 2: (2200, 50), 5: (3010, 20), 6: (3100, 40)}, "gpt": {1: (2048, 100), 2: (2200, 50)}}
    for label, table in tables.items():
        file.write_bytes(data)
        subprocess.run([sfdisk, "-q", "-X", label, file], input=table, text=True, check=True, stdout=subprocess.DEVNULL)
        content = file.read_bytes()
        for number, (first, count) in parts[label].items():
            part = content[first * 512 : (first + count) * 512]
            expect(f"{label} {number}", drupe(["read", f"{PART}{number}"], disk(file)), report(part, 0, 512))


AT_ONCE = (
    '[inject-error]\nevent = "read_aio"\nsector = "0"\nerrno = "5"\n\n'
    '[inject-error]\nevent = "flush_to_disk"\nerrno = "5"\n',
    ("read Input/output error", "read elsewhere works", "fsync Input/output error"),
)
# For virtio QEMU reads once for its guess of a geometry; the kernel reads once for partitions.
BEFORE = 1 if IS_NVME else 2
AFTER_THE_FIRST = (
    "".join(f'[set-state]\nevent = "read_aio"\nstate = "{n}"\nnew_state = "{n + 1}"\n\n' for n in range(1, BEFORE + 1))
    + f'[inject-error]\nevent = "read_aio"\nstate = "{BEFORE + 1}"\niotype = "read"\nerrno = "5"\n',
    ("read Input/output error", "read elsewhere Input/output error", "fsync works"),
)


def nth_fails(event: str, number: int) -> str:
    """Rules by which that write or flush fails, and no other."""
    steps = (f'[set-state]\nevent = "{event}"\nstate = "{n}"\nnew_state = "{n + 1}"\n' for n in range(1, number))
    return "\n".join([*steps, f'[inject-error]\nevent = "{event}"\nstate = "{number}"\nerrno = "5"\nonce = "on"\n'])


# Each fsync of the program writes once and flushes once.
FOURTH_WRITE = (nth_fails("write_aio", 4), tuple(f"{n} {'Input/output error' if n == 4 else 'works'}" for n in range(1, 7))
                + ("read 0 write 1 flush 0",))
SECOND_FLUSH = (nth_fails("flush_to_disk", 2), tuple(f"{n} {'Input/output error' if n == 2 else 'works'}" for n in range(1, 7))
                + ("read 0 write 0 flush 1",))
FIRST_WRITE = (nth_fails("write_aio", 1), ("1 Input/output error", "2 works", "read 0 write 1 flush 0"))


def test_errors(folder: Path, file: Path) -> None:
    for mode, (rules, due) in (("fail", AT_ONCE), ("fail", AFTER_THE_FIRST), ("fsync", FIRST_WRITE), ("fsync", FOURTH_WRITE),
                               ("fsync", SECOND_FLUSH)):
        (folder / "rules").write_text(rules)
        qemu = ["-blockdev", f"driver=file,filename={file},node-name=f"]
        qemu += ["-blockdev", f"driver=blkdebug,config={folder / 'rules'},image=f,node-name=e"]
        qemu += ["-blockdev", "driver=raw,file=e,node-name=d"]
        words = "serial=disk" if IS_NVME else "rerror=report,werror=report"
        qemu += ["-device", f"{DEVICE},drive=d,{words}"]
        said = drupe([mode, NAME], qemu)
        for line in due:
            if line not in said:
                flaws.append(f"errors: no {line!r} in {said!r}")


def main() -> None:
    data = random.Random(5).randbytes(SIZE)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "disk"
        file.write_bytes(data)
        test_reading(file, data)
        test_writing(file, data)
        expect("counters", drupe(["count", NAME], disk(file)), "reads 1 sectors 128 writes 3 sectors 24 flushes 1\n")
        test_errors(Path(name), file)
        test_partitions(file, data)
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
