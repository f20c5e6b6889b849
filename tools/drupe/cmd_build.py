# SPDX-License-Identifier: BSD-2-Clause
"""drupe build: the kernel with Meson, or an IMAGE as a file."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import cmd_setup, image, pack, places, progress, start
from .errors import UserError

SUMMARY = "build the kernel, or an image for other machines"
KERNEL = places.BUILD / "loader.img"
EPILOG = """Without IMAGE: meson setup build (when it is missing) and ninja -C build.
With IMAGE (as for run): writes its boot file system to FILE, for -initrd or a boot loader."""


def add_arguments(parser) -> None:
    parser.add_argument("-o", metavar="FILE", dest="output", help="where an image goes")
    parser.add_argument("-e", metavar="K=V", dest="env", action="append", default=[], help="a variable of the program")
    parser.add_argument("-w", metavar="DIR", dest="cwd", help="working directory of the program")
    parser.add_argument("--copy", metavar="HOST:GUEST", action="append", default=[], help="put a file or folder into the image")
    parser.add_argument("--rootfs", metavar="IMAGE", default="", help="file system around an ELF file")
    parser.add_argument("--pull", action="store_true", help="ask the archive for newer packages")
    parser.add_argument("image", metavar="IMAGE", nargs="?")
    parser.add_argument("command", metavar="COMMAND", nargs="...", help="argv of the program").required = False


def _call(words: list, what: str) -> None:
    """Runs a build step; silent unless it takes long or fails, and then everything it said is shown."""
    with progress.step(what):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout)
        sys.stderr.flush()
        raise UserError(f"{what} failed: {' '.join(words)}")


def configure(folder: Path, *options: str) -> None:
    """Meson's configuration of a build folder, made when it is missing. What is in it is left alone."""
    if not (folder / "build.ninja").exists():
        _call(["meson", "setup", str(folder), str(places.ROOT), *options], f"configuring {folder.name}")


def ninja(folder: Path, *targets: str) -> None:
    _call(["ninja", "-C", str(folder), *targets], f"building {folder.name}")


def build(*targets: str) -> None:
    """Brings build/ up to date: these targets, or everything. Quick when there is nothing to do."""
    cmd_setup.ensure()
    with places.locked("build-" + places.ROOT.as_posix().replace("/", "_")):
        configure(places.BUILD, "--cross-file", str(places.ROOT / "cross" / "aarch64.ini"))
        ninja(places.BUILD, *targets)


def build_for_run(own_kernel: bool = True) -> None:
    """What booting an image needs: the kernel, unless another is used, and the archive writer."""
    targets = [str(file.relative_to(places.BUILD)) for file in ([KERNEL] if own_kernel else []) + [pack.MKBOOTFS]]
    build(*targets)


def run(args) -> int:
    if args.image is None:
        if args.output:
            raise UserError("build -o FILE needs an IMAGE")
        build()
        print(KERNEL)
        return 0
    if not args.output:
        raise UserError("build IMAGE needs -o FILE")
    build_for_run(own_kernel=False)
    found = image.resolve(args.image, args.rootfs, args.pull)
    record = None
    words = args.command or found.command
    if words:
        record = start.Start(words, start.environment([*(f"{k}={v}" for k, v in found.environment.items()), *args.env]),
                             args.cwd or found.cwd, found.uid, found.gid, stdin="tty", stdout="tty").encode()
    with tempfile.TemporaryDirectory(prefix="drupe-") as folder:
        made = pack.pack(found, record, args.copy, Path(folder))
        fresh = f"{args.output}.{os.getpid()}.tmp"
        try:
            shutil.copyfile(made, fresh)
            os.replace(fresh, args.output)
        except OSError:
            Path(fresh).unlink(missing_ok=True)
            raise
    return 0
