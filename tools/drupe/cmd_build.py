# SPDX-License-Identifier: BSD-2-Clause
"""drupe build: the kernel with Meson, or an IMAGE as a file."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import cmd_setup, image, pack, places, progress, start
from .errors import UserError

SUMMARY = "build the kernel, or an image for other machines"
KERNEL = places.BUILD / "loader.img"
KERNEL_ELF = places.BUILD / "src" / "image" / "loader.elf"
MKIMAGE = places.BUILD / "tools" / "mkimage" / "mkimage"
OPTIONS_BEHIND_IMAGE = True
FORMATS = ("kernel", "cpio", "zfs", "disk")
EPILOG = """Without IMAGE: meson setup build (when it is missing) and ninja -C build.
With IMAGE (as for run): writes FILE in a format, which FILE's ending names when --format does not.
  kernel   boots it (any other ending): qemu-system-aarch64 -M virt -cpu cortex-a72 -nic none
           -nographic -kernel FILE
  cpio     only its boot file system, for -initrd
  zfs      its file system as a ZFS pool
  disk     a GPT disk: the kernel with stored arguments (./drupe image), and the pool
"""


def add_arguments(parser) -> None:
    parser.add_argument("-o", metavar="FILE", dest="output", help="where an image goes")
    parser.add_argument("--format", choices=FORMATS, help="what FILE is to be")
    parser.add_argument(
        "--kernel-arg",
        metavar="WORD",
        dest="kernel_args",
        action="append",
        default=[],
        help="disk: a word of the stored arguments",
    )
    parser.add_argument(
        "--mkzfs-arg",
        metavar="ARG",
        dest="mkzfs_args",
        action="append",
        default=[],
        help="zfs, disk: an argument for mkzfs (mkzfs --help), behind all others",
    )
    # For `ninja usr.img`, which must not start another ninja: what is needed is in this folder.
    parser.add_argument("--built", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "-e",
        metavar="K=V",
        dest="env",
        action="append",
        default=[],
        help="a variable of the program",
    )
    parser.add_argument("-w", metavar="DIR", dest="cwd", help="working directory of the program")
    parser.add_argument(
        "--copy",
        metavar="HOST:GUEST",
        action="append",
        default=[],
        help="put a file or folder into the image",
    )
    parser.add_argument(
        "--rootfs", metavar="IMAGE", default="", help="file system around an ELF file"
    )
    parser.add_argument("--pull", action="store_true", help="ask the archive for newer packages")
    parser.add_argument("image", metavar="IMAGE", nargs="?")
    parser.add_argument(
        "command", metavar="COMMAND", nargs="...", help="argv of the program"
    ).required = False


def _call(words: list, what: str) -> None:
    """Runs a build step; silent unless it takes long or fails. Then it shows what the step said, from
    the first failure on."""
    said = []
    with progress.step(what) as step:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        with process:
            for line in process.stdout:
                said.append(line)
                count = re.match(rb"\[(\d+)/(\d+)\]", line)
                if count:
                    step.note(f"{int(count[1])} of {int(count[2])}")
    if process.returncode != 0:
        failed = [i for i, line in enumerate(said) if line.startswith(b"FAILED:")]
        sys.stderr.buffer.write(b"".join(said[failed[0] :] if failed else said))
        sys.stderr.flush()
        raise UserError(f"{what} failed: {' '.join(words)}")


def configure(folder: Path, *options: str) -> None:
    """Meson's configuration of a build folder, made when it is missing. What is in it is left alone."""
    if not (folder / "build.ninja").exists():
        _call(
            ["meson", "setup", str(folder), str(places.ROOT), *options],
            f"configuring {folder.name}/",
        )


def ninja(folder: Path, *targets: str) -> None:
    _call(["ninja", "-C", str(folder), *targets], f"compiling in {folder.name}/")


def build(*targets: str) -> None:
    """Brings build/ up to date: these targets, or everything. Quick when there is nothing to do."""
    cmd_setup.ensure()
    with places.locked("build-" + places.ROOT.as_posix().replace("/", "_")):
        configure(places.BUILD, "--cross-file", str(places.ROOT / "cross" / "aarch64.ini"))
        ninja(places.BUILD, *targets)


def build_for_run(own_kernel: bool = True) -> None:
    """What booting an image needs: the kernel, unless another is used, and the archive writer."""
    build(*(target_of(file) for file in ([KERNEL] if own_kernel else []) + [pack.MKBOOTFS]))


def target_of(file: Path) -> str:
    return str(file.relative_to(places.BUILD))


def _start_record(args, found) -> bytes | None:
    """For a console that is a terminal: the image is for machines that we do not know."""
    words = args.command or found.command
    if not words:
        return None
    given = [f"{k}={v}" for k, v in found.environment.items()] + args.env
    return start.Start(
        words,
        start.environment(given),
        args.cwd or found.cwd,
        found.uid,
        found.gid,
        stdin="tty",
        stdout="tty",
    ).encode()


def _format(args) -> str:
    ending = Path(args.output).suffix.removeprefix(".")
    return args.format or (ending if ending in FORMATS else "kernel")


def _programs(form: str) -> list:
    """What writing an image takes."""
    if form == "cpio":
        return [pack.MKBOOTFS]
    if form == "kernel":
        return [pack.MKBOOTFS, MKIMAGE, KERNEL_ELF]
    return [pack.MKZFS] + ([KERNEL] if form == "disk" else [])


def _write_archive(form: str, found, record, args, folder: Path, fresh: Path) -> None:
    archive = pack.pack(found, record, args.copy, folder)
    if form == "cpio":
        shutil.copyfile(archive, fresh)
        return
    progress.call(
        [MKIMAGE, KERNEL_ELF, "-o", fresh, "--bootfs", archive],
        f"writing {args.output}",
        f"cannot write {args.output}",
    )


def _write_pool(form: str, found, record, args, folder: Path, fresh: Path) -> None:
    built = args.built or places.BUILD
    command = [built / target_of(pack.MKZFS), "-o", fresh, "-c", "lz4"]
    if form == "disk":
        words = " ".join(found.kernel_args + args.kernel_args)
        command += ["--loader", built / target_of(KERNEL), "--args", words]
    pack.pack_zfs(found, record, args.copy, folder, command + args.mkzfs_args)


def _write_image(args) -> None:
    folder = os.path.dirname(os.path.abspath(args.output))
    if os.path.isdir(args.output):
        raise UserError(f"-o {args.output}: this is a folder; name a file")
    if not os.access(folder, os.W_OK):
        raise UserError(f"-o {args.output}: {folder} is no folder that can be written to")
    form = _format(args)
    if args.built is None:
        build(*map(target_of, _programs(form)))
    found = image.resolve(args.image, args.rootfs, args.pull)
    record = _start_record(args, found)
    fresh = Path(f"{args.output}.{os.getpid()}.tmp")
    write = _write_pool if form in ("zfs", "disk") else _write_archive
    with tempfile.TemporaryDirectory(prefix="drupe-") as folder:
        try:
            write(form, found, record, args, Path(folder), fresh)
            os.replace(fresh, args.output)
        finally:
            fresh.unlink(missing_ok=True)


def run(args) -> int:
    if args.image is None and args.output:
        raise UserError("build -o FILE needs an IMAGE")
    if args.image is not None:
        if not args.output:
            raise UserError("build IMAGE needs -o FILE")
        _write_image(args)
        return 0
    build()
    print(KERNEL)
    return 0
