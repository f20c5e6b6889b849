# SPDX-License-Identifier: BSD-2-Clause
"""The whole of `drupe run` with a script in QEMU's place. MKBOOTFS names the archive writer (Meson sets it)."""
import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[4] / "tools"

# What stands in for the command: the real one, less the build.
COMMAND = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(TOOLS)!r})
from drupe import cmd_build, folders, main, pack
cmd_build.build_for_run = lambda **_: None
pack.MKBOOTFS = Path(os.environ["MKBOOTFS"])
folders.DAEMONS = (os.environ["FOLDER"] + "/bin/virtiofsd",)
sys.exit(main.main(sys.argv[1:]))
"""


@unittest.skipUnless(os.environ.get("MKBOOTFS"), "MKBOOTFS is not set")
class Run(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "root/bin").mkdir(parents=True)
        (self.folder / "bin").mkdir()
        (self.folder / "tmp").mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "FOLDER": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def qemu(self, script: str) -> None:
        file = self.folder / "bin/qemu-system-aarch64"
        file.write_text(
            f"#!{sys.executable}\nimport os, sys, time\n" f"def say(b): os.write(1, b)\n{script}\n"
        )
        file.chmod(0o755)

    def run_it(self, *options, input=b""):
        words = [
            sys.executable,
            "-c",
            COMMAND,
            "run",
            "--kernel",
            __file__,
            *options,
            str(self.folder / "root"),
            "prog",
            "a b",
        ]
        done = subprocess.run(
            words, input=input, capture_output=True, env=self.environment, timeout=120
        )
        self.assertEqual(os.listdir(self.folder / "tmp"), [], "a temporary file stayed")
        self.assertNotIn(b"Traceback", done.stderr)
        return done

    def cpio(self, *options) -> bytes:
        """What GNU cpio says about the archive that the machine got; it has nothing to complain about."""
        with open(self.folder / "cpio", "rb") as archive:
            done = subprocess.run(
                ["cpio", "-i", "--quiet", *options], stdin=archive, capture_output=True, check=True
            )
        self.assertEqual(done.stderr, b"")
        return done.stdout

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

    def test_folders_are_served_by_qemu_and_named_in_the_start_record(self):
        for name in ("one", "two, with: a comma"):
            (self.folder / name).mkdir()
        self.qemu(
            "open(os.environ['FOLDER'] + '/words', 'w').write('\\n'.join(sys.argv))\n"
            "import shutil; shutil.copy(sys.argv[sys.argv.index('-initrd') + 1], os.environ['FOLDER'] + '/cpio')\n"
            "say(b'\\x1b]drupe;exit=0\\x1b\\\\')"
        )
        self.run_it("-v", f"{self.folder}/one:/data:ro", "-v", f"{self.folder}/two, with: a comma:/a/b")
        words = (self.folder / "words").read_text().split("\n")
        served = [words[i + 1] for i, word in enumerate(words) if word == "-fsdev"]
        self.assertEqual(
            served,
            [
                f"local,id=share0,path={self.folder}/one,security_model=none,multidevs=remap,readonly=on",
                f"local,id=share1,path={self.folder}/two,, with: a comma,security_model=none,multidevs=remap",
            ],
        )
        self.assertIn("virtio-9p-device,fsdev=share1,mount_tag=share1", words)
        record = (self.folder / "cpio").read_bytes()
        self.assertIn(b"\0share=share0:ro:/data\0share=share1:rw:/a/b\0", record)

    def daemon(self, script: str) -> None:
        file = self.folder / "bin/virtiofsd"
        file.write_text(f"#!{sys.executable}\nimport os, socket, sys, time\n{script}\n")
        file.chmod(0o755)

    def test_virtiofsd_serves_what_may_be_written_and_ends_with_the_machine(self):
        for name in ("one", "two, with: a comma"):
            (self.folder / name).mkdir()
        self.daemon(
            "open(os.environ['FOLDER'] + '/daemon', 'w').write('\\n'.join([str(os.getpid()), *sys.argv]))\n"
            "fd = next(int(w[5:]) for w in sys.argv if w.startswith('--fd='))\n"
            "socket.socket(fileno=fd).accept()[0].sendall(b'hello')\n"
            "time.sleep(600)"
        )
        self.qemu(
            "import socket\n"
            "open(os.environ['FOLDER'] + '/words', 'w').write('\\n'.join(sys.argv))\n"
            "path = next(w for w in sys.argv if w.startswith('socket,')).split('path=')[1]\n"
            "talk = socket.socket(socket.AF_UNIX); talk.connect(path); said = talk.recv(5)\n"
            "say(said + b'\\x1b]drupe;exit=0\\x1b\\\\')"
        )
        done = self.run_it("--share", "virtiofs", "-m", "300", "-v", f"{self.folder}/one:/data:ro", "-v",
                           f"{self.folder}/two, with: a comma:/a/b")  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (0, b"hello"))
        words = (self.folder / "words").read_text().split("\n")
        self.assertIn("virtio-9p-device,fsdev=share0,mount_tag=share0", words)
        self.assertIn("vhost-user-fs-pci,chardev=share1,tag=share1", words)
        self.assertIn("memory-backend-memfd,id=memory,size=300M,share=on", words)
        pid, *words = (self.folder / "daemon").read_text().split("\n")
        self.assertIn(f"source={self.folder}/two\\, with: a comma", words)
        self.assertFalse(Path(f"/proc/{pid}").exists(), "the server stayed")

    def test_a_virtiofsd_that_cannot_serve_says_why(self):
        (self.folder / "one").mkdir()
        options = ("--share", "virtiofs", "-v", f"{self.folder}/one:/data")
        self.qemu("print('qemu: Failed to connect', file=sys.stderr); sys.exit(1)")
        self.daemon("sys.exit('unshare: Operation not permitted')")
        self.assertIn(b"virtiofsd failed: unshare: Operation not permitted\n", self.run_it(*options).stderr)
        self.qemu(
            "import socket\n"
            "path = next(w for w in sys.argv if w.startswith('socket,')).split('path=')[1]\n"
            "talk = socket.socket(socket.AF_UNIX); talk.connect(path)\n"
            "time.sleep(600)"
        )
        self.daemon(
            "fd = next(int(w[5:]) for w in sys.argv if w.startswith('--fd='))\n"
            "talk = socket.socket(fileno=fd).accept()\n"
            "sys.exit(3)"
        )
        done = self.run_it(*options)  # it dies while the machine runs
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"virtiofsd failed: it ended with status 3\n", done.stderr)
        (self.folder / "bin/virtiofsd").unlink()
        self.environment["PATH"] = f"{self.folder}/bin"
        self.assertIn(b"virtiofsd is missing: apt install", self.run_it(*options).stderr)

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
            words = [sys.executable, "-c", COMMAND, "run", "--kernel", __file__, name]
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
        words = [sys.executable, "-c", COMMAND, "run", "--kernel", __file__]
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
        words = [sys.executable, "-c", COMMAND, "run", "--kernel", __file__]
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
            COMMAND,
            "run",
            "--kernel",
            __file__,
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
            COMMAND,
            "run",
            "--kernel",
            __file__,
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
            COMMAND,
            "run",
            "--kernel",
            __file__,
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
            COMMAND,
            "run",
            "--kernel",
            __file__,
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
