#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The checks of tools/check find what they are for, and the tree as it is passes them."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
CHECKS = ROOT / "tools/check"


def check(name: str, root: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(CHECKS / name), str(root)], capture_output=True, text=True)


class Checks(unittest.TestCase):
    def planted(self, name: str, path: str, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / path
            file.parent.mkdir(parents=True)
            file.write_text(text)
            result = check(name, Path(folder))
            self.assertEqual(result.returncode, 1, result.stdout)
            return result.stdout

    def test_the_tree_obeys_its_layers(self):
        result = check("check_layers.py", ROOT)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_the_kernel_names_no_program(self):
        result = check("check_names.py", ROOT)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_an_include_upwards_is_found(self):
        self.assertIn("mm may not include <drupe/vfs/file.h> of vfs",
                      self.planted("check_layers.py", "src/kernel/mm/frames.cc", "#include <drupe/vfs/file.h>\n"))

    def test_the_kernel_may_not_see_drivers(self):
        self.assertIn("drivers", self.planted("check_layers.py", "src/kernel/init/x.cc",
                                              "#include <drupe/drivers/device.h>\n"))

    def test_a_file_outside_all_rooms_is_found(self):
        self.assertIn("lies in no room", self.planted("check_layers.py", "src/misc/x.h", ""))

    def test_an_unknown_header_is_found(self):
        self.assertIn("belongs to no room", self.planted("check_layers.py", "src/base/x.h",
                                                         "#include <drupe/nowhere/x.h>\n"))

    def test_a_program_name_is_found(self):
        self.assertIn("src/kernel/x.cc:2: names Redis",
                      self.planted("check_names.py", "src/kernel/x.cc", "// nothing\n// as Redis wants it\n"))

    def test_an_empty_tree_is_no_success(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(check("check_layers.py", Path(folder)).returncode, 1)
            self.assertEqual(check("check_names.py", Path(folder)).returncode, 1)


if __name__ == "__main__":
    unittest.main()
