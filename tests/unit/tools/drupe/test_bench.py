# SPDX-License-Identifier: BSD-2-Clause
import unittest

from drupe import bench_machine, bench_report as report, bench_scaling as scaling
from drupe.errors import UserError
from drupe.places import ROOT

CONSOLE = """drupe: a line of the kernel
BENCH-START scale 1 group cpu\r
W getpid\r
T getpid\r
B getpid                            96.0      20000\r
W sched_yield\r
E t_cpu:7 sched_yield() errno 38\r
BENCH-END\r
"""
NM = """0000000000001000 A size
0000000000002000 T first
0000000000002010 t $x
0000000000002020 t second(int, char const*)
0000000000002030 d data
0000000000003000 D the_end
"""


class TheConsole(unittest.TestCase):
    def test_results_errors_and_the_end_are_found(self):
        output = report.parse(CONSOLE)
        self.assertEqual(output.results, {"getpid": (96.0, 20000)})
        self.assertEqual(output.begun, ["getpid", "sched_yield"])
        self.assertEqual(output.errors, ["t_cpu:7 sched_yield() errno 38"])
        self.assertTrue(output.finished)

    def test_a_line_cut_short_is_no_result(self):
        cut = CONSOLE[: CONSOLE.index("20000") + 2]
        self.assertEqual(report.parse(cut).results, {})
        self.assertEqual(report.parse("BENCH-END").finished, False)

    def test_what_the_kernel_says_between_hides_nothing(self):
        log = "\x1b]drupe;log;system call socket (198) is not implemented\nand more\x1b\\"
        for at in (CONSOLE.index("W getpid"), CONSOLE.index("B getpid"), CONSOLE.index("20000") + 2):
            self.assertEqual(report.parse(CONSOLE[:at] + log + CONSOLE[at:]), report.parse(CONSOLE))

    def test_lines_of_another_form_are_passed_over(self):
        for line in ("B getpid 96.0", "B getpid x 1", "B getpid -1.0 5", "xB getpid 1.0 5", "B a 1 2 3"):
            self.assertEqual(report.parse(line + "\n").results, {}, line)


class TheStrings(unittest.TestCase):
    def test_a_function_is_missed_above_its_limit_or_without_a_figure(self):
        ours, theirs = {"strlen_64": 110, "memchr_65536": 111, "strcpy_64": 5}, {"strlen_64": 100, "memchr_65536": 100}
        lines = [line.split() for line in report.strings_table(ours, theirs, 1.1).splitlines()[1:]]
        self.assertEqual(lines[0], ["strlen,", "64", "110", "100", "1.10"])
        self.assertEqual(lines[1], ["memchr,", "65,536", "111", "100", "1.11", "MISSED"])
        self.assertEqual(lines[2], ["strcpy,", "64", "5", "missing", "MISSED"])


class TheScaling(unittest.TestCase):
    def test_rounds_become_least_median_and_most_and_none_is_said(self):
        rounds = dict.fromkeys(scaling.TESTS, [2.0, 1.5, 1.0]) | {"mutex": []}
        lines = scaling.table({"here": rounds}).splitlines()
        self.assertEqual(lines[1].split()[-3:], ["1.00", "1.50", "2.00"])
        self.assertEqual(lines[-1].split()[-1], "missing")


