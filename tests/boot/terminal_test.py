#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Types on a real terminal (a pty) at `./drupe run`, and the same keys at the oracle: the same program under
qemu-aarch64 on a terminal of this machine. What both terminals show must be the same, byte for byte.

usage: terminal_test.py PROGRAMS [unittest arguments]

PROGRAMS is the folder of the compiled test programs."""
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import uuid
from pathlib import Path

import boot_test

DRUPE = [str(boot_test.ROOT / "drupe")]
PATIENCE = 60  # seconds without what should appear: a hang
ROWS, COLUMNS = 33, 101


class Terminal:
    """A terminal with a program on it, whose controlling terminal it is."""

    def __init__(self, words: list, environment: dict, at: str | None = None):
        self.mark = f"DRUPE_TERMINAL_TEST={uuid.uuid4()}"
        self.shown = b""
        # Both ends stay open here, so that the terminal's modes can be read when the program is gone.
        self.keys, self.screen = pty.openpty()
        self.resize(ROWS, COLUMNS)
        self.modes = termios.tcgetattr(self.screen)
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            words, stdin=self.screen, stdout=self.screen, stderr=self.screen, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), cwd=at, env={**environment, name: value})

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.keys, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, text: bytes, since: int = 0) -> None:
        until = time.monotonic() + PATIENCE
        while text not in self.shown[since:]:
            is_over = self.process.poll() is not None or time.monotonic() > until
            if self.is_showing(0 if is_over else 1):
                self.shown += os.read(self.keys, 4096)
            elif is_over:
                raise AssertionError(f"{text!r} does not appear; the terminal shows {self.shown!r}")

    def is_showing(self, seconds: float) -> bool:
        return bool(select.select([self.keys], [], [], seconds)[0])

    def type(self, keys: bytes, until: bytes) -> None:
        """Types and waits until that appears after it."""
        since = len(self.shown)
        os.write(self.keys, keys)
        self.wait_for(until, since)

    def end(self) -> int:
        """The exit status, once the program has ended by itself; everything it showed is in `shown`."""
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            if self.is_showing(0.05):
                self.shown += os.read(self.keys, 4096)
        while self.is_showing(0):
            self.shown += os.read(self.keys, 4096)
        if self.process.poll() is None:
            raise AssertionError(f"it does not end; the terminal shows {self.shown!r}")
        return self.process.returncode

    def others_left(self) -> list:
        """Processes that came from this program and are still there."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes())
            except OSError:
                pass
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self.keys)
        os.close(self.screen)


