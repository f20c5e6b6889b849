#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""entry_check.py OBJDUMP FILE…: our libc enters the kernel by calls. Each FILE (libc.so, libc.a) may hold
one svc, that of the signal return trampoline, directly behind its `mov x8, #139`, and must export what
programs of this toolchain ask for.
"""
import re
import subprocess
import sys

EXPORTS = ("__getauxval", "__tls_get_addr", "memcpy", "pthread_create")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def instructions(objdump: str, file: str) -> list:
    text = output(objdump, "-d", "--no-show-raw-insn", file)
    found = re.findall(r"^ *[0-9a-f]+:\t([^/\n]*)", text, re.M)
    return [" ".join(instruction.split()) for instruction in found]


def exported(objdump: str, file: str) -> set:
    """Names of functions that a program can link with."""
    lines = output(objdump, "-T" if file.endswith(".so") else "-t", file).splitlines()
    return {line.split()[-1] for line in lines if " .text" in line and ".hidden" not in line}


def main() -> int:
    objdump, *files = sys.argv[1:]
    problems = []
    for file in files:
        code = instructions(objdump, file)
        places = [n for n, instruction in enumerate(code) if instruction.startswith("svc")]
        if len(places) != 1 or not re.fullmatch(r"mov x8, #0x8b", code[places[0] - 1]):
            problems.append(f"{file}: {len(places)} svc: {[code[n - 1 : n + 1] for n in places]}")
        missing = set(EXPORTS) - exported(objdump, file)
        problems += [f"{file}: does not export {name}" for name in missing]
        print(f"{file}: {len(code)} instructions, {code.count('blr x16')} calls of the kernel")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
