#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Installs what the judges of ZFS images need and compiles those that no package carries. Some of it
is in Debian's contrib, which the machine's own apt may not know: the packages come through a second
set of lists with the machine's mirrors, so that its sources stay as they are. Needs root (or sudo)
when something is missing; quick when nothing is."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import judges  # noqa: E402
import prepare  # noqa: E402  (finds tools/drupe)
from drupe import apt_sources  # noqa: E402

# The programs, and what configuring OpenZFS's sources for user space asks for.
PACKAGES = """zfsutils-linux libzpool5linux zfs-test grub-common fdisk gcc make libssl-dev uuid-dev libblkid-dev
libtirpc-dev libudev-dev libaio-dev libattr1-dev zlib1g-dev""".split()


def install_packages():
    """None, or why they are not there."""
    sources = apt_sources.debian_sources_text(apt_sources.machine_sources())
    if not sources:
        return "this machine's apt knows no archive of Debian"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("sources.d", "lists/partial"):
            os.makedirs(f"{folder}/{name}")
        os.chmod(folder, 0o755)
        Path(folder, "sources.d", "debian.sources").write_text(sources)
        apt = [] if os.getuid() == 0 else ["sudo"]
        apt += ["apt-get", "-q", "-y", "-o", "Dir::Etc::sourcelist=/dev/null",
                "-o", f"Dir::Etc::sourceparts={folder}/sources.d", "-o", f"Dir::State::lists={folder}/lists"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "--no-install-recommends", *PACKAGES]):
            if subprocess.run(apt + words, env=environment).returncode != 0:
                return "apt could not install the packages; its reason stands above"
    return None


def main():
    if judges.missing() or not prepare.is_ready():
        if reason := install_packages():
            return reason
    try:
        prepare.programs()
    except prepare.UserError as e:
        return str(e)
    return None


if __name__ == "__main__":
    sys.exit(main())
