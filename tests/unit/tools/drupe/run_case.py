# SPDX-License-Identifier: BSD-2-Clause
"""`drupe run` with a script in QEMU's place. MKBOOTFS names the archive writer (Meson sets it)."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CAN_RUN, WHY_NOT = bool(os.environ.get("MKBOOTFS")), "MKBOOTFS is not set"
TOOLS = Path(__file__).resolve().parents[4] / "tools"

# What stands in for the command: the real one, less the build.
COMMAND = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(TOOLS)!r})
from drupe import cmd_build, folders, main, pack
cmd_build.build_for_run = lambda **_: None
pack.MKBOOTFS = Path(os.environ["MKBOOTFS"])
folders.DAEMONS = (os.environ["FOLDER"] + "/bin/virtiofsd",)
sys.exit(main.main(sys.argv[1:]))
"""


class RunCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "root/bin").mkdir(parents=True)
        (self.folder / "bin").mkdir()
        (self.folder / "tmp").mkdir()
        self.kernel = str(self.folder / "kernel")
        Path(self.kernel).write_bytes(bytes(56) + b"ARM\x64" + bytes(4))
        self.environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "FOLDER": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def qemu(self, script: str) -> None:
        file = self.folder / "bin/qemu-system-aarch64"
        file.write_text(
            f"#!{sys.executable}\nimport os, sys, time\n" f"def say(b): os.write(1, b)\n{script}\n"
        )
        file.chmod(0o755)

    def run_it(self, *options, input=b""):
        words = [
            sys.executable,
            "-c",
            COMMAND,
            "run",
            "--kernel",
            self.kernel,
            *options,
            str(self.folder / "root"),
            "prog",
            "a b",
        ]
        done = subprocess.run(
            words, input=input, capture_output=True, env=self.environment, timeout=120
        )
        self.assertEqual(os.listdir(self.folder / "tmp"), [], "a temporary file stayed")
        self.assertNotIn(b"Traceback", done.stderr)
        return done

    def cpio(self, *options) -> bytes:
        """What GNU cpio says about the archive that the machine got; it has nothing to complain about."""
        with open(self.folder / "cpio", "rb") as archive:
            done = subprocess.run(
                ["cpio", "-i", "--quiet", *options], stdin=archive, capture_output=True, check=True
            )
        self.assertEqual(done.stderr, b"")
        return done.stdout
