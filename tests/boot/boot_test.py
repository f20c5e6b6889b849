#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs one case of cases.toml on one machine and compares it with the oracle: the same files under qemu-aarch64.

usage: boot_test.py CASES CASE PROGRAMS MACHINE CPU ISOLATION [CPUS [KERNEL]]

Exit status 0: equal; 77: the oracle's tools are missing (a skip); 1: different, with what differs.
"""
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# In namespaces of its own, so nothing of it reaches the build machine: the kernel hands arm64 programs to the
# emulator, also those that a program starts. Linux keeps such a table for each user namespace since 6.7; with an
# older one, or where namespaces are forbidden, the script ends with CANNOT_EXEC. $1 is the emulator, $2 the tree.
CANNOT_EXEC = 97
ENTER_WITH_EXEC = r"""
table=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc none $table || exit 97
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf %s ":arm64:M::$magic:$mask:$1:PF" > $table/register || exit 97
mount -t proc none "$2/proc" && mount --rbind /dev "$2/dev" || exit 97
tree=$2
shift 2
chroot "$tree" "$@"
"""

# The build machine itself as the oracle: in namespaces of its own, with queues that nobody else has.
ENTER_NATIVE = r"""
mount -t tmpfs none /dev && mkdir /dev/mqueue && mount -t mqueue none /dev/mqueue || exit 97
exec "$@"
"""

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
TIMEOUT = 240


def expand(value, programs: str):
    if isinstance(value, list):
        return [expand(v, programs) for v in value]
    return value.replace("{programs}", programs).replace("{here}", str(HERE)) if isinstance(value, str) else value


def drupe(case: dict, machine: str, cpu: str, isolation: str, cpus="1", *kernel) -> subprocess.CompletedProcess:
    command = [str(ROOT / "drupe"), "run", "-q", "--machine", machine, "--cpu", cpu, "--isolation", isolation,
               "--cpus", cpus, "--timeout", str(TIMEOUT), *(f"--kernel={file}" for file in kernel)]
    for word in case.get("env", []):
        command += ["-e", word]
    for pair in case.get("copy", []):
        command += ["--copy", pair]
    command += [f"--qemu-arg={word}" for word in case.get("qemu", [])]
    if "cwd" in case:
        command += ["-w", case["cwd"]]
    if "memory" in case:
        command += ["-m", case["memory"]]
    command += [case["image"], *case["command"]]
    return subprocess.run(command, input=case.get("stdin", "").encode(), capture_output=True, timeout=TIMEOUT + 60)


def tree_of(case: dict, into: Path) -> None:
    """The case's root file system as a folder: what `run` packs, unpacked by cpio."""
    archive = into.with_suffix(".cpio")
    command = [str(ROOT / "drupe"), "build", "-o", str(archive)]
    for pair in case.get("copy", []):
        command += ["--copy", pair]
    subprocess.run([*command, case["image"]], check=True, stdout=subprocess.DEVNULL)
    into.mkdir()
    for part in archives(archive.read_bytes()):
        subprocess.run(["cpio", "-idmu", "--quiet", "--no-absolute-filenames"], input=part, cwd=into, check=True)


def archives(data: bytes):
    """The newc archives that lie one behind the other in `data`, each up to its trailer."""
    begin = at = 0
    while data[at : at + 6] == b"070701":
        size, name_size = int(data[at + 54 : at + 62], 16), int(data[at + 94 : at + 102], 16)
        name = data[at + 110 : at + 110 + name_size].rstrip(b"\0")
        at = (at + 110 + name_size + 3 & ~3) + (size + 3 & ~3)
        if name == b"TRAILER!!!":
            yield data[begin:at] + bytes(512)
            while data[at : at + 1] == b"\0":
                at += 1
            begin = at


