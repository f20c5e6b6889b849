# SPDX-License-Identifier: BSD-2-Clause
"""The console between a terminal or pipe of this machine and the guest, as docs/bootfs.md has it.

Three small machines over bytes (input framing, the escape key, the trailer) and the loop that moves
bytes between file descriptors. Nothing is buffered beyond what the trailer may turn out to be."""
import contextlib
import dataclasses
import os
import re
import selectors
import sys
import signal
import termios
import time
import tty

from .errors import UserError

DLE = b"\x10"
START_OF_INPUT = DLE + b"B"  # its first byte may get lost while the guest sets its UART up
END_OF_INPUT = DLE + b"E"
WINDOW = DLE + b"W%d;%d;"  # rows, columns
ESCAPE_KEY = b"\x1d"  # ctrl-]

_FRAME = re.compile(rb"\x1b\]drupe;(?:(exit|signal)=([0-9]{1,3})|(panic|poweroff|halt|restart))\x1b\\\Z")
_PREFIX = b"\x1b]drupe;"
_LONGEST = 24  # bytes; no frame is longer
START_SECONDS = 30  # within which a kernel says that it runs, unless the machine is not made for it
HOLD_SECONDS = 0.2  # how long an unfinished frame may keep bytes from the user


def frame_input(data: bytes) -> bytes:
    """Data for a guest whose stdin is `framed` or `keys`."""
    return data.replace(DLE, DLE + DLE)


@dataclasses.dataclass(frozen=True)
class Ending:
    """What the guest said last. kind: exit, signal, panic, poweroff, halt, restart."""

    kind: str
    number: int = 0


def _could_be_frame(tail: bytes) -> bool:
    """Whether more bytes could make a frame of these, or they are one."""
    if len(tail) <= len(_PREFIX):
        return _PREFIX.startswith(tail)
    return bool(
        re.match(
            rb"\x1b\]drupe;(?:[a-z]{0,8}|(?:exit|signal)=[0-9]{0,3}|panic|poweroff|halt|restart)(?:\x1b\\?)?\Z", tail
        )
    )


class LogFrames:
    """Takes the kernel's own lines, `ESC ] drupe;log;TEXT ESC \\`, out of a program's bytes."""

    _BEGIN, _END = b"\x1b]drupe;log;", b"\x1b\\"
    _LONGEST = 1024  # what is longer is no frame

    def __init__(self):
        self._held = b""

    def feed(self, data: bytes):
        """(bytes of the program, lines of the kernel)"""
        buffer, out, lines = self._held + data, b"", []
        while True:
            at = buffer.find(self._BEGIN)
            end = buffer.find(self._END, at) if at >= 0 else -1
            if end < 0:
                break
            out += buffer[:at]
            lines.append(buffer[at + len(self._BEGIN) : end])
            buffer = buffer[end + len(self._END) :]
        keep = len(buffer)
        if at >= 0 and len(buffer) - at <= self._LONGEST:
            keep = at
        elif at < 0:  # the beginning of a beginning, at the very end
            keep -= next((n for n in range(len(self._BEGIN) - 1, 0, -1) if buffer.endswith(self._BEGIN[:n])), 0)
        self._held = buffer[keep:]
        return out + buffer[:keep], lines

    def waiting(self) -> bool:
        return bool(self._held)

    def release(self) -> bytes:
        out, self._held = self._held, b""
        return out


def _ending(match) -> Ending:
    return Ending((match.group(1) or match.group(3)).decode(), int(match.group(2) or 0))


def ending_in(told: bytes):
    """What came through the port for it: an Ending, or None."""
    match = _FRAME.match(told)
    return _ending(match) if match else None


