#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random numbers on machines with each kind of seed, and with none; the same machine twice.

usage: entropy_test.py PROGRAM
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WARNING = "random numbers may be guessed"
NO_SEED = "dtb-randomness=off"
DEVICE = ("-device", "virtio-rng-device")
PCI_DEVICE = ("-device", "virtio-rng-pci")
EXACT = ("-seed", "7", "-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm")

# What it is, machine, CPU, QEMU's arguments; whether the kernel has to warn. QEMU answers a virtio-rng
# from its main loop, when the host gives that time: no option makes the moment of the interrupt exact,
# so only the machines without one are asked to repeat themselves.
MACHINES = (
    ("rng-seed of the device tree", "virt,gic-version=3", "cortex-a57", (), False),
    ("no seed", f"virt,gic-version=2,{NO_SEED}", "cortex-a57", (), True),
    ("virtio-rng, legacy", f"virt,gic-version=2,{NO_SEED}", "cortex-a57", DEVICE, False),
    (
        "virtio-rng, modern",
        f"virt,gic-version=3,{NO_SEED}",
        "cortex-a53",
        (*DEVICE, "-global", "virtio-mmio.force-legacy=false"),
        False,
    ),
    ("virtio-rng over PCI", f"virt,gic-version=3,{NO_SEED}", "cortex-a72", PCI_DEVICE, False),
    ("RNDR", f"virt,gic-version=3,{NO_SEED}", "max", (), False),
)


def run(image: Path, machine: str, cpu: str, qemu: tuple) -> str:
    """Without a console's input, which comes when the host has time for it."""
    command = ["qemu-system-aarch64", "-M", machine, "-cpu", cpu, "-m", "64", "-nic", "none", "-display", "none"]
    command += ["-serial", "stdio", "-kernel", str(image), *qemu]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180
    )
    if done.returncode != 0:
        sys.exit(f"status {done.returncode}: {done.stdout}")
    return done.stdout.replace("\r", "")


def numbers(text: str) -> str:
    found = re.search(r"^[0-9a-f]{64}$", text, re.M)
    return found[0] if found else sys.exit(f"no numbers: {text}")


def flaws_of(image: Path, name: str, machine: str, cpu: str, qemu: tuple, warns: bool) -> list:
    flaws = []
    said = [run(image, machine, cpu, qemu) for _ in range(2)]
    for text in said:
        for line in ("got 32, soon", "again 32", "they differ"):
            if line not in text:
                flaws.append(f"{name}: no {line!r} in {text!r}")
        if (WARNING in text) != warns:
            flaws.append(f"{name}: warned {not warns}")
    if numbers(said[0]) == numbers(said[1]):
        flaws.append(f"{name}: two boots gave the same")
    return flaws + ([] if "virtio-rng" in " ".join(qemu) else repeat_flaws(image, name, machine, cpu, qemu))


def repeat_flaws(image: Path, name: str, machine: str, cpu: str, qemu: tuple) -> list:
    said = [run(image, machine, cpu, (*qemu, *EXACT)) for _ in range(2)]
    return [] if numbers(said[0]) == numbers(said[1]) else [f"{name}: two boots of an exact machine differ"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "randoms.img"
        subprocess.run([ROOT / "drupe", "build", "-o", image, sys.argv[1]], check=True, stdout=subprocess.DEVNULL)
        flaws = [flaw for machine in MACHINES for flaw in flaws_of(image, *machine)]
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
