#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs in a folder of the host's: what they may do there, compared with what the same files do here under
qemu-aarch64; and that each side sees what the other does.

usage: shared_test.py PROGRAMS MACHINE CPUS ISOLATION HOW

HOW is "run" or "virtiofs" (the folder comes by ./drupe run -v, and --share virtiofs) or one of QEMU's devices with
options, which then serves it, and the program mounts it itself; "ramfs" has no folder at all.
"""
import contextlib
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
import conformance_test

programs, machine, cpus, isolation, how = sys.argv[1:6]
SHARED = f"{programs}/shared"
BY_RUN = how in ("run", "virtiofs")
flaws = []


def command(folder, words: list, read_only: bool = False, served_how: str = "", qemu: tuple = ()) -> list:
    start = [str(ROOT / "drupe"), "run", "-q", "--machine", machine, "--cpus", cpus, "--isolation", isolation]
    start += ["--timeout", "200"]
    for name in ("shared-files", "shared-mmap"):
        start += ["--copy", f"{programs}/{name}:{programs}/{name}"]
    if BY_RUN:
        start += ["--share", "virtiofs" if how == "virtiofs" else "9p"]
        start += ["-v", f"{folder}:/deep/in/data" + (":ro" if read_only else "")]
    elif how != "ramfs":
        # Owners, modes and special files live in attributes: QEMU needs no rights for them.
        served = ["-fsdev", f"local,id=f,path={folder},security_model=mapped-xattr,multidevs=remap{served_how}",
                  "-device", f"{how},fsdev=f,mount_tag=a tag", *qemu]
        start += [f"--qemu-arg={word}" for word in served]
        words = [SHARED, "mount", "9p", "a tag", "/deep", "trans=virtio,version=9p2000.L,msize=20000", *words]
        words = [word.replace("/deep/in/data", "/deep") for word in words]
    else:
        words = [word.replace("/deep/in/data", "/tmp") for word in words]
    return [*start, "-w", "/deep/in/data" if BY_RUN else "/tmp", SHARED, *words]


def guest(folder, words: list, read_only: bool = False) -> list:
    done = subprocess.run(command(folder, words, read_only), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=260)
    return [*done.stdout.splitlines(), f"status {done.returncode}"]


def here(folder: Path, words: list) -> list:
    done = subprocess.run(["qemu-aarch64-static", "-cpu", "cortex-a72", *words], cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=260)
    said = done.stdout
    for wrong, right, _ in conformance_test.EMULATOR_ERRORS:
        said = re.sub(wrong.encode(), right.encode(), said, flags=re.M)
    return [*said.decode().splitlines(), f"status {done.returncode}"]


def expect(what: str, got: list, due: list) -> None:
    if got != due:
        flaws.append("\n".join([what, *difflib.unified_diff(due, got, "due", "drupe", lineterm="")]))


def test_programs(work: Path) -> None:
    for name, words in (("keep", [SHARED, "keep", "."]), ("xattr", [SHARED, "xattr", "."]),
                        ("files", [f"{programs}/shared-files"]), ("mmap", [f"{programs}/shared-mmap"])):
        if name == "xattr" and how == "ramfs":
            continue  # it has none
        ours, theirs = work / f"{name}-guest", work / f"{name}-here"
        ours.mkdir()
        theirs.mkdir()
        expect(name, guest(ours, words), here(theirs, words))
        left = sorted(p.name for p in theirs.iterdir())
        if how != "ramfs":
            expect(f"what {name} leaves", sorted(p.name for p in ours.iterdir() if p.name != "core"), left)
        for entry in sorted(theirs.iterdir()):
            if BY_RUN and entry.is_file() and not entry.is_symlink():
                expect(f"{name}: {entry.name}", [(ours / entry.name).read_bytes().hex()], [entry.read_bytes().hex()])


class Live:
    """The program `shared live` and lines to and from it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.process = subprocess.Popen(command(folder, [SHARED, "live", "/deep/in/data"]), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.hear("start", "ready")

    def ask(self, word: str, due: str) -> None:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self.hear(word, due)

    def hear(self, word: str, due: str) -> None:
        expect(f"live: {word}", [self.process.stdout.readline().rstrip("\n")], [due])

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)


