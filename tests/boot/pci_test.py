#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel says about PCI buses that QEMU makes: bridges, interrupts, devices that nobody drives.

usage: pci_test.py PROGRAM
"""
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
program = sys.argv[1]

# Two ports of the host; behind the second a conventional bridge, and one behind that.
TREE = (
    "-device pcie-root-port,id=a,chassis=1,addr=4 -device virtio-rng-pci,bus=a "
    "-device pcie-root-port,id=b,chassis=2,addr=5 -device pcie-pci-bridge,id=c,bus=b "
    "-device pci-bridge,id=d,bus=c,chassis_nr=3,addr=3 -device virtio-blk-pci,bus=d,addr=2,drive=disk "
    "-device qemu-xhci,addr=6 -device virtio-net-pci,addr=7,romfile= -device e1000e,addr=8,romfile="
).split()
PLAIN = ("-device", "virtio-blk-pci,drive=disk,num-queues=4,addr=3")
BRIDGES = (
    "00:06.0 pci1b36,000d: no driver",
    "00:07.0 virtio,device1: no driver",
    "00:08.0 pci8086,10d3: no driver",
    "00:04.0 pci1b36,000c: pci-bridge",
    "01:00.0 virtio,device4: virtio-rng",
    "03:03.0 pci1b36,0001: pci-bridge",
    "04:02.0 virtio,device2: virtio-blk",
)
MESSAGES = "00:03.0 pci1af4,1001: virtio-pci irq {} edge irq {} edge irq {} edge irq {} edge"
CASES = (
    # A conventional bridge's line: slot 2 behind slot 3 behind slot 0, of the port in slot 5.
    ("bridges, ITS", "virt,gic-version=3,its=on", TREE, (*BRIDGES, "virtio-pci irq 8192 edge", "virtio-pci irq 37 level")),
    ("bridges, GICv2m", "virt,gic-version=2,highmem=off", TREE, (*BRIDGES, "virtio-pci irq 80 edge", "virtio-pci irq 37 level")),
    ("four queues, ITS", "virt,gic-version=3,its=on", PLAIN, (MESSAGES.format(8192, 8193, 8194, 8195),)),
    ("four queues, GICv2m", "virt,gic-version=2", PLAIN, (MESSAGES.format(80, 81, 82, 83),)),
    ("four queues, a line", "virt,gic-version=3,its=off", PLAIN, ("00:03.0 pci1af4,1001: virtio-pci irq 38 level",)),
)


def run(machine: str, disk: Path, qemu: tuple) -> str:
    command = [ROOT / "drupe", "run", "--machine", machine, "--cpus", "4", "--timeout", "100"]
    command += ["--kernel-arg", "drupe.devices"]
    words = ["-nic", "none", "-drive", f"if=none,id=disk,format=raw,file={disk}", *qemu]
    command += [f"--qemu-arg={word}" for word in words]
    done = subprocess.run(
        [*command, program, program, "read", "/dev/vda"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=160,
    )
    return done.stdout + (f"status {done.returncode}\n" if done.returncode else "")


def main() -> None:
    flaws = []
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk"
        disk.write_bytes(bytes(range(256)) * 256)
        for name, machine, qemu, due in CASES:
            said = run(machine, disk, qemu)
            flaws += [f"{name}: no {line!r} in {said}" for line in (*due, "bytes 65536 read-only 0") if line not in said]
            # Nothing needs them: only the log has a line for each.
            flaws += [f"{name}: a warning in {said}" for line in ("no driver for", "left out") if line in said]
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
