# SPDX-License-Identifier: BSD-2-Clause
"""drupe run: boot an image in QEMU with this terminal or these pipes as its console."""
import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import cmd_build, console, folders, image, kernel_file, pack, places, progress, qemu, start
from .errors import UserError

SUMMARY = "boot one program as the whole machine, in QEMU"
TIMED_OUT, ENDED_BY_KEY = 124, 130
LONGEST_TIMEOUT = 1_000_000  # seconds
EPILOG = """IMAGE is one of
  deb:PKG[,PKG...]   Debian packages (arm64) with all that they need
  FOLDER             taken as root file system
  NAME               manifests/NAME.toml
  FILE               an arm64 program; libraries come from --rootfs or the cross toolchain
COMMAND is argv, found through PATH in the guest; default: the image's own.

ctrl-C reaches the program; ctrl-] x ends the machine. The exit status is the program's; 128+n when signal n
killed it; 126 or 127 when it could not be started; 124 after --timeout; 125 when Drupe itself failed. A program that
switches the machine off, halts or restarts it (reboot(2)) ends the run with status 0; a restart is not carried out."""
SWITCHED = {
    "poweroff": "the program switched the machine off",
    "halt": "the program halted the machine",
    "restart": "the program asked for a restart; the machine was ended instead",
}


def add_arguments(parser) -> None:
    add = parser.add_argument
    add(
        "-m",
        metavar="SIZE",
        dest="memory",
        help="memory in MiB, or with K, M, G (default: what the image needs, at least 256)",
    )
    add("--cpus", metavar="N", type=int, default=1, help="number of CPUs (default 1)")
    add(
        "-e",
        metavar="K=V",
        dest="env",
        action="append",
        default=[],
        help="a variable of the program; K alone takes the value here",
    )
    add("-w", metavar="DIR", dest="cwd", help="working directory of the program (default /)")
    add(
        "--copy",
        metavar="HOST:GUEST",
        action="append",
        default=[],
        help="put a file or folder into the guest",
    )
    add(
        "--disk",
        metavar="FILE[:ro]",
        dest="disks",
        action="append",
        default=[],
        help="a disk of the guest's: the first is /dev/vda",
    )
    add(
        "-v",
        metavar="HOST:GUEST[:ro]",
        dest="folders",
        action="append",
        default=[],
        help="a folder shared with the guest, live, with your rights here",
    )
    add(
        "--share",
        choices=folders.PROTOCOLS,
        default=folders.PROTOCOLS[0],
        help="how -v shares: by QEMU itself with 9p (default), or by virtiofsd (qemu-system-common), which as root gives "
        "files the guest's owners and otherwise needs user namespaces; folders with :ro are always shared with 9p",
    )
    add(
        "--rootfs",
        metavar="IMAGE",
        default="",
        help="file system around an ELF file: a folder or deb:...",
    )
    add(
        "--isolation",
        choices=("el1t", "el0"),
        help="where the program runs: beside the kernel (default) or below it",
    )
    add("--strace", action="store_true", help="print system calls")
    add(
        "--kernel-arg",
        metavar="WORD",
        dest="kernel_args",
        action="append",
        default=[],
        help="a word for the kernel's command line",
    )
    add("--machine", default=qemu.MACHINE, help=f"QEMU's machine (default {qemu.MACHINE})")
    add("--cpu", default=qemu.CPU, help=f"QEMU's CPU (default {qemu.CPU})")
    add(
        "--qemu-arg",
        metavar="ARG",
        dest="qemu_args",
        action="append",
        default=[],
        help="an argument for QEMU, behind all others",
    )
    add("--kernel", metavar="FILE", help="boot this kernel instead of build/loader.img")
    add(
        "--timeout",
        metavar="SECS",
        type=float,
        help="end the machine after so many seconds, with status 124",
    )
    add("--pull", action="store_true", help="ask the archive for newer packages")
    add("--dry-run", action="store_true", help="print what the image holds and a QEMU command that boots it")
    add("--gdb", action="store_true", help="wait for a debugger")
    add(
        "--gdb-port",
        metavar="PORT",
        type=int,
        default=1234,
        help="where --gdb waits (default 1234)",
    )
    add("-q", "--quiet", action="store_true", help="say nothing but what the program says, and where it crashed")
    add("image", metavar="IMAGE")
    add("command", metavar="COMMAND", nargs="...", help="argv of the program").required = False


