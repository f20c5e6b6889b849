# SPDX-License-Identifier: BSD-2-Clause
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from drupe import debtree, image, main, pack, programs, qemu, start
from drupe.errors import UserError


class Scratch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.enterContext(
            mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder / "cache")})
        )


class StartRecord(unittest.TestCase):
    def test_records_end_with_nul_and_carry_any_other_byte(self):
        nasty = os.fsdecode(bytes(range(1, 256)))
        record = start.Start(
            ["p", nasty, ""], {"K": "a=b\n"}, "/w", 1, 2, "tty", "raw", 24, 80
        ).encode()
        self.assertEqual(
            record.split(b"\0"),
            [
                b"arg=p",
                b"arg=" + bytes(range(1, 256)),
                b"arg=",
                b"env=K=a=b\n",
                b"cwd=/w",
                b"uid=1",
                b"gid=2",
                b"stdin=tty",
                b"stdout=raw",
                b"rows=24",
                b"cols=80",
                b"",
            ],
        )

    def test_no_terminal_no_size(self):
        self.assertNotIn(b"rows", start.Start(["p"]).encode())

    def test_what_cannot_be_said_is_refused(self):
        for bad in (
            start.Start([]),
            start.Start([""]),
            start.Start(["p"], cwd="tmp"),
            start.Start(["p", "a\0b"]),
        ):
            with self.assertRaises(UserError):
                bad.encode()

    def test_the_environment_has_defaults_values_and_what_is_passed_on(self):
        with mock.patch.dict(os.environ, {"TERM": "vt100", "HERE": "x"}):
            found = start.environment(["A=1=2", "HERE", "NOWHERE", "HOME="])
        self.assertEqual(
            found, {"PATH": start.PATH, "HOME": "", "TERM": "vt100", "A": "1=2", "HERE": "x"}
        )
        with self.assertRaises(UserError):
            start.environment(["=x"])


def deb_with(folder: Path, name: str, members: list, script: str = "") -> Path:
    """A real .deb with these (TarInfo, bytes), put together by hand: an ar archive of three."""

    def tar_of(entries) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            for info, data in entries:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()

    control = [
        (
            tarfile.TarInfo("./control"),
            f"Package: {name}\nVersion: 1\nArchitecture: arm64\nMaintainer: n\nDescription: d\n".encode(),
        )
    ]
    if script:
        control.append((tarfile.TarInfo("./postinst"), script.encode()))
    file = folder / f"{name}_1_arm64.deb"
    with open(file, "wb") as f:
        f.write(b"!<arch>\n")
        for member, data in (
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", tar_of(control)),
            ("data.tar.gz", tar_of(members)),
        ):
            f.write(
                f"{member:<16}{0:<12}{0:<6}{0:<6}{0o100644:<8o}{len(data):<10}`\n".encode()
                + data
                + (b"\n" if len(data) % 2 else b"")
            )
    return file


