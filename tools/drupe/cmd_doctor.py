# SPDX-License-Identifier: BSD-2-Clause
"""drupe doctor: say in plain words what this machine lacks and how to fix it."""
import re
import shutil
import subprocess

from . import apt_sources, machine, places, sources
from .errors import UserError

SUMMARY = "say what is missing on this machine, and how to fix it"
OLDEST = {"meson": (1, 0, 1), "qemu-system-aarch64": (7, 2), "aarch64-linux-gnu-g++": (12, 2)}
ROOM_NEEDED = 2 << 30  # bytes: a build, the toolchain's output and a few images


def add_arguments(parser) -> None:
    pass


def _version(program: str):
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return None
    # "gcc (Debian 12.2.0-14) 12.2.0", "QEMU emulator version 7.2.22 (…)", "1.0.1"
    numbers = re.search(r"(\d+(?:\.\d+)+)", text.split("\n", 1)[0])
    return tuple(int(n) for n in numbers.group(1).split(".")) if numbers else None


def _old_programs():
    for program, oldest in OLDEST.items():
        version = _version(program)
        if version and version < oldest:
            yield (
                f"{program} is version {'.'.join(map(str, version))}, and "
                f"{'.'.join(map(str, oldest))} or newer is needed",
                "use Debian 12 or newer",
            )


def _complaints():
    """(what is wrong, what to do) for each thing that stands in the way."""
    for package in machine.missing_packages():
        yield f"{package.name} is missing: {package.purpose}", "./drupe setup"
    yield from _old_programs()
    for name in machine.missing_sources():
        yield f"the source of {name} is missing: {sources.table('build')[name]['what']}", "./drupe setup"
    if not shutil.which("apt-get"):
        yield "apt-get is missing, so deb: images cannot be made", "use a Debian machine"
    elif not apt_sources.debian_sources_text(apt_sources.machine_sources()):
        yield (
            "apt knows no archive of Debian, so deb: images and sources cannot be fetched",
            "add one to /etc/apt/sources.list.d",
        )
    cache = places.cache_dir()
    for where in (places.ROOT, cache):
        free = shutil.disk_usage(where).free
        if free < ROOM_NEEDED:
            yield f"{where} has only {free >> 20} MiB of room left", "free some (./drupe images remove --all)"


def run(args) -> int:
    try:
        complaints = list(_complaints())
    except UserError as e:
        complaints = [(str(e), "see above")]
    for what, cure in complaints:
        print(f"- {what}\n  fix: {cure}")
    if complaints:
        print(f"{len(complaints)} thing{'s' if len(complaints) > 1 else ''} to fix")
        return 1
    print("everything is there")
    return 0