def _kernel_args(args, found) -> list:
    words = ["drupe.status=console"]
    if args.isolation:
        words.append(f"drupe.isolation={args.isolation}")
    if args.strace:
        words.append("drupe.strace")
    if args.quiet:
        words.append("quiet")
    return words + found.kernel_args + args.kernel_args


def _start(args, found, shared: list) -> start.Start:
    words = args.command or found.command
    if not words:
        raise UserError(
            f"{args.image} names no program of its own: say which to run, as in "
            f"./drupe run {shlex.quote(args.image)} /bin/NAME"
        )
    words = _elf_by_name(args, words)
    in_terminal, out_terminal = os.isatty(0), os.isatty(1)
    # Keys make sense to the guest only when it also draws what they do; otherwise this machine's terminal
    # keeps its own line editing, and whole lines travel.
    keys = in_terminal and out_terminal
    rows, columns = console.window_size(1) if out_terminal else (0, 0)
    given = [f"{k}={v}" for k, v in found.environment.items()] + args.env
    environment = start.environment(given)
    if found.command and os.path.isfile(args.image):
        environment["PATH"] += ":" + os.path.dirname(found.command[0])
    return start.Start(
        words,
        environment,
        args.cwd or found.cwd,
        found.uid,
        found.gid,
        "keys" if keys else "framed",
        "tty" if out_terminal else "raw",
        rows,
        columns,
        [folder.record(number) for number, folder in enumerate(shared)],
    )


def _elf_by_name(args, words: list) -> list:
    """For an ELF file as image: argv[0] that leads to that file here is its path there."""
    if (
        os.path.isfile(args.image)
        and "/" in words[0]
        and os.path.exists(words[0])
        and os.path.samefile(words[0], args.image)
    ):
        return [os.path.abspath(args.image), *words[1:]]
    return words


def _describe(args, found, words: list, record: start.Start, bootfs: Path) -> None:
    print("qemu:   " + shlex.join(words))
    print(f"image:  {found.name}, {bootfs.stat().st_size / (1 << 20):.1f} MiB")
    for note in found.notes:
        print("        " + note)
    print("argv:   " + shlex.join(record.arguments))
    print("env:    " + " ".join(shlex.quote(f"{k}={v}") for k, v in record.environment.items()))
    print(
        f"cwd:    {record.cwd}, user {record.uid}:{record.gid}, stdin {record.stdin}, stdout {record.stdout}"
    )


def _keep(bootfs: Path) -> Path:
    """Moves it to where the printed command still finds it; only the last one is kept."""
    kept = places.cache_dir() / "dry-run.cpio"
    fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
    shutil.move(bootfs, fresh)
    fresh.rename(kept)
    return kept


def _complaint(errors) -> str:
    errors.seek(0)
    lines = [
        line.strip() for line in errors.read().decode(errors="replace").splitlines() if line.strip()
    ]
    return lines[0].removeprefix("qemu-system-aarch64: ") if lines else ""


def _say_silence(args, keys: bool) -> None:
    end = "\r\n" if keys else "\n"  # with keys the terminal is raw
    sys.stderr.write(
        f"drupe: the kernel has not said a word for {console.START_SECONDS} seconds. Has the machine a 64-bit ARM "
        f"processor (--cpu {args.cpu})? ctrl-{'] x' if keys else 'C'} ends it{end}"
    )
    sys.stderr.flush()


def _told(status: Path):
    """What the kernel has told through its port; None when it has none."""
    return console.ending_in(status.read_bytes()) if status.exists() else None


def _boot(args, words: list, record: start.Start, errors, told: Path, serving):
    """Runs QEMU until it is gone. Returns (Ending or None, why it was ended or None, QEMU's status)."""
    keys = record.stdin == "keys"
    why = ending = None
    with qemu.running(words, errors) as process:
        serving.watch(process)
        with console.Terminal(0, keys), console.WindowChanges() as changes:
            pump = console.Pump(
                0,
                1,
                process.stdin.fileno(),
                process.stdout.fileno(),
                changes if keys else None,
                args.timeout,
                None if args.gdb else lambda: _say_silence(args, keys),
                lambda: _told(told),
            )
            try:
                ending = pump.run()
            except console.Ended as e:
                why = e.why
            except KeyboardInterrupt:
                why = "interrupt"
        status = None
        if why is None:  # its console is closed; only its own exit is left
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(10)
    return ending, why, status


