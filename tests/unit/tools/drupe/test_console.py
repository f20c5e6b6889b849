# SPDX-License-Identifier: BSD-2-Clause
import os
import threading
import time
import unittest
import unittest.mock

from drupe import console
from drupe.console import Ending, EscapeKey, LogFrames, Pump, Trailer


def through(*pieces: bytes):
    """(what was shown, Ending) for output that arrives in these pieces."""
    trailer = Trailer()
    shown = b"".join(trailer.feed(piece) for piece in pieces)
    rest, ending = trailer.finish()
    return shown + rest, ending


class TheKernelsLines(unittest.TestCase):
    STREAM = b"one\x1b]drupe;log;first line\x1b\\two\x1b]drupe;log;second\x1b\\\x1b[1mthree\x1b]drupe;exit=3\x1b\\"

    def test_they_are_taken_out_wherever_the_stream_is_cut(self):
        for cut in range(len(self.STREAM) + 1):
            frames = LogFrames()
            out, lines = frames.feed(self.STREAM[:cut])
            more, later = frames.feed(self.STREAM[cut:])
            self.assertEqual(out + more + frames.release(), b"onetwo\x1b[1mthree\x1b]drupe;exit=3\x1b\\")
            self.assertEqual(lines + later, [b"first line", b"second"])

    def test_an_endless_frame_is_given_out(self):
        frames = LogFrames()
        text = b"\x1b]drupe;log;" + b"x" * 2000
        self.assertEqual(frames.feed(text)[0] + frames.release(), text)


class TheTrailer(unittest.TestCase):
    FRAMES = (
        (b"\x1b]drupe;exit=0\x1b\\", Ending("exit", 0)),
        (b"\x1b]drupe;exit=137\x1b\\", Ending("exit", 137)),
        (b"\x1b]drupe;signal=11\x1b\\", Ending("signal", 11)),
        (b"\x1b]drupe;panic\x1b\\", Ending("panic")),
        (b"\x1b]drupe;poweroff\x1b\\", Ending("poweroff")),
        (b"\x1b]drupe;halt\x1b\\", Ending("halt")),
        (b"\x1b]drupe;restart\x1b\\", Ending("restart")),
    )

    def test_a_frame_is_taken_off_wherever_the_stream_is_cut(self):
        for frame, ending in self.FRAMES:
            stream = b"out\x1b[0mput\n" + frame
            for first in range(len(stream) + 1):
                for second in range(first, len(stream) + 1):
                    self.assertEqual(
                        through(stream[:first], stream[first:second], stream[second:]),
                        (b"out\x1b[0mput\n", ending),
                    )

    def test_a_frame_in_the_middle_is_output(self):
        frame = self.FRAMES[1][0]
        for stream in (
            frame + b"x",
            frame + frame + b" ",
            frame + b"\x1b",
            frame[:-1],
            frame + frame[:9],
        ):
            for cut in range(len(stream) + 1):
                self.assertEqual(through(stream[:cut], stream[cut:]), (stream, None))

    def test_only_the_last_of_two_frames_is_taken_off(self):
        first, last = self.FRAMES[2][0], self.FRAMES[0][0]
        self.assertEqual(through(first + last), (first, Ending("exit", 0)))

    def test_what_resembles_a_frame_is_output(self):
        for tail in (
            b"\x1b]drupe;exit=\x1b\\",
            b"\x1b]drupe;exit=1234\x1b\\",
            b"\x1b]drupe;exit=1\x1b]",
            b"\x1b]drupe;Exit=1\x1b\\",
            b"\x1b]drupe;panic=1\x1b\\",
            b"\x1b]drup;exit=1\x1b\\",
            b"\x1b",
            b"\x1b]0;title\x07",
        ):
            for cut in range(len(tail) + 1):
                self.assertEqual(through(b"a" + tail[:cut], tail[cut:]), (b"a" + tail, None), tail)

    def test_what_comes_slowly_is_shown_and_still_recognised(self):
        frame = self.FRAMES[1][0]
        for cut in range(1, len(frame)):
            trailer = Trailer()
            shown = trailer.feed(b"x" + frame[:cut])
            self.assertTrue(trailer.waiting())
            shown += trailer.release()
            self.assertFalse(trailer.waiting())
            self.assertEqual(shown, b"x" + frame[:cut])
            self.assertEqual(trailer.feed(frame[cut:]), b"")
            self.assertEqual(trailer.finish(), (b"", Ending("exit", 137)))

    def test_what_came_slowly_and_is_no_frame_appears_once(self):
        frame = self.FRAMES[1][0]
        for cut in range(1, len(frame)):
            trailer = Trailer()
            shown = (
                trailer.feed(frame[:cut])
                + trailer.release()
                + trailer.feed(frame[cut:] + b"more\x1b")
                + trailer.feed(b"]")
            )
            self.assertEqual(shown + trailer.finish()[0], frame + b"more\x1b]")

    def test_output_without_an_escape_is_never_kept(self):
        trailer = Trailer()
        for piece in (b"a", b"bc" * 1000, b"\x00\xff\r\n"):
            self.assertEqual(trailer.feed(piece), piece)


