# SPDX-License-Identifier: BSD-2-Clause
"""Folders that `drupe run` shares, with scripts in the place of QEMU and virtiofsd."""
import sys
import unittest
from pathlib import Path

import run_case


@unittest.skipUnless(run_case.CAN_RUN, run_case.WHY_NOT)
class Folders(run_case.RunCase):
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


if __name__ == "__main__":
    unittest.main()
