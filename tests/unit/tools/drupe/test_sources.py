# SPDX-License-Identifier: BSD-2-Clause
import hashlib
import io
import shutil
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from drupe import apt, machine, places, sources
from drupe.errors import UserError

ENTRY = {"debian": "own", "when": "build", "what": "a library"}
WITH_ALTERNATIVE = ENTRY | {
    "alternative": {"debian": "other", "what": "a copy", "folders": {"deep/lib": "lib"}}
}


def tarball(folder: Path, name: str, files: dict) -> Path:
    path = folder / name
    with tarfile.open(path, "w:gz") as tar:
        for inside, text in files.items():
            info = tarfile.TarInfo(f"{name.split('.')[0]}-1.0/{inside}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return path


class Fetching(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.subprojects = self.folder / "subprojects"
        (self.subprojects / "packagefiles/x").mkdir(parents=True)
        (self.subprojects / "packagefiles/x/meson.build").write_text("project('x')\n")
        self.served = {"own": tarball(self.folder, "own.tar.gz", {"lib/a.c": b"own"})}
        wrap = (
            "[wrap-file]\ndirectory = x-1\nsource_filename = x.tar.gz\npatch_directory = x\n"
            f"source_hash = {hashlib.sha256(self.served['own'].read_bytes()).hexdigest()}\n"
        )
        (self.subprojects / "x.wrap").write_text(wrap)
        self.said = []
        self.reason = ""

        def fetch_source(package, _):
            if package not in self.served:
                raise UserError(f"no {package} here{self.reason}")
            return self.served[package]

        for target, name, value in (
            (places, "SUBPROJECTS", self.subprojects),
            (places, "PACKAGE_CACHE", self.subprojects / "packagecache"),
            (places, "cache_dir", lambda: self.folder),
            (apt, "fetch_source", fetch_source),
        ):
            self.enterContext(mock.patch.object(target, name, value))

    def fetch(self, entry: dict) -> None:
        sources.fetch("x", entry, self.said.append)

    def test_the_tarball_goes_where_meson_looks(self):
        self.assertFalse(sources.is_there("x"))
        self.fetch(ENTRY)
        self.assertTrue(sources.is_there("x"))
        cached = self.subprojects / "packagecache/x.tar.gz"
        self.assertEqual(cached.read_bytes(), self.served["own"].read_bytes())
        cached.write_bytes(b"damaged")
        self.assertFalse(sources.is_there("x"))

    def test_another_version_is_refused(self):
        self.served["own"] = tarball(self.folder, "new.tar.gz", {"lib/a.c": b"new"})
        with self.assertRaisesRegex(UserError, "another version"):
            self.fetch(ENTRY)
        self.assertFalse(sources.is_there("x"))

    def test_where_the_source_is_not_served_the_alternative_fills_the_folder(self):
        del self.served["own"]
        with self.assertRaisesRegex(UserError, "no own here"):
            self.fetch(ENTRY)
        files = {"deep/lib/a.c": b"copy", "deep/lib/sub/b.c": b"no", "deep/library/c.c": b"no"}
        self.served["other"] = tarball(self.folder, "other.tar.gz", files)
        self.fetch(WITH_ALTERNATIVE)
        self.assertIn("taking a copy", self.said[0])
        found = sorted(str(f.relative_to(self.subprojects / "x-1")) for f in (self.subprojects / "x-1").rglob("*"))
        self.assertEqual(found, ["lib", "lib/a.c", "meson.build"])
        self.assertTrue(sources.is_there("x"))
        # Our own part changed: the folder is made again.
        (self.subprojects / "packagefiles/x/meson.build").write_text("project('x', 'c')\n")
        self.assertFalse(sources.is_there("x"))
        self.fetch(WITH_ALTERNATIVE)
        self.assertTrue(sources.is_there("x"))

    def test_a_mirror_without_the_source_is_no_alarm(self):
        del self.served["own"]
        self.served["other"] = tarball(self.folder, "other.tar.gz", {"deep/lib/a.c": b"copy"})
        self.reason = ": Failed to fetch http://mirror/own_1.orig.tar.xz  404  Not Found [IP: ::1 80]"
        self.fetch(WITH_ALTERNATIVE)
        self.assertEqual(self.said, ["the mirror has no source of own; taking a copy"])

    def test_the_real_source_takes_the_place_of_the_alternative(self):
        own = self.served.pop("own")
        self.served["other"] = tarball(self.folder, "other.tar.gz", {"deep/lib/a.c": b"copy"})
        self.fetch(WITH_ALTERNATIVE)
        self.served["own"] = own
        self.fetch(WITH_ALTERNATIVE)
        self.assertFalse((self.subprojects / "x-1").exists())
        self.assertTrue(sources.is_there("x"))

    def test_our_part_of_an_unpacked_source_is_renewed(self):
        overlay, unpacked = self.subprojects / "packagefiles/x", self.subprojects / "x-1"
        sources.renew_overlay("x")
        self.assertFalse(unpacked.exists())  # nothing is unpacked by it
        shutil.copytree(overlay, unpacked)
        (unpacked / "a.c").write_text("theirs")
        (overlay / "new").mkdir()
        (overlay / "new/b.py").write_text("more\n")
        (overlay / "meson.build").write_text("project('x', 'c')\n")
        sources.renew_overlay("x")
        self.assertEqual((unpacked / "meson.build").read_text(), "project('x', 'c')\n")
        self.assertEqual((unpacked / "new/b.py").read_text(), "more\n")
        self.assertEqual((unpacked / "a.c").read_text(), "theirs")

    def test_an_alternative_without_the_files_is_an_error(self):
        del self.served["own"]
        self.served["other"] = tarball(self.folder, "other.tar.gz", {"else": b""})
        with self.assertRaisesRegex(UserError, "has none of the folders"):
            self.fetch(WITH_ALTERNATIVE)


class Tables(unittest.TestCase):
    def test_every_source_that_the_build_needs_has_a_sound_wrap(self):
        for name, entry in sources.table("build").items():
            wrap = sources.Wrap.read(name)
            self.assertRegex(wrap.sha256, r"^[0-9a-f]{64}$")
            self.assertTrue((places.SUBPROJECTS / "packagefiles" / wrap.patch / "meson.build").exists())
            self.assertTrue(entry["debian"] and entry["what"])

    def test_every_package_has_a_purpose_and_a_file(self):
        found = machine.packages()
        self.assertGreater(len(found), 10)
        for package in found:
            self.assertTrue(package.purpose, package.name)
            self.assertTrue(package.file.startswith("/"), package.name)


if __name__ == "__main__":
    unittest.main()