class Trailer:
    """Passes the guest's output through, except a frame at its very end."""

    def __init__(self):
        self._tail = b""  # what may be a frame, or its beginning
        self._shown = 0  # how much of it was given out because it came too slowly

    def feed(self, data: bytes) -> bytes:
        """What can be shown of all that came."""
        buffer = self._tail + data
        shown, self._shown = self._shown, 0
        keep = len(buffer)
        at = buffer.find(b"\x1b", max(0, len(buffer) - _LONGEST))
        while at >= 0:
            if _could_be_frame(buffer[at:]):
                keep = at
                break
            at = buffer.find(b"\x1b", at + 1)
        out = buffer[shown:keep] if keep > shown else b""
        self._tail = buffer[keep:]
        self._shown = max(0, shown - keep)
        return out

    def waiting(self) -> bool:
        """Whether an unfinished frame keeps bytes back (a finished one may well stay)."""
        return len(self._tail) > self._shown and not _FRAME.match(self._tail)

    def release(self) -> bytes:
        """Gives out what an unfinished frame keeps back; it is still recognised when the rest comes."""
        out, self._shown = self._tail[self._shown :], len(self._tail)
        return out

    def finish(self):
        """At the end of the stream: (bytes still to show, Ending or None)."""
        m = _FRAME.match(self._tail)
        if m:
            return b"", _ending(m)
        return self._tail[self._shown :], None


class EscapeKey:
    """ctrl-] x ends the machine; ctrl-] twice sends one; before another key it is sent with it."""

    def __init__(self):
        self._armed = False
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        out = bytearray()
        for i in range(len(data)):
            key = data[i : i + 1]
            if not self._armed:
                self._armed = key == ESCAPE_KEY
                out += b"" if self._armed else key
                continue
            self._armed = False
            if key in (b"x", b"X"):
                self.ended = True
                break
            out += ESCAPE_KEY if key == ESCAPE_KEY else ESCAPE_KEY + key
        return bytes(out)


class Terminal:
    """The host's terminal in raw mode for as long as the guest has it. Does nothing for a pipe."""

    def __init__(self, fd: int, wanted: bool):
        self._fd, self._wanted, self._saved = fd, wanted, None

    def __enter__(self):
        if self._wanted:
            self._saved = termios.tcgetattr(self._fd)
            tty.setraw(self._fd, termios.TCSADRAIN)
        return self

    def __exit__(self, *_):
        if self._saved is not None:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)
            self._saved = None


class WindowChanges:
    """A pipe that holds a byte when the terminal's window has changed since it was read."""

    def __enter__(self):
        self.fd, self._signalled = os.pipe()
        for fd in (self.fd, self._signalled):
            os.set_blocking(fd, False)
        self._before = signal.signal(signal.SIGWINCH, self._note)
        return self

    def _note(self, *_):
        with contextlib.suppress(BlockingIOError):
            os.write(self._signalled, b"w")

    def __exit__(self, *_):
        signal.signal(signal.SIGWINCH, self._before)
        os.close(self.fd)
        os.close(self._signalled)

    def take(self, fd: int) -> tuple:
        """Empties the pipe; the window of the terminal `fd`."""
        os.read(self.fd, 4096)
        return window_size(fd)