def oracle_words(case: dict, tree: Path) -> tuple:
    """The oracle's command, after making its root file system in `tree`, and its environment."""
    tree_of(case, tree)
    emulator = shutil.which("qemu-aarch64-static")
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb"}
    for word in case.get("env", []):
        key, _, value = word.partition("=")
        environment[key] = value
    if case.get("exec"):
        enter = ["unshare", "-Urmpf", "--kill-child", "sh", "-c", ENTER_WITH_EXEC, "sh", emulator, str(tree)]
        return [*enter, *case["command"]], environment
    shutil.copy(emulator, tree / ".emulator")
    enter = [] if os.geteuid() == 0 else ["unshare", "-r"]
    program = case["command"][0]
    found = program if "/" in program else next(
        (f"{d}/{program}" for d in environment["PATH"].split(":") if (tree / f"{d}/{program}".lstrip("/")).exists()), program)
    return [*enter, "chroot", str(tree), "/.emulator", "-0", program, found, *case["command"][1:]], environment


def oracle(case: dict, work: Path) -> subprocess.CompletedProcess:
    if not shutil.which("qemu-aarch64-static"):
        print("qemu-aarch64-static is missing (package qemu-user-static)")
        sys.exit(77)
    words, environment = oracle_words(case, work / "tree")
    said = subprocess.run(words, input=case.get("stdin", "").encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=environment, timeout=TIMEOUT)
    if case.get("exec") and said.returncode == CANNOT_EXEC:
        print("no namespace with binfmt_misc: " + said.stdout.decode(errors="replace"))
        sys.exit(77)
    return said


def native(case: dict) -> subprocess.CompletedProcess:
    # Who may choose numbers of processes is root, or root of a namespace with processes of its own.
    enter = ["-mi"] if os.geteuid() == 0 else ["-Urmipf", "--kill-child", "--mount-proc"]
    words = ["unshare", *enter, "sh", "-c", ENTER_NATIVE, "sh", case["command"][0] + "-native", *case["command"][1:]]
    said = subprocess.run(words, input=case.get("stdin", "").encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=TIMEOUT)
    if said.returncode == CANNOT_EXEC:
        print("no namespaces: " + said.stdout.decode(errors="replace"))
        sys.exit(77)
    return said


def normalized(case: dict, output: bytes) -> list:
    text = output.decode("utf-8", "backslashreplace")
    for rule in case.get("normalize", []):
        text = re.sub(rule.rsplit(": ", 1)[0], "#", text, flags=re.M)
    return text.splitlines(keepends=True)


def compare(case: dict, got: subprocess.CompletedProcess, want: subprocess.CompletedProcess) -> bool:
    ours, theirs = normalized(case, got.stdout), normalized(case, want.stdout)
    same = ours == theirs and got.returncode == want.returncode
    if not same:
        sys.stdout.writelines(difflib.unified_diff(theirs, ours, "oracle", "drupe"))
        print(f"\nstatus: oracle {want.returncode}, drupe {got.returncode}")
        print(got.stderr.decode(errors="replace"))
    return same


def expected(case: dict, got: subprocess.CompletedProcess) -> bool:
    """A case about Drupe itself, where no oracle exists: its status and a part of its message."""
    said = (got.stdout + got.stderr).decode(errors="replace")
    if got.returncode == case["status"] and case["stderr_has"] in said:
        return True
    print(f"status {got.returncode}, expected {case['status']}; expected to read: {case['stderr_has']}\n{said}")
    return False


def main() -> int:
    cases, name, programs, machine, cpu, isolation, *others = sys.argv[1:]
    with open(cases, "rb") as file:
        case = {key: expand(value, programs) for key, value in tomllib.load(file)[name].items()}
    got = drupe(case, machine, cpu, isolation, *others)
    if case.get("oracle") == "none":
        return 0 if expected(case, got) else 1
    if case.get("oracle") == "native":
        return 0 if compare(case, got, native(case)) else 1
    with tempfile.TemporaryDirectory() as work:
        return 0 if compare(case, got, oracle(case, Path(work))) else 1


if __name__ == "__main__":
    sys.exit(main())