def test_live(folder: Path) -> None:
    folder.mkdir()
    talk = Live(folder)
    file, back = folder / "from-host", folder / "from-guest"
    talk.ask("read", "from-host: No such file or directory")
    file.write_text("first")
    talk.ask("read", "from-host: first")
    talk.ask("open", "opened")
    talk.ask("map", "first")
    file.write_text("second one")
    talk.ask("again", "second one")
    talk.ask("map", "second o")
    file.chmod(0o604)
    if BY_RUN:
        talk.ask("stat", "size 10 mode 604")
    talk.ask("write", "7")
    expect("the guest's file, still open", [back.read_text()], ["guest's"])
    talk.ask("scribble", "0")
    expect("the guest's mapping", [back.read_text()], ["mapped!"])
    talk.ask("list", "from-guest from-host ")
    file.rename(folder / "renamed")
    talk.ask("list", "from-guest renamed ")
    talk.ask("stat", "stat: No such file or directory")
    talk.end()


REFUSED = ("open(\"file\", O_RDWR)", "open(\"fresh\", O_CREAT | O_RDWR, 0644)", "truncate(\"file\", 0)", "mkdir(\"folder\", 0755)",
           "symlink(\"file\", \"link\")", "link(\"file\", \"second\")", "rename(\"file\", \"renamed\")", "unlink(\"file\")",
           "chmod(\"file\", 0600)", "utimensat(AT_FDCWD, \"file\", NULL, 0)",
           "setxattr(\"file\", \"user.one\", \"value\", 5, 0)", "access(\"file\", W_OK)")


def test_read_only(folder: Path) -> None:
    folder.mkdir()
    (folder / "file").write_text("text")
    due = ["file: text", *(f"{call} = -1 (Read-only file system)" for call in REFUSED)]
    due += ["stat(\"file\", &s) = 0", "status 0"]
    expect("read-only", guest(folder, [SHARED, "refused", "/deep/in/data"], True), due)
    expect("what is there", [p.name for p in folder.iterdir()], ["file"])


def test_signals(folder: Path) -> None:
    """A server with three operations a second: signals come while it is at one, which is flushed."""
    folder.mkdir()
    log = folder.with_suffix(".log")
    slow = ",throttling.iops-total=3,throttling.iops-total-max=3"
    words = command(folder, [SHARED, "signals", "/deep/in/data"], False, slow, ("-trace", f"v9fs_flush,file={log}"))
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=260)
    expect("signals", [*done.stdout.splitlines(), f"status {done.returncode}"], ["read all", "status 0"])
    expect("flushes", ["v9fs_flush" in log.read_text()], [True])


def daemons_of(folder: Path) -> list:
    """virtiofsd for that folder: a parent, and its child in the namespaces."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        if f"source={folder}".encode() in words:
            found.append(int(process.name))
    return found


def test_signals_while_the_daemon_stands(folder: Path) -> None:
    """virtiofsd stands still most of the time: signals come while it has a request."""
    folder.mkdir()
    machine = subprocess.Popen(command(folder, [SHARED, "signals", "/deep/in/data"]), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while machine.poll() is None:
        for what, seconds in ((signal.SIGSTOP, 0.3), (signal.SIGCONT, 0.02)):
            for daemon in daemons_of(folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(daemon, what)
            time.sleep(seconds)
    expect("signals", [*machine.stdout.read().splitlines(), f"status {machine.returncode}"], ["read all", "status 0"])


def test_threads(folder: Path) -> None:
    folder.mkdir()
    expect("threads", guest(folder, [SHARED, "many", "/deep/in/data"]), ["done", "status 0"])


def main() -> None:
    if not shutil.which("qemu-aarch64-static"):
        print("qemu-aarch64-static is missing (package qemu-user-static)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if how == "virtiofs" and os.geteuid() != 0:
            said = guest(work, [SHARED, "xattr", "/deep/in/data"])
            if any("virtiofsd failed" in line for line in said):
                print("\n".join(said))
                sys.exit(77)  # this user may have no namespaces
        test_programs(work)
        test_threads(work / "threads")
        if how != "ramfs":
            test_live(work / "live")
        if how == "run":
            test_read_only(work / "read-only")
        elif how == "virtiofs":
            test_signals_while_the_daemon_stands(work / "signals")
        elif how != "ramfs":
            test_signals(work / "signals")
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