def member(name: str, kind=tarfile.REGTYPE, mode=0o644, owner=(0, 0), target="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.mtime = kind, mode, target, 1000
    info.uid, info.gid = owner
    return info, data


@unittest.skipUnless(shutil.which("dpkg-deb"), "no dpkg on this machine")
class Unpacking(Scratch):
    def tree(self, *members, script=""):
        tree = debtree.Tree(self.folder / "tree")
        tree.unpack(deb_with(self.folder, "p", list(members), script))
        return tree

    def test_the_old_folders_end_up_in_usr_and_modes_stay(self):
        tree = self.tree(
            member("./", tarfile.DIRTYPE, 0o755),
            member("./bin/", tarfile.DIRTYPE, 0o755),
            member("./bin/tool", mode=0o4755, data=b"x"),
            member("./lib/aarch64-linux-gnu/", tarfile.DIRTYPE, 0o755),
            member("./lib/aarch64-linux-gnu/l", tarfile.SYMTYPE, target="/bin/tool"),
            member("./bin/again", tarfile.LNKTYPE, target="./bin/tool"),
        )
        self.assertTrue((tree.root / "bin").is_symlink())
        self.assertEqual((tree.root / "usr/bin/tool").stat().st_mode & 0o7777, 0o4755)
        self.assertEqual((tree.root / "usr/bin/tool").stat().st_mtime, 1000)
        self.assertTrue((tree.root / "usr/bin/again").samefile(tree.root / "usr/bin/tool"))
        self.assertEqual(os.readlink(tree.root / "usr/lib/aarch64-linux-gnu/l"), "/bin/tool")

    def test_what_the_host_cannot_hold_becomes_lines(self):
        tree = self.tree(
            member("./etc/s", mode=0o000, owner=(0, 42), data=b"x"),
            member("./dev/n", tarfile.CHRTYPE, 0o666),
        )
        tree.complete()
        tree.close()
        self.assertIn("/etc/s: %attr mode=0000", tree.lines)
        self.assertIn("/etc/s: %attr owner=0:42", tree.lines)
        self.assertIn("/dev/n: %char 0:0 mode=0666 owner=0:0", tree.lines)
        self.assertTrue((tree.root / "etc/ld.so.cache").exists())
        self.assertEqual((tree.root / "tmp").stat().st_mode & 0o7777, 0o1777)

    def test_a_package_cannot_write_outside_of_its_tree(self):
        with self.assertRaises(UserError):
            self.tree(member("./../escaped", data=b"x"))
        shutil.rmtree(self.folder / "tree")
        tree = self.tree(
            member("./out", tarfile.SYMTYPE, target="../../.."), member("./out/file", data=b"x")
        )
        self.assertTrue((tree.root / "file").exists())

    def test_files_of_the_system_are_made_only_as_far_as_missing(self):
        tree = self.tree(
            member("./etc/hosts", data=b"mine\n"),
            member("./usr/share/base-passwd/passwd.master", data=b"root:*:0:0:::\n"),
        )
        tree.complete()
        self.assertEqual((tree.root / "etc/hosts").read_text(), "mine\n")
        self.assertEqual((tree.root / "etc/passwd").read_text(), "root:*:0:0:::\n")
        self.assertIn("nogroup", (tree.root / "etc/group").read_text())

    def test_a_damaged_package_is_one_sentence(self):
        file = deb_with(self.folder, "p", [member("./a", data=bytes(100000))])
        file.write_bytes(file.read_bytes()[:-60])
        with self.assertRaisesRegex(UserError, "p_1_arm64.deb cannot be unpacked"):
            debtree.Tree(self.folder / "t").unpack(file)

    def test_a_package_with_a_script_is_known(self):
        self.assertTrue(debtree.has_script(deb_with(self.folder, "q", [], "#!/bin/sh\n")))
        self.assertFalse(debtree.has_script(deb_with(self.folder, "p", [])))


class Programs(Scratch):
    def test_every_file_of_the_project_is_valid(self):
        for file in programs.FOLDER.glob("*.toml"):
            self.assertTrue(programs.load(file.stem).describe(), file)

    def test_users_folders_alternatives_and_files_are_made(self):
        root, owners = self.folder / "r", {}
        (root / "etc").mkdir(parents=True)
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        program = programs.parse(
            "p",
            """
            command = ["p", "-x"]
            [[group]]
            name = "g"
            gid = 7
            [[user]]
            name = "u"
            uid = 6
            gid = 7
            [[folder]]
            path = "/var/lib/p"
            mode = "0750"
            owner = "6:7"
            [[alternative]]
            name = "a"
            link = "/usr/bin/a"
            target = "/usr/bin/a1"
            [[file]]
            path = "/etc/p.conf"
            text = "t\\n"
            [[file]]
            path = "/etc/p2.conf"
            copy = "/etc/p.conf"
        """,
        )
        programs.apply(program, root, owners)
        self.assertIn("u:x:6:7::/nonexistent:/usr/sbin/nologin", (root / "etc/passwd").read_text())
        self.assertIn("g:x:7:", (root / "etc/group").read_text())
        self.assertEqual(owners, {"/var/lib/p": "6:7"})
        self.assertEqual(os.readlink(root / "usr/bin/a"), "/etc/alternatives/a")
        self.assertEqual((root / "etc/p2.conf").read_text(), "t\n")

    def test_mistakes_are_named(self):
        for text, said in (
            ("comand = []", "unknown key 'comand'"),
            ("[[user]]\nname='x'", "'user' needs 'uid'"),
            ("[[file]]\npath='/x'", "either 'text' or 'copy'"),
            ("x", "programs/p.toml"),
            ("[[folder]]\npath='x/y'", "absolute path"),
            ("[[folder]]\npath='/../y'", "absolute path"),
            ("command = 'x'", "'command' should be a list"),
            ("command = [1]", "'command' should be a string"),
            ("[env]\nA = true", "'env.A' should be a string"),
            ("[[folder]]\npath = '/x'\nmode = 'rwx'", "octal mode"),
            ("[[file]]\npath = '/x'\ntext = ''\nowner = 'root'", "UID:GID"),
        ):
            with self.assertRaisesRegex(UserError, said):
                programs.parse("p", text)


class Resolving(Scratch):
    def test_what_is_no_image_says_why(self):
        (self.folder / "text").write_text("hello")
        for spec, said in (
            ("nosuch", "there is no image"),
            (str(self.folder / "text"), "neither a folder nor a program"),
            ("deb:", "name of a package"),
            ("deb:../x", "no name of a Debian package"),
        ):
            with self.assertRaisesRegex(UserError, said):
                image.resolve(spec)
        with self.assertRaisesRegex(UserError, "--rootfs goes with an ELF file"):
            image.resolve("deb:x", "/")

    def test_a_manifest_gives_files_command_and_environment(self):
        with mock.patch.object(image, "MANIFESTS", self.folder):
            (self.folder / "m.toml").write_text(
                'command = ["/x", "y"]\nmemory = "64"\nfiles = "/x: %{manifests}/f\\n"\n[env]\nA = "1"\n'
            )
            found = image.resolve("m")
            self.assertEqual(
                (found.command, found.environment, found.memory), (["/x", "y"], {"A": "1"}, "64")
            )
            self.assertIn("/lib: %symlink usr/lib", found.files)
            for text, said in (
                (b"colour = 1\n", "unknown key 'colour'"),
                (b"uid = -1\n", "'uid' should be from 0"),
                (b"gid = 4294967295\n", "'gid' should be from 0"),
                (b"[[", "m.toml: "),
                (b"note = '\xff'\n", "m.toml: 'utf-8' codec"),
            ):
                (self.folder / "m.toml").write_bytes(text)
                with self.assertRaisesRegex(UserError, said):
                    image.resolve("m")

    @unittest.skipUnless(shutil.which("aarch64-linux-gnu-gcc"), "no cross compiler")
    def test_a_program_brings_its_interpreter_and_libraries(self):
        (self.folder / "a.c").write_text(
            "#include <math.h>\nint main(int n, char** v) { return (int)sin(n); }\n"
        )
        program = self.folder / "a"
        subprocess.run(
            ["aarch64-linux-gnu-gcc", "-o", program, self.folder / "a.c", "-lm"], check=True
        )
        found = image.resolve(str(program))
        for name in (
            "/lib/ld-linux-aarch64.so.1: ",
            "/lib/aarch64-linux-gnu/libm.so.6: ",
            "/lib/aarch64-linux-gnu/libc.so.6: ",
            "/etc/ld.so.cache: ",
            f"{program}: ",
        ):
            self.assertIn("\n" + name, found.files)
        self.assertEqual(found.command, [str(program)])

    def test_a_program_of_our_libc_brings_that(self):
        libraries = self.folder / "lib"
        (self.folder / "a.c").write_text("int main(void) { return 0; }\n")
        program = self.folder / "a"
        build = ["aarch64-linux-gnu-gcc", "-Wl,-dynamic-linker,/lib/ld-musl-aarch64.so.1", "-o"]
        subprocess.run([*build, program, self.folder / "a.c"], check=True)
        with mock.patch.object(image, "MUSL_LIBRARIES", libraries):
            with self.assertRaisesRegex(UserError, "not built yet"):
                image.resolve(str(program))
            libraries.mkdir()
            shutil.copy(program, libraries / "libc.so")  # any ELF file does
            (libraries / "ld-musl-aarch64.so.1").symlink_to("libc.so")
            lines = image.resolve(str(program)).files.splitlines()
        self.assertIn(f"/lib/ld-musl-aarch64.so.1: {libraries / 'libc.so'}", lines)
        # It is the libc as well, and nothing of the other one comes with it.
        self.assertFalse([line for line in lines if "aarch64-linux-gnu" in line and ".so" in line])


class CommandLine(unittest.TestCase):
    def test_memory_leaves_room_beside_the_image(self):
        self.assertEqual(qemu.memory_for(0), 256)
        self.assertEqual(qemu.memory_for(60 << 20), 256)
        for mib in (64, 100, 500, 1500):
            self.assertGreaterEqual(qemu.memory_for(mib << 20) - max(128, 0) - mib, 64)

    def test_the_default_memory_is_always_enough_for_qemu(self):
        self.assertEqual(
            (qemu.least_memory(0), qemu.least_memory(700 << 10)), (3, 5)
        )  # as QEMU 7.2 has it
        for mib in range(0, 3000, 37):
            self.assertLessEqual(qemu.least_memory(mib << 20), qemu.memory_for(mib << 20))

    def test_values_may_begin_with_a_dash_and_the_command_is_left_alone(self):
        _, args = main._parse(
            [
                "run",
                "--qemu-arg",
                "-icount",
                "--kernel-arg",
                "--",
                "-e",
                "-x=1",
                "-m64",
                "img",
                "cmd",
                "-q",
                "--",
                "-m",
            ]
        )
        self.assertEqual(
            (args.qemu_args, args.kernel_args, args.env, args.memory),
            (["-icount"], ["--"], ["-x=1"], "64"),
        )
        self.assertEqual(
            (args.image, args.command, args.quiet), ("img", ["cmd", "-q", "--", "-m"], False)
        )

    def test_a_copy_is_checked(self):
        self.assertEqual(pack._copy_line("/etc/hosts:/a b"), "/a\\x20b: /etc/hosts\n")
        for bad in ("x", "/etc/hosts:rel", ":/x", "/nonexistent:/x"):
            with self.assertRaises(UserError):
                pack._copy_line(bad)


if __name__ == "__main__":
    unittest.main()
