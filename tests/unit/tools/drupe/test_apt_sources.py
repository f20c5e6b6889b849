# SPDX-License-Identifier: BSD-2-Clause
import tempfile
import unittest
from pathlib import Path

from drupe import apt_sources
from drupe.apt_sources import Source


class OneLine(unittest.TestCase):
    def test_an_entry_gives_address_suite_and_components(self):
        self.assertEqual(
            apt_sources.parse_one_line("deb http://h/debian bookworm main contrib # x\n"),
            [Source("http://h/debian", ("bookworm",), ("main", "contrib"))],
        )

    def test_options_that_carry_trust_are_kept_and_those_of_the_machine_dropped(self):
        text = "deb [arch=amd64 signed-by=/k/a.gpg,/k/b.gpg lang=de trusted=yes] http://h/debian trixie main"
        self.assertEqual(
            apt_sources.parse_one_line(text)[0].options,
            (("Signed-By", "/k/a.gpg /k/b.gpg"), ("Trusted", "yes")),
        )

    def test_comments_sources_and_noise_are_no_entries(self):
        self.assertEqual(
            apt_sources.parse_one_line(
                "# deb http://h/debian bookworm main\ndeb-src http://h/debian bookworm main\n\nrubbish\ndeb http://h\n"
            ),
            [],
        )


class Deb822(unittest.TestCase):
    def test_a_stanza_gives_one_source_for_each_address(self):
        text = (
            "Types: deb deb-src\n# a comment inside\nURIs: http://a/debian\n http://b/debian\n"
            "Suites: bookworm bookworm-updates\nComponents: main\n"
        )
        self.assertEqual(
            [s.uri for s in apt_sources.parse_deb822(text)], ["http://a/debian", "http://b/debian"]
        )
        self.assertEqual(apt_sources.parse_deb822(text)[0].suites, ("bookworm", "bookworm-updates"))

    def test_a_key_written_into_the_stanza_survives(self):
        text = (
            "Types: deb\nURIs: http://a/debian\nSuites: sid\nComponents: main\nSigned-By:\n"
            " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n"
        )
        (source,) = apt_sources.parse_deb822(text)
        self.assertEqual(apt_sources.parse_deb822(source.stanza())[0].options, source.options)
        self.assertIn("\n .\n mQINBF\n", source.stanza())

    def test_disabled_and_source_only_stanzas_do_not_count(self):
        base = "URIs: http://a/debian\nSuites: sid\nComponents: main\n"
        self.assertEqual(apt_sources.parse_deb822("Types: deb\nEnabled: no\n" + base), [])
        self.assertEqual(apt_sources.parse_deb822("Types: deb-src\n" + base), [])
        self.assertEqual(
            len(
                apt_sources.parse_deb822(
                    "Types: deb\nEnabled: yes\n" + base + "\n\n" + "Types: deb\n" + base
                )
            ),
            2,
        )


class Debian(unittest.TestCase):
    def test_debians_archives_and_their_mirrors_are_recognised(self):
        for uri, suite in (
            ("http://deb.debian.org/debian", "bookworm"),
            ("http://mirror.example/debian/", "trixie-updates"),
            ("http://deb.debian.org/debian-security", "bookworm-security"),
            ("http://snapshot.debian.org/archive/debian/20250520T000000Z", "bookworm"),
            ("mirror+file:/etc/debian-mirrors.txt", "stable"),
            ("http://security.debian.org", "buster/updates"),
        ):
            self.assertTrue(Source(uri, (suite,), ("main",)).is_debian(), uri)

    def test_third_parties_are_not(self):
        for uri, suite, component in (
            ("https://download.docker.com/linux/debian", "bookworm", "stable"),
            ("https://apt.postgresql.org/pub/repos/apt", "bookworm-pgdg", "main"),
            ("https://deb.nodesource.com/node_20.x", "nodistro", "main"),
            ("https://packages.cloud.google.com/apt", "cloud-sdk-bookworm", "main"),
            ("http://archive.ubuntu.com/ubuntu", "jammy", "main"),
        ):
            self.assertFalse(Source(uri, (suite,), (component,)).is_debian(), uri)

    def test_the_private_sources_add_deb_src_and_contrib_and_keep_the_key(self):
        source = Source("http://h/debian", ("bookworm",), ("main",), (("Signed-By", "/k.gpg"),))
        self.assertEqual(
            apt_sources.debian_sources_text([source]),
            "Types: deb deb-src\nURIs: http://h/debian\nSuites: bookworm\n"
            "Components: main contrib\nSigned-By: /k.gpg\n",
        )

    def test_a_machine_with_both_formats_gives_each_archive_once(self):
        with tempfile.TemporaryDirectory() as folder:
            etc = Path(folder)
            (etc / "sources.list.d").mkdir()
            (etc / "sources.list").write_text(
                "deb http://h/debian bookworm main\ndeb http://h/debian bookworm main\n"
            )
            (etc / "sources.list.d/x.sources").write_text(
                "Types: deb\nURIs: http://s/debian-security\nSuites: bookworm-security\nComponents: main\n"
            )
            (etc / "sources.list.d/y.sources.disabled").write_text(
                "Types: deb\nURIs: http://z\nSuites: x\nComponents: main\n"
            )
            self.assertEqual(
                [s.uri for s in apt_sources.machine_sources(etc)],
                ["http://h/debian", "http://s/debian-security"],
            )


if __name__ == "__main__":
    unittest.main()