class TheTable(unittest.TestCase):
    ROWS = [report.Row("a", "A", 100), report.Row("b", "B", 100), report.Row("c", "C")]

    def line(self, title: str, here: dict, there) -> list:
        lines = report.table(self.ROWS, here, there).splitlines()
        return next(line.split() for line in lines if line.split()[0] == title)

    def test_a_limit_is_met_or_missed(self):
        here, there = {"a": 100, "b": 101.0}, {"a": 400, "b": 50.5}
        self.assertEqual(self.line("A", here, there), ["A", "100", "400", "0.25", "100"])
        self.assertEqual(self.line("B", here, there), ["B", "101", "50.5", "2.00", "100", "MISSED"])

    def test_a_share_of_linux_is_a_limit_where_there_is_a_linux(self):
        row = report.Row("s", "S", of_linux=60)
        self.assertFalse(report.missed(row, 60, 100))
        self.assertTrue(report.missed(row, 61, 100))
        self.assertFalse(report.missed(row, 61))
        self.assertTrue(report.missed(row, None, 100))
        self.assertIn("0.60 of Linux  MISSED", report.table([row], {"s": 61}, {"s": 100}))
        self.assertNotIn("MISSED", report.table([row], {"s": 61}, {}))

    def test_what_is_missing_is_said_and_hides_nothing(self):
        self.assertEqual(self.line("A", {"b": 1}, {}), ["A", "missing", "missing", "100", "MISSED"])
        self.assertEqual(self.line("B", {"b": 1}, {}), ["B", "1", "missing", "100"])
        self.assertEqual(self.line("C", {}, {"c": 5}), ["C", "missing", "5"])

    def test_without_an_opponent_there_is_no_column_for_it(self):
        self.assertNotIn("Linux", report.table(self.ROWS, {}, None))

    def test_what_has_no_limit_follows(self):
        rows = report.rows_for(self.ROWS, {"z": 1, "a": 2}, {"y": 1})
        self.assertEqual([row.name for row in rows], ["a", "b", "c", "z", "y"])


class TheLimits(unittest.TestCase):
    def test_the_file_is_well_formed_and_names_real_tests(self):
        folder = ROOT / "tests" / "bench"
        rows = report.limits((folder / "limits.toml").read_text(), "limits.toml")
        source = (folder / "bench.c").read_text()
        for row in rows:
            if row.to:
                self.assertIn(row.to, ("main", "exit"))
                self.assertTrue(row.image if row.command else row.libc, row.name)
            elif row.name not in ("boot_first_output", "boot_power_off", "least_memory", "image_bytes"):
                self.assertIn(f'"{row.test}"', source)
                printed = row.test if row.libc else row.name
                self.assertIn(f'"{printed}"', source)
        self.assertEqual(len({row.name for row in rows}), len(rows))

    def test_a_mistake_is_a_sentence(self):
        with self.assertRaisesRegex(UserError, "unknown key 'limt'"):
            report.limits('[[row]]\nname = "a"\ntitle = "A"\nlimt = 3\n', "limits.toml")


class TheProfile(unittest.TestCase):
    def test_blocks_are_summed_by_function(self):
        symbols = report.Symbols.of("k: ", NM, "the_end")
        blocks = "2000 8 5\n2018 8 7\n2020 4 100\n2fff 4 1\n9008 4 3\n"
        self.assertEqual(
            report.profile(blocks, [symbols]),
            [(101, "k: second(int, char const*)"), (12, "k: first"), (3, "[page 0x9000]")],
        )

    def test_the_table_shows_shares_and_the_top_only(self):
        lines = report.profile_table([(75, "f"), (25, "g")], 10, top=1).splitlines()
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[1].split(), ["100", "10.0", "100.0%", "all"])
        self.assertEqual(lines[2].split(), ["75", "7.5", "75.0%", "f"])


class TheArchive(unittest.TestCase):
    def test_it_is_newc_with_a_console_and_the_program(self):
        archive = bench_machine.init_archive(b"12345")
        self.assertEqual(len(archive) % 4, 0)
        at, found = 0, {}
        while at < len(archive):
            self.assertEqual(archive[at : at + 6], b"070701")
            fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
            name = archive[at + 110 : at + 110 + fields[11] - 1].decode()
            data = (at + 110 + fields[11] + 3) & ~3
            found[name] = (fields[1], archive[data : data + fields[6]], fields[9:11])
            at = (data + fields[6] + 3) & ~3
        self.assertEqual(found["init"], (0o100755, b"12345", [0, 0]))
        self.assertEqual(found["dev/console"], (0o020600, b"", [5, 1]))
        self.assertIn("TRAILER!!!", found)


if __name__ == "__main__":
    unittest.main()
