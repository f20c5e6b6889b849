# SPDX-License-Identifier: BSD-2-Clause
"""The whole of `drupe run` with a script in QEMU's place. MKBOOTFS names the archive writer (Meson sets it)."""
import contextlib
import fcntl
import gzip
import os
import pty
import struct
import subprocess
import sys
import termios
import time
import unittest
from pathlib import Path

import run_case


@unittest.skipUnless(run_case.CAN_RUN, run_case.WHY_NOT)
class Run(run_case.RunCase):
    def test_exit_status_signal_and_panic_come_from_the_trailer(self):
        for frame, status in (("exit=0", 0), ("exit=7", 7), ("signal=11", 139), ("panic", 125)):
            self.qemu(f"say(b'out\\x00\\r\\n\\x1b]drupe;{frame}\\x1b\\\\')")
            done = self.run_it()
            self.assertEqual((done.returncode, done.stdout), (status, b"out\0\r\n"), frame)
        self.assertIn(b"could not go on", done.stderr)

    def test_a_machine_that_its_program_ended_says_so_with_status_0(self):
        for frame, words in (("poweroff", b"switched the machine off"), ("halt", b"halted"), ("restart", b"restart")):
            self.qemu(f"say(b'out\\x1b]drupe;{frame}\\x1b\\\\')")
            done = self.run_it()
            self.assertEqual((done.returncode, done.stdout), (0, b"out"), frame)
            self.assertIn(words, done.stderr)

    def test_a_machine_that_ends_without_a_word_is_our_error(self):
        self.qemu("say(b'half'); sys.exit(0)")
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout), (125, b"half"))
        self.assertIn(b"without saying how its program ended", done.stderr)

    def test_qemus_complaint_is_passed_on(self):
        self.qemu("print('qemu-system-aarch64: no such thing', file=sys.stderr); sys.exit(1)")
        self.assertEqual(self.run_it().stderr, b"drupe: QEMU failed: no such thing\n")
        self.qemu("os.kill(os.getpid(), 9)")
        self.assertEqual(self.run_it().returncode, 125)

    def test_a_memory_that_is_too_small_says_how_much_is_needed(self):
        self.qemu("print('qemu: could not load initrd', file=sys.stderr); sys.exit(1)")
        self.assertIn(b"at least -m 3", self.run_it("-m", "2").stderr)

    def test_what_is_no_run_is_one_sentence(self):
        self.qemu("sys.exit(9)")
        for options, sentence in (
            (("--timeout", "inf"), "more than 0 and at most"),
            (("--timeout", "nan"), "more than 0 and at most"),
            (("-m", ""), "-m : a size in MiB"),
            (("-e", "=value"), "a variable needs a name"),
            (("-e", ""), "a variable needs a name"),
            (("--cpus", "0"), "at least one CPU"),
            (("-w", "folder"), "should be an absolute path"),
            (("--copy", "/nonexistent:/x"), "there is no /nonexistent"),
            (("--copy", f"{__file__}:x"), "absolute path in the guest"),
            (("--copy", f"{__file__}:/../x"), "file system: a path in the image must not contain"),
            (("-v", "/tmp"), "-v /tmp: HOST:GUEST[:ro]"),
            (("-v", "/tmp:data"), "GUEST being an absolute path"),
            (("-v", ":/data"), "HOST:GUEST[:ro]"),
            (("-v", "/tmp:/"), "no folder can be put at /"),
            (("-v", "/tmp:/a/../b"), "no folder can be put at /a/../b"),
            (("-v", "/tmp:/proc/"), "no folder can be put at /proc/"),
            (("-v", "/nonexistent:/x"), "there is no folder /nonexistent"),
            (("-v", f"{__file__}:/x:ro"), f"{__file__} is no folder"),
            (("--kernel-arg", "a\nb"), "a kernel argument is one line"),
            (("--rootfs", "x"), "--rootfs goes with an ELF file"),
        ):
            done = self.run_it(*options)
            self.assertEqual(done.returncode, 125, options)
            self.assertIn(sentence, done.stderr.decode())
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_what_is_no_kernel_is_one_sentence(self):
        self.qemu("say(b'\\x1b]drupe;exit=0\\x1b\\\\')")
        image = Path(self.kernel).read_bytes()
        elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00%c\x00"
        packed = gzip.compress(image)
        for content, sentence in (
            (image, ""),
            (elf % 183, ""),
            (packed, ""),
            (b"MZ" + bytes(62), ""),
            (b"", "is no kernel for arm64"),
            (image[:57], "is no kernel for arm64"),
            (b"#!/bin/sh\n" * 30, "is no kernel for arm64"),
            (elf % 62, "is no kernel for arm64"),
            (gzip.compress(b"root:x:0" * 20), "is no kernel for arm64"),
            (packed[:12], "cannot be read"),
            (packed[:10] + b"\xff" * 40, "cannot be read"),
        ):
            Path(self.kernel).write_bytes(content)
            done = self.run_it()
            self.assertEqual(done.returncode, 125 if sentence else 0, content)
            self.assertIn(sentence, done.stderr.decode())
            self.assertEqual(done.stderr.count(b"\n"), 1 if sentence else 0, done.stderr)
        os.remove(self.kernel)
        self.assertIn(f"there is no file {self.kernel}", self.run_it().stderr.decode())

    def test_what_is_no_image_is_one_sentence(self):
        (self.folder / "empty").touch()
        (self.folder / "script").write_text("#!/bin/sh\n")
        os.mkfifo(self.folder / "fifo")
        for name, sentence in (
            ("", "IMAGE is empty"),
            (f"{self.folder}/none", "there is no image"),
            (f"{self.folder}/empty", "it is empty"),
            (f"{self.folder}/script", "does not begin as an ELF file"),
            (f"{self.folder}/fifo", "neither a folder nor a file"),
            (sys.executable, "for another machine"),
            ("deb:", "needs the name of a package"),
            ("deb:Upper", "no name of a Debian package"),
            (f"{self.folder}/root", "say which to run"),
        ):
            words = [sys.executable, "-c", run_case.COMMAND, "run", "--kernel", self.kernel, name]
            done = subprocess.run(words, capture_output=True, env=self.environment, timeout=120)
            self.assertEqual(done.returncode, 125, name)
            self.assertIn(sentence, done.stderr.decode())
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_closed_streams_are_as_empty_ones(self):
        self.qemu(
            """
while not os.read(0, 100).endswith(b'\\x10E'): pass
say(b'output\\x1b]drupe;exit=4\\x1b\\\\')"""
        )
        words = [sys.executable, "-c", run_case.COMMAND, "run", "--kernel", self.kernel]
        words += [str(self.folder / "root"), "prog"]
        for closed in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
            done = subprocess.run(
                words,
                preexec_fn=lambda: [os.close(fd) for fd in closed],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=self.environment,
                timeout=120,
            )
            self.assertEqual((done.returncode, done.stderr), (4, b""), closed)
            self.assertEqual(done.stdout, b"" if 1 in closed else b"output")

    def test_output_that_cannot_be_written_is_our_error(self):
        self.qemu("say(b'output'); time.sleep(60)")
        words = [sys.executable, "-c", run_case.COMMAND, "run", "--kernel", self.kernel]
        words += [str(self.folder / "root"), "prog"]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                words, stdout=full, stderr=subprocess.PIPE, env=self.environment, timeout=120
            )
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"cannot write the program's output: No space left", done.stderr)

    def test_a_dry_run_prints_a_command_that_boots(self):
        done = self.run_it("--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        command = done.stdout.decode().splitlines()[0].removeprefix("qemu:   ")
        self.qemu(
            """
import shutil
shutil.copy(sys.argv[sys.argv.index('-initrd') + 1], os.environ['FOLDER'] + '/cpio')"""
        )
        subprocess.run(command, shell=True, check=True, env=self.environment, timeout=60)
        record = self.cpio("--to-stdout", ".drupe/start").split(b"\0")
        self.assertIn(b"arg=a b", record)
        self.assertIn(b"stdin=tty", record)

    def test_a_timeout_ends_the_machine(self):
        self.qemu(
            "open(os.environ['FOLDER'] + '/pid', 'w').write(str(os.getpid())); time.sleep(60)"
        )
        began = time.monotonic()
        self.assertEqual(self.run_it("--timeout", "0.7").returncode, 124)
        self.assertLess(time.monotonic() - began, 50)
        with self.assertRaises(ProcessLookupError):
            os.kill(int((self.folder / "pid").read_text()), 0)

    def test_input_is_framed_and_ends(self):
        self.qemu(
            """
got = b''
while not got.endswith(b'\\x10E'):
    got += os.read(0, 100)
say(repr(got).encode() + b'\\x1b]drupe;exit=0\\x1b\\\\')"""
        )
        self.assertEqual(
            self.run_it(input=b"a\x10\x03b").stdout, repr(b"\x10Ba\x10\x10\x03b\x10E").encode()
        )

    def test_an_ordinary_file_and_nothing_serve_as_input(self):
        self.qemu(
            """
got = b''
while not got.endswith(b'\\x10E'):
    got += os.read(0, 4096)
say(b'%d' % len(got) + b'\\x1b]drupe;exit=0\\x1b\\\\')"""
        )
        words = [
            sys.executable,
            "-c",
            run_case.COMMAND,
            "run",
            "--kernel",
            self.kernel,
            str(self.folder / "root"),
            "prog",
        ]
        (self.folder / "input").write_bytes(b"x" * 100000)
        for name, size in ((self.folder / "input", 100004), (os.devnull, 4)):
            with open(name, "rb") as file:
                done = subprocess.run(
                    words, stdin=file, capture_output=True, env=self.environment, timeout=120
                )
            self.assertEqual((done.returncode, done.stdout), (0, b"%d" % size), done.stderr)

    def test_the_guest_finds_the_files_and_the_start_record(self):
        (self.folder / "root/bin/prog").write_bytes(b"program")
        (self.folder / "extra").write_text("extra")
        self.qemu(
            """
import shutil
shutil.copy(sys.argv[sys.argv.index('-initrd') + 1], os.environ['FOLDER'] + '/cpio')
say('|'.join(sys.argv[1:]).encode() + b'\\x1b]drupe;exit=0\\x1b\\\\')"""
        )
        done = self.run_it(
            "-e",
            "K=v w",
            "--copy",
            f"{self.folder}/extra:/opt/e x",
            "-m",
            "64",
            "--cpus",
            "2",
            "--isolation",
            "el0",
            "--strace",
            "--qemu-arg",
            "-icount",
            "--kernel-arg",
            "quiet",
            "-w",
            "/opt",
        )
        words = done.stdout.decode()
        self.assertIn("|-m|64|-smp|2|", words)
        self.assertIn(
            "|-append|drupe.status=console drupe.isolation=el0 drupe.strace quiet|-device|virtio-serial-device,", words
        )
        self.assertTrue(words.split("\x1b")[0].endswith("name=org.drupe.status|-icount"))
        listing = self.cpio("-t").decode()
        self.assertEqual(
            sorted(listing.split("\n")),
            sorted(["", ".", ".drupe", ".drupe/start", "bin", "bin/prog", "opt", "opt/e x"]),
        )
        record = self.cpio("--to-stdout", ".drupe/start").split(b"\0")
        self.assertEqual(record[:2], [b"arg=prog", b"arg=a b"])
        for entry in (b"env=K=v w", b"cwd=/opt", b"uid=0", b"stdin=framed", b"stdout=raw"):
            self.assertIn(entry, record)

    def test_the_port_tells_the_ending_and_the_console_only_without_it(self):
        script = (
            "port = next(w for w in sys.argv if w.startswith('file,id=status,path='))\n"
            "open(port.split('path=')[1], 'wb').write({!r})\n"
            "say(b'before\\x1b]drupe;exit=3\\x1b\\\\')"
        )
        self.qemu(script.format(b"\x1b]drupe;exit=5\x1b\\"))
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout), (5, b"before\x1b]drupe;exit=3\x1b\\"))
        self.qemu(script.format(b""))
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout), (3, b"before"))
        self.qemu("say('|'.join(sys.argv).encode() + b'\\x1b]drupe;exit=0\\x1b\\\\')")
        for words in (["--machine", "sbsa-ref"], ["--qemu-arg", "-device", "--qemu-arg", "virtio-serial-pci"]):
            self.assertNotIn(b"org.drupe.status", self.run_it(*words).stdout)

    def test_disks_are_there_in_their_order(self):
        self.qemu("say('|'.join(sys.argv[1:]).encode() + b'\\x1b]drupe;exit=0\\x1b\\\\')")
        (self.folder / "a,b").write_bytes(b"1")
        (self.folder / "c").write_bytes(b"2")
        done = self.run_it("--disk", f"{self.folder}/a,b", "--disk", f"{self.folder}/c:ro")
        self.assertIn(
            f"|-drive|if=none,id=disk1,format=raw,file={self.folder}/c,readonly=on"
            "|-device|virtio-blk-device,drive=disk1"
            f"|-drive|if=none,id=disk0,format=raw,file={self.folder}/a,,b"
            "|-device|virtio-blk-device,drive=disk0",
            done.stdout.decode(),
        )
        self.assertEqual(self.run_it("--disk", "/no/such").returncode, 125)

    def test_on_a_terminal_keys_and_window_go_to_the_guest_and_ctrl_bracket_x_ends_it(self):
        self.qemu(
            """
say(b'ready')
while True:
    say(b'<%s>' % os.read(0, 100).hex().encode())"""
        )
        words = [
            sys.executable,
            "-c",
            run_case.COMMAND,
            "run",
            "--kernel",
            self.kernel,
            str(self.folder / "root"),
            "prog",
        ]
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(words[0], words, self.environment)
        seen = b""

        def wait_for(text: bytes) -> None:
            nonlocal seen
            until = time.monotonic() + 120
            while text not in seen:
                self.assertLess(time.monotonic(), until, seen)
                with contextlib.suppress(OSError):
                    seen += os.read(terminal, 1000).replace(b"><", b"")

        wait_for(b"<" + b"\x10B\x10W0;0;".hex().encode())
        os.write(terminal, b"a\x03\x04\x1a\x10")
        wait_for(b"a\x03\x04\x1a\x10\x10".hex().encode())
        for rows, columns in ((50, 132), (7, 9)):
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            wait_for((b"\x10W%d;%d;" % (rows, columns)).hex().encode())
        os.write(terminal, b"\x1dx")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(status), 130)

    def test_a_signal_to_the_command_ends_the_machine_and_leaves_nothing(self):
        self.qemu(
            "open(os.environ['FOLDER'] + '/pid', 'w').write(str(os.getpid())); say(b'up'); time.sleep(60)"
        )
        words = [
            sys.executable,
            "-c",
            run_case.COMMAND,
            "run",
            "--kernel",
            self.kernel,
            str(self.folder / "root"),
            "prog",
        ]
        for number, status in ((15, 143), (1, 129), (9, -9)):
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self.environment,
            )
            self.assertEqual(process.stdout.read(2), b"up")
            process.send_signal(number)
            self.assertEqual(process.wait(120), status)
            self.assertEqual(process.stdout.read(), b"")  # ends only when QEMU has ended too
            process.stdout.close()
            if number != 9:
                self.assertEqual(os.listdir(self.folder / "tmp"), [])

    def test_nobody_reading_ends_the_machine(self):
        self.qemu("while True: say(b'x' * 1000)")
        words = [
            sys.executable,
            "-c",
            run_case.COMMAND,
            "run",
            "--kernel",
            self.kernel,
            str(self.folder / "root"),
            "prog",
        ]
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )
        process.stdout.read(5000)
        process.stdout.close()
        self.assertEqual(process.wait(120), 141)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()


if __name__ == "__main__":
    unittest.main()
