#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads syscalls.def and writes what is derived from it.

    generate.py handlers DEF     declarations of the handlers, for drupe/syscall/handlers.h
    generate.py rows DEF         the rows for the tables and for strace, for rows.inc
    generate.py kinds DEF        the kinds as an enumeration, for kinds.inc
    generate.py docs DEF [PAGE]  docs/syscalls.md, printed or written to PAGE
"""

import sys

COUNT = 512  # arch::syscall_count: Linux ends at 450, the entry stubs compare with an immediate
ROOMS = {"vfs", "mm", "sched", "process", "misc", "net", "-"}
STATES = {"yes", "no", "absent"}

# kind: the handler's C++ type. strace.cc has a printer for each.
INT, UINT, U64, ADDR = "int", "std::uint32_t", "std::uint64_t", "VirtAddr"
KINDS = {
    "int": INT,                 # decimal
    "uint": UINT,               # decimal
    "hex": UINT,                # flags without names here
    "long": "std::int64_t",
    "ulong": U64,               # hexadecimal
    "size": U64,                # decimal
    "off": "std::int64_t",
    "mode": UINT,               # octal
    "id": UINT,                 # uid or gid; -1 means unchanged
    "pid": INT,
    "fd": INT,
    "dirfd": INT,               # or AT_FDCWD
    "sig": INT,
    "ptr": ADDR,                # hexadecimal
    "path": ADDR,               # NUL-terminated
    "str": ADDR,                # NUL-terminated
    "outstr": ADDR,             # NUL-terminated, after the call
    "argv": ADDR,               # vector of strings
    "buf": ADDR,                # bytes in; the next argument is their number
    "outbuf": ADDR,             # bytes out; the result is their number
    "outfds": ADDR,             # two descriptors, after the call
    "iov": ADDR,                # the next argument is the number of entries
    "pollfds": ADDR,            # the next argument is the number of entries
    "timespec": ADDR,
    "outtimespec": ADDR,        # after the call
    "sigset": ADDR,
    "sigaction": ADDR,
    "futexword": ADDR,
    # flags and commands by name
    "oflags": INT, "atflags": INT, "access": INT, "prot": INT, "mapflags": INT, "cloneflags": U64,
    "futexop": INT, "whence": INT, "clock": INT, "madvice": INT, "waitopts": INT, "epollop": INT,
    "fcntlop": INT, "prctlop": INT, "rlimit": INT, "sighow": INT, "sockdomain": INT,
    "socktype": INT,
}


class Row:
    def __init__(self, words):
        self.number = int(words[0])
        self.name, self.room, self.state, self.flags = words[1:5]
        self.kinds = words[5:]


def read_rows(path):
    rows = {}
    with open(path, encoding="utf-8") as source:
        for at, line in enumerate(source, 1):
            words = line.split("#", 1)[0].split()
            if not words:
                continue
            try:
                row = Row(words)
                assert row.number < COUNT and row.number not in rows, "number"
                assert row.room in ROOMS, f"room {row.room}"
                assert row.state in STATES, f"state {row.state}"
                assert set(row.flags) <= set("fbvx-"), f"flags {row.flags}"
                assert len(row.kinds) <= 6, "more than six arguments"
                for kind in row.kinds:
                    assert kind in KINDS, f"kind {kind}"
            except (ValueError, AssertionError) as why:
                sys.exit(f"{path}:{at}: {why}: {line.strip()}")
            rows[row.number] = row
    return rows


def write_handlers(rows):
    print("// SPDX-License-Identifier: BSD-2-Clause")
    print("// Generated from syscalls.def. Handlers answer a value or an Errc; context: the calling")
    print("// program's thread, interrupts on, no lock held, may sleep. Addresses are the program's.")
    print("#pragma once\n\n#include <drupe/base/result.h>\n#include <drupe/base/units.h>\n")
    print("#include <cstdint>\n\nnamespace drupe::syscall {\n")
    for row in rows.values():
        if row.state == "yes":
            types = ", ".join(f"{KINDS[kind]} /*{kind}*/" for kind in row.kinds)
            answer = "std::uint64_t" if "v" in row.flags else "Result<std::uint64_t>"
            print(f"{answer} {row.name}({types});")
    print("\n} // namespace drupe::syscall")


def write_rows(rows):
    """DRUPE_HANDLED(number, name, needs frame, blocks, gives an address, (kinds)),
    DRUPE_MISSING(number, name, is reported, gives an address, (kinds)), DRUPE_UNUSED(number)."""
    print("// SPDX-License-Identifier: BSD-2-Clause")
    print("// Generated from syscalls.def.")
    for number in range(COUNT):
        row = rows.get(number)
        if row is None:
            print(f"DRUPE_UNUSED({number})")
            continue
        kinds = ", ".join(f"ArgKind::{kind}_" for kind in row.kinds)
        if row.state == "yes":
            flags = ", ".join("true" if flag in row.flags else "false" for flag in "fbx")
            print(f"DRUPE_HANDLED({number}, {row.name}, {flags}, ({kinds}))")
        else:
            flags = f"{str(row.state == 'no').lower()}, {str('x' in row.flags).lower()}"
            print(f"DRUPE_MISSING({number}, {row.name}, {flags}, ({kinds}))")


def write_kinds(_rows):
    print("// SPDX-License-Identifier: BSD-2-Clause")
    print("// Generated from syscalls.def's generator.")
    print(" ".join(f"{kind}_," for kind in KINDS))


def write_docs(rows):
    print("<!-- Made by `ninja -C build docs-syscalls` from src/kernel/syscall/syscalls.def. -->")
    print("# System calls\n")
    print("The Linux system calls of arm64. Those with *yes* are answered, the others give ENOSYS; the")
    print("first time a program makes such a call, the kernel says so on the console, by name and with")
    print("the place it came from. Those marked *absent* are not reported: programs probe for them and")
    print("do well without.\n")
    print("*Room* is the part of the kernel that answers; a dash: none will, as things stand.\n")
    print("| number | name | status | room |\n|---:|---|---|---|")
    for row in sorted(rows.values(), key=lambda row: row.number):
        status = {"yes": "yes", "no": "–", "absent": "absent"}[row.state]
        print(f"| {row.number} | {row.name} | {status} | {row.room.replace('-', '–')} |")


def main():
    what, path, *page = sys.argv[1:]
    if page:
        sys.stdout = open(page[0], "w", encoding="utf-8")
    {"handlers": write_handlers, "rows": write_rows, "kinds": write_kinds, "docs": write_docs}[what](read_rows(path))


if __name__ == "__main__":
    main()