class Input(unittest.TestCase):
    def test_framing_doubles_only_dle(self):
        every = bytes(range(256))
        framed = console.frame_input(every)
        self.assertEqual(len(framed), 257)
        self.assertEqual(framed.replace(b"\x10\x10", b"\x10"), every)
        self.assertNotIn(console.END_OF_INPUT, framed.replace(b"\x10\x10", b""))

    def test_the_escape_key_works_across_reads(self):
        for typed, sent, ended in (
            (b"abc\x03", b"abc\x03", False),
            (b"a\x1dx", b"a", True),
            (b"\x1d\x1db", b"\x1db", False),
            (b"\x1dq", b"\x1dq", False),
            (b"\x1d", b"", False),
            (b"\x1d\x1dx", b"\x1dx", False),
        ):
            for cut in range(len(typed) + 1):
                key = EscapeKey()
                self.assertEqual(
                    (key.feed(typed[:cut]) + key.feed(typed[cut:]), key.ended), (sent, ended), typed
                )


class FakeGuest:
    """Pipes as QEMU has them, and a thread that plays the guest."""

    def __init__(self, play):
        self.user_in, self._type = os.pipe()
        self._see, self.user_out = os.pipe()
        self._input, self.to_guest = os.pipe()
        self.from_guest, self._output = os.pipe()
        self.got, self.seen = b"", b""
        self.thread = threading.Thread(target=play, args=(self,), daemon=True)

    def run(self, typed: bytes, window=None, timeout=60.0, on_silence=None):
        def watch():
            while data := os.read(self._see, 65536):
                self.seen += data

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        self.thread.start()

        def keys():
            view = memoryview(typed)
            while view:
                view = view[os.write(self._type, view) :]
            if not window:
                os.close(self._type)

        threading.Thread(target=keys, daemon=True).start()
        try:
            return Pump(
                self.user_in, self.user_out, self.to_guest, self.from_guest, window, timeout, on_silence
            ).run()
        finally:
            os.close(self.user_out)
            watcher.join(60)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._output, view) :]

    def read(self) -> bytes:
        data = os.read(self._input, 4096)
        self.got += data
        return data

    def close(self) -> None:
        os.close(self._output)


class ThePump(unittest.TestCase):
    def test_much_input_and_output_pass_each_other_unharmed(self):
        typed = bytes(range(256)) * 2000
        made = os.urandom(700000).replace(b"\x1b", b"?")

        def play(guest):
            writer = threading.Thread(target=guest.write, args=(made,))
            writer.start()
            while not guest.got.replace(b"\x10\x10", b"").endswith(console.END_OF_INPUT):
                guest.read()
            writer.join()
            guest.write(b"\x1b]drupe;exit=3\x1b\\")
            guest.close()

        guest = FakeGuest(play)
        self.assertEqual(guest.run(typed), Ending("exit", 3))
        self.assertEqual(guest.seen, made)
        self.assertEqual(
            guest.got, console.START_OF_INPUT + console.frame_input(typed) + console.END_OF_INPUT
        )

    def test_a_kernel_that_says_nothing_is_told_from_a_program_that_says_nothing(self):
        for first, warnings, patience in ((b"loading...", 1, 0.1), (b"\x1b]drupe;log;\x1b\\loading...", 0, 2)):
            warned = []

            def play(guest):
                guest.write(first)
                until = time.monotonic() + 60
                while len(warned) < warnings and time.monotonic() < until:
                    time.sleep(0.01)
                time.sleep(2 * patience)
                guest.close()

            guest = FakeGuest(play)
            with unittest.mock.patch.object(console, "START_SECONDS", patience):
                guest.run(b"", on_silence=lambda: warned.append(1))
            self.assertEqual(len(warned), warnings)
            self.assertEqual(guest.seen, b"loading...")

    def test_output_is_there_before_the_guest_goes_on(self):
        def play(guest):
            guest.write(b"prompt\x1b")  # the escape looks like a frame and must not stay for long
            until = time.monotonic() + 60
            while guest.seen != b"prompt\x1b" and time.monotonic() < until:
                time.sleep(0.01)
            guest.write(b"yes" if guest.seen == b"prompt\x1b" else b"no")
            guest.close()

        guest = FakeGuest(play)
        self.assertIsNone(guest.run(b""))
        self.assertEqual(guest.seen, b"prompt\x1byes")

    def test_a_silent_guest_times_out(self):
        guest = FakeGuest(lambda g: None)
        with self.assertRaises(console.Ended) as e:
            guest.run(b"", timeout=0.1)
        self.assertEqual(e.exception.why, "timeout")

    def test_the_escape_key_ends_a_run(self):
        guest = FakeGuest(lambda g: None)
        with self.assertRaises(console.Ended) as e, console.WindowChanges() as changes:
            guest.run(b"ab\x1dx", changes)
        self.assertEqual(e.exception.why, "escape")

    def test_a_guest_that_takes_no_input_does_not_hold_up_its_output(self):
        def play(guest):
            guest.write(b"done\x1b]drupe;exit=0\x1b\\")
            guest.close()

        guest = FakeGuest(play)
        self.assertEqual(guest.run(b"x" * 300000), Ending("exit", 0))
        self.assertEqual(guest.seen, b"done")


if __name__ == "__main__":
    unittest.main()