class OnATerminal(unittest.TestCase):
    maxDiff = None
    programs = ""

    def drupe(self, image: str, *command: str, options: tuple = ()) -> Terminal:
        words = [*DRUPE, "run", "-q", "--timeout", "200", *options, image, *command]
        terminal = Terminal(words, {**os.environ, "TERM": "dumb"})
        self.addCleanup(terminal.close)
        return terminal

    def oracle(self, image: str, *command: str) -> Terminal:
        if not shutil.which("qemu-aarch64-static"):
            self.skipTest("qemu-aarch64-static is missing (package qemu-user-static)")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        tree = Path(folder.name) / "tree"
        words, environment = boot_test.oracle_words({"image": image, "command": list(command)}, tree)
        terminal = Terminal(words, environment)
        self.addCleanup(terminal.close)
        return terminal

    def same_on_both(self, image: str, *command: str, play) -> bytes:
        """Plays on both and returns what was shown; the statuses are equal, too."""
        endings = []
        for begin in (self.drupe, self.oracle):
            terminal = begin(image, *command)
            play(terminal)
            endings.append((terminal.end(), terminal.shown))
            self.is_as_before(terminal)
        (status, shown), (oracle_status, oracle_shown) = endings
        self.assertEqual(shown.splitlines(), oracle_shown.splitlines())
        self.assertEqual(status, oracle_status)
        return shown

    def is_as_before(self, terminal: Terminal) -> None:
        self.assertEqual(termios.tcgetattr(terminal.screen), terminal.modes, "the terminal's modes are others")
        until = time.monotonic() + PATIENCE  # a killed process may take a moment to be gone
        while terminal.others_left() and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual(terminal.others_left(), [])

    def test_a_program_sees_the_terminal_that_it_would_see_on_linux(self):
        def play(t):
            t.wait_for(b"> ")
            t.type(b"size\r", b"columns\r\n> ")
            t.type(b"modes\r", b"\n> ")
            t.type(b"wrong\x7f\x7fte\r", b"\n> ")  # erase
            t.type(b"gone\x15kill\r", b"\n> ")
            t.type(b"two words\x17word\r", b"\n> ")  # erase a word
            t.type(b"t\xc3\xa4b\x7f\x7f\x7f\tx\x7f\x7f\x16\x03\r", b"\n> ")  # UTF-8, a tab, a quoted ctrl-C
            t.type(b"begun\x12\r", b"\n> ")  # reprint
            t.type(b"\x04", b"end of input\r\n> ")
            t.type(b"no end\x04", b"65 6e 64\r\n> ")  # hands over what there is
            for key, name in ((b"\x03", b"SIGINT"), (b"\x1c", b"SIGQUIT"), (b"\x1a", b"SIGTSTP")):
                t.type(b"lost", b"lost")  # shown before the signal, with which Linux drops output that waits
                t.type(key, b"caught " + name + b"\r\n> ")
            t.type(b"output\r", b"output: -1, told 1, then 0\r\n> ")
            t.type(b"raw\r", b"keys:")
            for key in (b"a", b"\x03", b"\x04", b"\r", b"\n", b"\x10", b"\x11", b"\x13", b"\x1a", b"\x1b[A", b"\x7f", b"\xff"):
                t.type(key, b" %02x" % key[-1])
            t.type(b"q", b"\n> ")
            t.type(b"\x10\x10B\x10E\r", b"\n> ")  # what frames input is no more than keys
            t.resize(50, 132)
            t.wait_for(b"window 50 rows 132 columns\r\n> ")
            t.type(b"exit 7\r", b"\n")

        shown = self.same_on_both(f"{self.programs}/terminal", f"{self.programs}/terminal", play=play)
        self.assertIn(b"terminals: 111, foreground 1, leader 1\r\n", shown)
        self.assertIn(b"size %d rows %d columns" % (ROWS, COLUMNS), shown)

    def test_a_shell_controls_its_jobs(self):
        # No oracle: under the emulator this shell cannot run its own applets. A prompt of its own is told
        # from the echo of what sets it.
        def play(t):
            t.wait_for(b"# ")
            t.type(b"PS1='$''> '\r", b"$> ")
            t.type(b"echo a\x7fb | tr b c\r", b"c\r\n$> ")
            # What is typed before the shell has given the terminal away is not the program's.
            start = lambda command: t.type(b"sh -c 'echo g''o; exec %s'\r" % command, b"go\r\n")
            start(b"cat")
            t.type(b"lne\x7f\x7fine\r", b"\r\nline\r\n")
            t.type(b"\x04", b"$> ")
            start(b"sleep 1000")
            t.type(b"\x03", b"$> ")
            t.type(b"echo $?\r", b"130\r\n$> ")
            t.type(b"gone\x03", b"$> ")
            start(b"cat")
            t.type(b"begun\r", b"begun\r\nbegun\r\n")
            t.type(b"\x1a", b"$> ")
            t.type(b"echo $?\r", b"148\r\n$> ")
            t.type(b"jobs\r", b"$> ")
            t.type(b"fg\r", b'cat"\r\n')
            t.type(b"again\r", b"again\r\nagain\r\n")
            t.type(b"\x03", b"$> ")
            t.type(b"sleep 1000 &\r", b"$> ")
            t.type(b"kill %1; wait; echo done\r", b"$> ")
            t.type(b"stty size\r", b"\r\n%d %d\r\n$> " % (ROWS, COLUMNS))
            t.type(b"exit 5\r", b"\n")

        terminal = self.drupe("deb:busybox-static", "busybox", "sh")
        play(terminal)
        self.assertEqual(terminal.end(), 5)
        self.is_as_before(terminal)

    def test_what_ends_a_run_leaves_the_terminal_as_it_was(self):
        for end, status in ((lambda t: os.write(t.keys, b"a\x1dx"), 130),
                            (lambda t: t.process.send_signal(signal.SIGTERM), 143),
                            (lambda t: t.process.send_signal(signal.SIGHUP), 129)):
            terminal = self.drupe(f"{self.programs}/terminal")
            terminal.wait_for(b"> ")
            self.assertNotEqual(termios.tcgetattr(terminal.screen), terminal.modes)  # raw meanwhile
            end(terminal)
            self.assertEqual(terminal.end(), status)
            self.is_as_before(terminal)


def main() -> None:
    OnATerminal.programs = os.path.abspath(sys.argv.pop(1))
    unittest.main()


if __name__ == "__main__":
    main()
