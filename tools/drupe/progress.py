# SPDX-License-Identifier: BSD-2-Clause
"""Says on stderr what takes longer than a second, and nothing about what does not."""
import contextlib
import subprocess
import sys
import threading

from .errors import UserError

quiet = False  # set by -q


class Step:
    """One thing that may take time. `note()` changes what is said about it."""

    def __init__(self, what: str):
        self.what = what
        self.detail = ""
        self.shown = False
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def note(self, detail: str) -> None:
        self.detail = detail

    def _text(self) -> str:
        return f"drupe: {self.what}" + (f" ({self.detail})" if self.detail else "") + " ..."

    def _watch(self) -> None:
        if self.done.wait(1.0):
            return
        terminal = sys.stderr.isatty()
        self.shown = True
        print(self._text(), file=sys.stderr, end="" if terminal else "\n", flush=True)
        while terminal and not self.done.wait(1.0):
            print("\r\033[K" + self._text(), file=sys.stderr, end="", flush=True)
        if terminal:
            print("\r\033[K", file=sys.stderr, end="", flush=True)


@contextlib.contextmanager
def step(what: str):
    s = Step(what)
    if not quiet:
        s.thread.start()
    try:
        yield s
    finally:
        s.done.set()
        if s.thread.ident is not None:
            s.thread.join()


def call(command: list, what: str, failure: str, **options) -> str:
    """Runs a program of this machine and returns its stdout. When it fails: `failure` and the last
    line that it said. `what` is shown when it takes long."""
    with step(what):
        try:
            done = subprocess.run(
                [str(c) for c in command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                **options,
            )
        except FileNotFoundError:
            raise UserError(
                f"{failure}: there is no program {command[0]} (./drupe doctor)"
            ) from None
    if done.returncode != 0:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [
            line
            for line in said
            if line.startswith(("E:", "ERROR", "error", "mkbootfs:", "mkzfs:"))
        ] or said[-1:]
        reason = errors[0] if errors else "no reason given"
        for prefix in ("E: ", "mkbootfs: ", "mkzfs: "):
            reason = reason.removeprefix(prefix)
        raise UserError(f"{failure}: {reason}")
    return done.stdout
