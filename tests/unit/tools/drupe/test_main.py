# SPDX-License-Identifier: BSD-2-Clause
"""How a command line is read."""
import contextlib
import io
import unittest

from drupe import main


class CommandLines(unittest.TestCase):
    def parse(self, *words):
        return main._parse(list(words))[1]

    def test_a_value_may_look_like_anything(self):
        for option, field in (("-e", "env"), ("--qemu-arg", "qemu_args"), ("--kernel-arg", "kernel_args")):
            for value in ("", "=", "=x", "-x", "--", "-", "--help", "a b", "-e=1"):
                args = self.parse("run", option, value, "-q", "image", "prog")
                self.assertEqual((getattr(args, field), args.quiet), ([value], True), (option, value))
                self.assertEqual((args.image, args.command), ("image", ["prog"]))

    def test_what_follows_the_image_of_a_run_belongs_to_the_program(self):
        args = self.parse("run", "-q", "image", "prog", "-q", "-m", "5", "--", "x", "")
        self.assertEqual(args.command, ["prog", "-q", "-m", "5", "--", "x", ""])
        self.assertIsNone(args.memory)

    def test_an_image_may_be_built_with_options_before_and_behind_it(self):
        for words in (("-o", "f", "-e", "A=b", "image"), ("image", "-o", "f", "-e", "A=b"), ("-o", "f", "image", "-e", "A=b")):
            for command in ([], ["prog", "-o", "x"]):
                args = self.parse("build", *words, *command)
                self.assertEqual((args.output, args.env, args.image, args.command), ("f", ["A=b"], "image", command))
        self.assertIsNone(self.parse("build").image)

    def test_what_cannot_be_written_is_said_before_anything_is_built(self):
        for output, sentence in (("/", "this is a folder"), ("/nonexistent/x.img", "/nonexistent is no folder")):
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(main.main(["build", "image", "-o", output]), 125)
            self.assertIn(sentence, said.getvalue())

    def test_every_command_has_help_that_names_it(self):
        for name in main.COMMANDS:
            said = io.StringIO()
            with contextlib.redirect_stdout(said), self.assertRaises(SystemExit) as e:
                main._parse([name, "--help"])
            self.assertEqual(e.exception.code, 0)
            self.assertIn(f"usage: ./drupe {name}", said.getvalue())


if __name__ == "__main__":
    unittest.main()
