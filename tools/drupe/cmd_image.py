# SPDX-License-Identifier: BSD-2-Clause
"""drupe image: the stored arguments of a disk that `drupe build --format disk` made."""
from pathlib import Path

from . import cmd_build, pack, progress

SUMMARY = "show or change the stored arguments of a disk image"
EPILOG = """  ./drupe image get-args DISK            the words stored for its kernel
  ./drupe image set-args DISK [WORD...]  other words, without making the image again"""


def add_arguments(parser) -> None:
    parser.add_argument("action", choices=("get-args", "set-args"))
    parser.add_argument("disk", metavar="DISK", type=Path)
    parser.add_argument("words", metavar="WORD", nargs="...").required = False


def run(args) -> int:
    cmd_build.build(cmd_build.target_of(pack.MKZFS))
    change = args.action == "set-args"
    words = [" ".join(args.words)] if change else args.words
    command = [pack.MKZFS, f"--{args.action}", "--", args.disk, *words]
    print(
        progress.call(
            command, f"opening {args.disk}", f"cannot {args.action.replace('-', ' the stored ')}"
        ),
        end="",
    )
    return 0