def _status(args, ending, why, status, complaint: str, bytes_loaded: int) -> int:
    """The exit status for how a run ended; says on stderr what the program cannot have said itself."""

    def say(text: str) -> None:
        if not args.quiet:
            print(f"drupe: {text}", file=sys.stderr)

    if why == "timeout":
        say(f"ended after {args.timeout:g} seconds")
        return TIMED_OUT
    if why in ("escape", "interrupt"):
        say("ended by " + ("ctrl-] x" if why == "escape" else "ctrl-C"))
        return ENDED_BY_KEY
    if why == "closed":
        return 128 + 13  # SIGPIPE: nobody reads what the program writes
    if ending is None:
        if status and qemu.says_too_small(complaint):
            raise UserError(
                f"the memory is too small: this image needs at least -m {qemu.least_memory(bytes_loaded)}"
            )
        if status:
            raise UserError("QEMU failed: " + (complaint or f"it ended with status {status}"))
        raise UserError(
            "the machine ended without saying how its program ended"
            + (f" (QEMU said: {complaint})" if complaint else "")
        )
    if ending.kind == "panic":
        raise UserError("the kernel could not go on; its report stands above")
    if ending.kind in SWITCHED:
        say(SWITCHED[ending.kind])
        return 0
    if ending.kind == "signal":
        say(
            f"the program was killed by signal {ending.number} ({console.signal_name(ending.number)})"
        )
        return 128 + ending.number
    return ending.number


def _check(args) -> None:
    if args.cpus < 1:
        raise UserError(f"--cpus {args.cpus}: at least one CPU is needed")
    if args.timeout is not None and not 0 < args.timeout <= LONGEST_TIMEOUT:
        raise UserError(
            f"--timeout {args.timeout:g}: it should be more than 0 and at most {LONGEST_TIMEOUT}"
        )
    if not 0 < args.gdb_port < 65536:
        raise UserError(f"--gdb-port {args.gdb_port}: a number from 1 to 65535")
    if args.memory is not None:
        qemu.memory_argument(args.memory)
    if args.kernel:
        kernel_file.check(args.kernel)


def run(args) -> int:
    progress.quiet = args.quiet
    _check(args)
    shared = [folders.Folder.parse(text) for text in args.folders]
    cmd_build.build_for_run(own_kernel=not args.kernel)
    found = image.resolve(args.image, args.rootfs, args.pull)
    record = _start(args, found, shared)
    if args.dry_run:  # for a person who types the command: bare keys, and a terminal's output
        record.stdin = record.stdout = "tty"
    with tempfile.TemporaryDirectory(prefix="drupe-") as folder, tempfile.TemporaryFile() as errors:
        bootfs = pack.pack(found, record.encode(), args.copy, Path(folder))
        if args.dry_run:
            bootfs = _keep(bootfs)
        told = Path(folder) / "status"
        # A command that is only printed has no folder of ours.
        status_arguments = [] if args.dry_run else qemu.status_arguments(args.machine, args.qemu_args, told)
        memory = args.memory or found.memory or str(qemu.memory_for(bootfs.stat().st_size))
        memory = qemu.memory_argument(memory)
        serving = folders.Serving(shared, args.share, places.cache_dir() if args.dry_run else Path(folder), memory)
        words = qemu.command(
            Path(args.kernel or cmd_build.KERNEL),
            bootfs,
            memory,
            args.cpus,
            args.machine,
            args.cpu,
            _kernel_args(args, found),
            serving.arguments + qemu.disk_arguments(args.disks) + status_arguments + args.qemu_args,
            args.gdb_port if args.gdb else None,
        )
        if args.dry_run:
            for server in serving.commands():
                print("server: " + shlex.join(server))
            _describe(args, found, words, record, bootfs)
            return 0
        if args.gdb and not args.quiet:
            print(
                f"drupe: waiting for: gdb-multiarch {cmd_build.KERNEL_ELF} "
                f"-ex 'target remote :{args.gdb_port}'",
                file=sys.stderr,
            )
        with serving:
            ending, why, status = _boot(args, words, record, errors, told, serving)
            complaint = serving.complaint() if ending is None and status else ""
        if complaint:
            raise UserError(f"virtiofsd failed: {complaint}")
        return _status(args, ending, why, status, _complaint(errors), bootfs.stat().st_size)
