#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What gdb-multiarch and readelf see in a core file that a program left in a shared folder: threads with their
backtraces and registers, the signal, the auxiliary vector, mapped files.

usage: core_gdb_test.py FALLEN ISOLATION [KERNEL]

FALLEN: the compiled program of that name. Exit status 77: no gdb-multiarch (a skip)."""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import boot_test

SCRIPT = r"""
set pagination off
set sysroot {tree}
file {program}
core-file {core}
echo [threads]\n
info threads
echo [dead]\n
backtrace
print/x $x21
print $_siginfo.si_signo
print $_siginfo._sifields._sigfault.si_addr
print landmark
echo [waits]\n
thread {waits}
backtrace
print/x *(unsigned int*)$pc
print $x8
print (long)$x0
print held
echo [computes]\n
thread {computes}
backtrace
print $v8.d.f[0]
echo [memory]\n
info proc mappings
x/4xb {mapped}
info auxv
info sharedlibrary
echo [end]\n
"""
EXPECTED = {
    "threads": [r"LWP {first}\b.*innermost", r"LWP \d+\b.*", r"LWP \d+\b.*"],
    "dead": [r"#0 .*innermost \(where=.*0x5670, depth=7\)", r"#1 .*middle \(.*text=.* \"seven s\"\)", r"#2 .*outermost \(",
             r"#3 .*main \(", r"= 0x5eed5eed5eed\b", r"= 11$", r"= \(void \*\) 0x5670", r'word = .*"landmark", numbers = \{3, 1, 4\}'],
    # As Linux shows it on arm64: the call is about to begin again.
    "waits": [r"#0 .*libc", r"waits \(unused=0x0\)", r"#\d .*libc", r"= 0xd4000001", r"= 98$", r"= \d{10,}$", r"__lock = 2"],
    "computes": [r"#0 .*computes \(unused=0x0\)", r"#1 .*libc", r"#2 .*libc", r"= 0\.25"],
    "memory": [r"0x[0-9a-f]+ +0x[0-9a-f]+ +0x[0-9a-f]+ +0x0 +{program}$", r"libc\.so\.6", r"{mapped} +0x[0-9a-f]+ +0x2000 +0x1000 +{file}$",
               r"{mapped}:\s+0x02\s+0x02\s+0x02\s+0x02", r"AT_SYSINFO_EHDR .*0x", r"AT_ENTRY", r'AT_EXECFN .*"{program}"', r"Yes.*libc\.so\.6"],
}


def fall(program: str, isolation: str, folder: Path, kernel: list) -> tuple:
    """Runs the program until it has left its core file; what it said: its first thread and where the file is mapped."""
    (folder / "mapped").write_bytes(bytes([1]) * 4096 + bytes([2]) * 8192)
    command = [str(boot_test.ROOT / "drupe"), "run", "-q", "--isolation", isolation, "--cpus", "2", "--timeout", "200",
               *kernel, "-v", f"{folder}:{folder}", program, program, str(folder / "core"), str(folder / "mapped")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    said = done.stdout.decode(errors="replace")
    words = re.fullmatch(r"(\d+) (0x[0-9a-f]+)\s*", said)
    if done.returncode != 139 or not words:
        raise SystemExit(f"status {done.returncode}, not 139, or no numbers\n{said}{done.stderr.decode(errors='replace')}")
    return words.groups()


def debug(script: str, folder: Path) -> str:
    commands = folder / "commands"
    commands.write_text(script)
    done = subprocess.run(["gdb-multiarch", "-nx", "-batch", "-x", str(commands)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return done.stdout.decode(errors="replace")


def section(said: str, name: str) -> list:
    return said.partition(f"[{name}]\n")[2].partition("\n[")[0].splitlines()


def thread_numbers(program: str, core: Path, tree: Path, folder: Path) -> dict:
    """gdb's number of each thread that is not the first, by what it does."""
    said = debug(f"set sysroot {tree}\nfile {program}\ncore-file {core}\nthread apply all backtrace\n", folder)
    numbers = {}
    for number, trace in re.findall(r"^Thread (\d+) .*\n((?:.+\n?)*)", said, re.M):
        for name in ("waits", "computes"):
            if f"{name} (unused" in trace:
                numbers[name] = number
    if len(numbers) != 2:
        raise SystemExit("not every thread has a backtrace:\n" + said)
    return numbers


def judge(said: str, values: dict) -> list:
    flaws = []
    for name, wanted in EXPECTED.items():
        lines = section(said, name)
        at = 0
        for pattern in wanted:
            for key, value in values.items():
                pattern = pattern.replace("{" + key + "}", re.escape(value))
            at = next((n + 1 for n in range(at, len(lines)) if re.search(pattern, lines[n])), None)
            if at is None:
                flaws.append(f"[{name}] lacks {pattern}")
                break
    flaws += [f"gdb says: {line}" for line in said.splitlines() if line.startswith("warning:") or "corrupt stack" in line]
    return flaws


def judge_notes(core: Path) -> list:
    """Of each kind as many as there are threads, or one."""
    said = subprocess.run(["readelf", "-n", str(core)], capture_output=True, text=True, timeout=60)
    counts = {kind: said.stdout.count(kind) for kind in ("NT_PRSTATUS", "NT_FPREGSET", "NT_ARM_TLS", "NT_PRPSINFO", "NT_SIGINFO", "NT_AUXV", "NT_FILE")}
    wanted = {kind: 3 if kind in ("NT_PRSTATUS", "NT_FPREGSET", "NT_ARM_TLS") else 1 for kind in counts}
    flaws = [] if counts == wanted else [f"readelf counts {counts}, not {wanted}"]
    return flaws + [f"readelf says: {line}" for line in said.stderr.splitlines()]


def main() -> int:
    program, isolation, *kernel = sys.argv[1:]
    if not shutil.which("gdb-multiarch"):
        print("gdb-multiarch is missing")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shared"
        folder.mkdir()
        tree = Path(name) / "tree"
        boot_test.tree_of({"image": program}, tree)
        first, mapped = fall(program, isolation, folder, [f"--kernel={file}" for file in kernel])
        (tree / str(folder).lstrip("/")).mkdir(parents=True)
        shutil.copy(folder / "mapped", tree / str(folder).lstrip("/"))
        core = folder / "core"
        values = {"program": program, "core": str(core), "tree": str(tree), "mapped": mapped, "first": first, "file": str(folder / "mapped")}
        values |= thread_numbers(program, core, tree, Path(name))
        script = SCRIPT
        for key, value in values.items():
            script = script.replace("{" + key + "}", value)
        said = debug(script, Path(name))
        flaws = judge(said, values) + judge_notes(core)
        if flaws:
            print("\n".join(flaws), said, sep="\n\n")
        return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