class Ended(Exception):
    """The run was ended from outside. `why`: escape, timeout, closed."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # somebody made our stdout non-blocking
            selectors_wait(fd)


def selectors_wait(fd: int) -> None:
    with selectors.DefaultSelector() as s:
        s.register(fd, selectors.EVENT_WRITE)
        s.select()


class Pump:
    """Moves bytes until the guest's output ends. File descriptors belong to the caller."""

    def __init__(
        self,
        user_in: int,
        user_out: int,
        to_guest: int,
        from_guest: int,
        window: WindowChanges | None,
        timeout: float | None,
        on_silence=None,
        ending_elsewhere=lambda: None,
    ):
        """`window`: the input is the keys of a terminal; None: it is data. `on_silence()` is called once when
        the kernel has not said for START_SECONDS that it runs. `ending_elsewhere()`: at the end, what was told on another way; the console counts only
        without that."""
        self._in, self._out, self._to, self._from = user_in, user_out, to_guest, from_guest
        self._window = window
        self._deadline = time.monotonic() + timeout if timeout else None
        self._on_silence = on_silence
        self._ending_elsewhere = ending_elsewhere
        self._silent_until = time.monotonic() + START_SECONDS if on_silence else None
        self._escape = EscapeKey()
        self._trailer = Trailer()
        self._log = LogFrames()
        self._pending = START_OF_INPUT  # input that the guest has not taken yet
        if window:  # it may have changed since the start record was made
            self._pending += WINDOW % window_size(user_out)
        self._ended = False  # no more of it will come
        os.set_blocking(to_guest, False)

    def run(self):
        """Returns the Ending, or None when the guest's side closed without one. Raises Ended."""
        with selectors.DefaultSelector() as self._wait:
            self._wait.register(self._from, selectors.EVENT_READ)
            self._wait.register(self._to, selectors.EVENT_WRITE)
            if self._window:
                self._wait.register(self._window.fd, selectors.EVENT_READ)
            while True:
                events = self._wait.select(self._patience())
                if self._deadline and time.monotonic() >= self._deadline:
                    raise Ended("timeout")
                if self._silent_until and time.monotonic() >= self._silent_until:
                    self._silent_until = None
                    self._on_silence()
                if not events and self._is_holding():
                    self._show(self._trailer.feed(self._log.release()) + self._trailer.release())
                for key, _ in events:
                    if key.fd == self._from:
                        data = os.read(self._from, 1 << 16)
                        if not data:
                            self._show(self._trailer.feed(self._log.release()))
                            if ending := self._ending_elsewhere():
                                self._show(self._trailer.release())
                                return ending
                            rest, ending = self._trailer.finish()
                            self._show(rest)
                            return ending
                        self._take_output(data)
                    elif key.fd == self._in:
                        self._take_input()
                    elif key.fd == self._to:
                        self._give_input()
                    else:
                        self._send(WINDOW % self._window.take(self._out))

    def _patience(self):
        ends = [end - time.monotonic() for end in (self._deadline, self._silent_until) if end]
        if self._is_holding():
            ends.append(HOLD_SECONDS)
        return max(0.0, min(ends)) if ends else None

    def _is_holding(self) -> bool:
        return self._trailer.waiting() or self._log.waiting()

    def _take_output(self, data: bytes) -> None:
        shown, lines = self._log.feed(data)
        self._show(self._trailer.feed(shown))
        for line in lines:
            self._silent_until = None
            if not line:  # it only says that it runs
                continue
            sys.stderr.buffer.write(b"drupe: " + line + b"\n")
            sys.stderr.buffer.flush()

    def _show(self, data: bytes) -> None:
        try:
            _write_all(self._out, data)
        except BrokenPipeError:
            raise Ended("closed") from None
        except OSError as e:
            raise UserError(f"cannot write the program's output: {e.strerror}") from None

    def _listen(self, on: bool) -> None:
        """Whether we take more input: only when the guest has taken what we have."""
        try:
            if on:
                self._wait.register(self._in, selectors.EVENT_READ)
            else:
                self._wait.unregister(self._in)
        except PermissionError:  # an ordinary file is always ready and epoll refuses it
            self._take_input()
        except (KeyError, ValueError):
            pass

    def _take_input(self) -> None:
        try:
            data = os.read(self._in, 4096)
        except OSError:  # the terminal went away
            data = b""
        self._ended = not data
        if self._window:
            data = self._escape.feed(data)
            if self._escape.ended:
                raise Ended("escape")
        self._send(END_OF_INPUT if self._ended else frame_input(data))
        if self._ended:
            self._listen(False)

    def _send(self, framed: bytes) -> None:
        """Input is taken again when the guest has this."""
        if not framed:
            return
        if not self._pending:
            self._listen(False)
            self._wait.register(self._to, selectors.EVENT_WRITE)
        self._pending += framed

    def _give_input(self) -> None:
        try:
            self._pending = self._pending[os.write(self._to, self._pending) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the machine is going down; its output says how
            self._pending, self._ended = b"", True
        if not self._pending:
            self._wait.unregister(self._to)
            if not self._ended:
                self._listen(True)


def window_size(fd: int) -> tuple:
    """(rows, columns) of a terminal, or (0, 0)."""
    try:
        size = os.get_terminal_size(fd)
        return size.lines, size.columns
    except OSError:
        return 0, 0


def signal_name(number: int) -> str:
    """What people call a signal: "segmentation fault" and the like."""
    return (
        (signal.strsignal(number) or f"signal {number}").lower()
        if 0 < number < signal.NSIG
        else f"signal {number}"
    )
