# SPDX-License-Identifier: BSD-2-Clause
"""Finds the subcommand's module (cmd_NAME.py) and turns what goes wrong into one sentence.

A subcommand is a module with SUMMARY, add_arguments(parser) and run(args) -> exit status."""
import argparse
import importlib
import os
import signal
import sys

from .errors import OUR_ERROR, UserError

COMMANDS = ("setup", "build", "run", "test", "bench", "images", "image", "doctor")


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(OUR_ERROR, f"drupe: {message} (see {self.prog} --help)\n")

    def _get_values(self, action, arg_strings):
        if action.option_strings and action.nargs is None and arg_strings == ["--"]:
            return "--"  # argparse would drop it, though it is the value of an option
        return super()._get_values(action, arg_strings)


def _load(name: str):
    return importlib.import_module(f".cmd_{name}", __package__)


def _overview() -> str:
    lines = [
        "usage: ./drupe COMMAND [options]",
        "",
        "Boots one unmodified Linux program as the whole machine.",
        "",
        "commands:",
    ]
    for name in COMMANDS:
        try:
            lines.append(f"  {name:<8}{_load(name).SUMMARY}")
        except ModuleNotFoundError:
            pass
    lines += [
        "",
        "Each has --help. Try: ./drupe run deb:lua5.4 lua5.4 -e 'print(\"hello from\", _VERSION)'",
    ]
    return "\n".join(lines)


def _take_options(parser, words: list) -> list:
    """Removes the options that `words` begins with, and returns them with their values tied to them:
    argparse would take a value that begins with '-' (as in --qemu-arg -icount) for an option."""
    options = []
    while words and words[0].startswith("-") and words[0] not in ("-", "--"):
        options.append(words.pop(0))
        action = parser._option_string_actions.get(options[-1])
        if action is None or action.nargs is not None or not words:
            continue
        value = words.pop(0)
        if value.startswith("-"):
            options[-1] += ("=" if options[-1].startswith("--") else "") + value
        else:
            options.append(value)
    return options


def _order(parser, argv: list, options_behind_image: bool) -> list:
    """Options first, then IMAGE and COMMAND. What follows COMMAND belongs to it."""
    words = list(argv)
    options = _take_options(parser, words)
    image = words[:1] if options_behind_image and words[:1] != ["--"] else []
    words = words[len(image) :]
    if image:
        options += _take_options(parser, words)
    return options + image + words


def _parse(argv: list):
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        raise SystemExit(0 if argv else OUR_ERROR)
    name = argv[0]
    if name not in COMMANDS:
        raise UserError(f"there is no command '{name}' (./drupe --help lists them)")
    try:
        module = _load(name)
    except ModuleNotFoundError as e:
        if e.name != f"{__package__}.cmd_{name}":
            raise
        raise UserError(f"the command '{name}' is not there yet") from None
    parser = _Parser(
        prog=f"./drupe {name}",
        description=module.SUMMARY[0].upper() + module.SUMMARY[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=getattr(module, "EPILOG", None),
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    behind = getattr(module, "OPTIONS_BEHIND_IMAGE", False)
    return module, parser.parse_args(_order(parser, argv[1:], behind))


def _terminated(number, frame):
    raise UserError(f"ended by {signal.Signals(number).name}", 128 + number)


def _open_standard_streams() -> None:
    """A closed 0, 1 or 2 would become the number of the next file that we open, and get its bytes."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:  # Python found it closed
            setattr(sys, name, open(number, mode, closefd=False))


def main(argv: list) -> int:
    _open_standard_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)  # an exception, so that temporary files go
    try:
        module, args = _parse(argv)
        return module.run(args)
    except UserError as e:
        print(f"drupe: {e}", file=sys.stderr)
        return e.status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody is left to write to
        return 128 + signal.SIGPIPE
    except OSError as e:
        where = f"{e.filename}: " if e.filename else ""
        print(f"drupe: {where}{e.strerror or e}", file=sys.stderr)
        return OUR_ERROR
