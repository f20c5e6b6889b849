# SPDX-License-Identifier: BSD-2-Clause
import contextlib
import io
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from drupe import cmd_build, errors, image, main, pack

MKZFS = Path(os.environ["MKZFS"])


class ZfsImages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "kernel").write_bytes(b"kernel" * 1000)
        for patch in (
            mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder / "cache")}),
            mock.patch.object(cmd_build, "build"),
            mock.patch.object(cmd_build, "KERNEL", self.folder / "kernel"),
            mock.patch.object(cmd_build, "target_of", lambda file: file),
            mock.patch.object(pack, "MKZFS", MKZFS),
        ):
            self.enterContext(patch)

    def drupe(self, *words):
        """(status, what went to stdout, what went to stderr)."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main.main([str(w) for w in words])
        return status, out.getvalue(), err.getvalue()

    def built(self, *words):
        status, _, said = self.drupe("build", *words)
        self.assertEqual((status, said), (0, ""))

    def mkzfs(self, *words):
        return subprocess.run([MKZFS, *words], check=True, capture_output=True).stdout

    def tree(self):
        tree = self.folder / "tree"
        (tree / "bin").mkdir(parents=True)
        (tree / "bin/p").write_text("program")
        return tree

    def test_a_folder_becomes_a_pool_with_what_is_to_run(self):
        pool, extra = self.folder / "out.zfs", self.folder / "extra"
        extra.write_text("more")
        self.built("-o", pool, "-e", "K=v", "--copy", f"{extra}:/etc/x", self.tree(), "/bin/p", "1")
        self.mkzfs("--check", pool)
        self.assertEqual(self.mkzfs("--cat", pool, "drupe", "bin/p"), b"program")
        self.assertEqual(self.mkzfs("--cat", pool, "drupe", "etc/x"), b"more")
        record = self.mkzfs("--cat", pool, "drupe", ".drupe/start").split(b"\0")
        self.assertEqual([r for r in record if r.startswith(b"arg=")], [b"arg=/bin/p", b"arg=1"])
        self.assertIn(b"env=K=v", record)
        self.assertEqual(sorted(os.listdir(self.folder)), ["extra", "kernel", "out.zfs", "tree"])

    def test_a_cached_tree_goes_in_with_its_lines_and_links(self):
        cached = self.folder / "cached"
        (cached / "rootfs/usr/lib").mkdir(parents=True)
        (cached / "rootfs/lib").symlink_to("usr/lib")
        (cached / "lines").write_text("/usr/lib: %attr owner=0:42\n/dev/null: %char 1:3 mode=0666\n")
        found = image.Image("deb:p", tree=cached, files="/lib/l: %symlink x\n")
        pool = self.folder / "pool"
        pack.pack_zfs(found, None, [], self.folder, [MKZFS, "-o", pool])
        listed = self.mkzfs("--list", pool, "drupe").decode()
        for words in (" 0:42 n2 ", " /dev/null 1:3", " /usr/lib/l -> x", " /lib -> usr/lib"):
            self.assertIn(words, listed)

    @unittest.skipUnless(shutil.which("aarch64-linux-gnu-gcc"), "no cross compiler")
    def test_a_program_and_a_manifest_become_pools(self):
        (self.folder / "a.c").write_text("int main(void) { return 0; }\n")
        program = self.folder / "a"
        subprocess.run(["aarch64-linux-gnu-gcc", "-o", program, self.folder / "a.c"], check=True)
        self.built(program, "-o", self.folder / "p", "--format", "zfs")
        self.assertEqual(self.mkzfs("--cat", self.folder / "p", "drupe", program), program.read_bytes())
        self.assertIn(b"/ld-linux-aarch64.so.1", self.mkzfs("--list", self.folder / "p", "drupe"))
        with mock.patch.object(image, "MANIFESTS", self.folder):
            (self.folder / "m.toml").write_text('command = ["/x"]\nfiles = "/x: %{manifests}/a\\n"\n')
            self.built("-o", self.folder / "m.zfs", "--mkzfs-arg", "-pother", "m")
        self.assertEqual(self.mkzfs("--cat", self.folder / "m.zfs", "other", "x"), program.read_bytes())

    def test_a_disk_has_the_kernel_and_arguments_that_can_be_changed(self):
        disk = self.folder / "out.disk"
        self.built(self.tree(), "-o", disk, "--kernel-arg", "quiet", "--kernel-arg", "norandmaps", "/bin/p", "-o")
        self.mkzfs("--check", disk)
        with open(disk, "rb") as f:
            f.seek(1 << 20)
            self.assertEqual(f.read(6000), b"kernel" * 1000)
        self.assertEqual(self.drupe("image", "get-args", disk), (0, "quiet norandmaps\n", ""))
        self.assertEqual(self.drupe("image", "set-args", disk, "console=ttyAMA0", "-q"), (0, "", ""))
        self.assertEqual(self.drupe("image", "get-args", disk), (0, "console=ttyAMA0 -q\n", ""))
        self.assertEqual(self.drupe("image", "set-args", disk), (0, "", ""))
        self.assertEqual(self.drupe("image", "get-args", disk), (0, "\n", ""))
        self.mkzfs("--check", disk)

    def test_bad_input_is_one_sentence_and_leaves_nothing(self):
        pool = self.folder / "out.zfs"
        before = sorted(os.listdir(self.folder))
        for words in (
            ["build", "-o", pool, "nosuch"],
            ["build", "-o", pool, self.folder / "kernel"],
            ["image", "get-args", self.folder / "kernel"],
            ["image", "get-args", self.folder / "absent"],
            ["image", "set-args", self.folder / "kernel", "x" * 70000],
        ):
            status, out, said = self.drupe(*words)
            self.assertEqual((status, out, said.count("\n")), (errors.OUR_ERROR, "", 1), said)
        status, _, said = self.drupe("build", "-o", pool, "--mkzfs-arg", "-cbrotli", self.tree())
        self.assertEqual(status, errors.OUR_ERROR)
        self.assertIn("'brotli'", said)
        self.assertEqual(sorted(set(os.listdir(self.folder)) - {"cache", "tree"}), before)


if __name__ == "__main__":
    unittest.main()
