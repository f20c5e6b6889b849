#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's programs keep their data in a folder of the host's, and the host reads it afterwards.

usage: shared_programs_test.py MACHINE CPUS ISOLATION SHARE

SHARE is how: what ./drupe run --share takes.
"""
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
machine, cpus, isolation, share = sys.argv[1:5]
flaws = []


def drupe(folder: Path, image: str, words: list, copy: tuple = ()) -> list:
    command = [ROOT / "drupe", "run", "-q", "--machine", machine, "--cpus", cpus, "--isolation", isolation]
    command += ["--timeout", "400", "--share", share, "-v", f"{folder}:/data", *(f"--copy={pair}" for pair in copy)]
    done = subprocess.run([*command, image, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=460)
    return [*done.stdout.splitlines(), f"status {done.returncode}"]


def expect(what: str, got, due) -> None:
    if got != due:
        flaws.append(f"{what}: {got!r} instead of {due!r}")


def test_sqlite(folder: Path) -> None:
    """The same script twice: with a rollback journal, and with a write-ahead log whose index is mapped memory."""
    for mode in ("delete", "wal"):
        file = folder / f"{mode}.db"
        said = drupe(folder, "deb:sqlite3", ["sqlite3", f"/data/{file.name}", f"PRAGMA journal_mode={mode};", ".read /fill.sql"],
                     (f"{HERE}/programs/fill.sql:/fill.sql",))
        expect(f"sqlite3 {mode}", said, [mode, mode, "filled|99900", "status 0"])
        try:
            with sqlite3.connect(file) as base:
                expect(f"{mode}: integrity", base.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
                expect(f"{mode}: rows", base.execute("SELECT count(*), sum(weight), sum(length(data)) FROM item").fetchall(),
                       [row_sums()])
                base.execute("DELETE FROM owner WHERE id > 5")
        except sqlite3.Error as e:
            flaws.append(f"{mode}: the host cannot read the database: {e}")
            continue
        base.close()
        expect(f"{mode}: the guest after the host", drupe(folder, "deb:sqlite3", ["sqlite3", f"/data/{file.name}",
               "SELECT count(*) FROM owner;", "PRAGMA integrity_check;"]), ["5", "ok", "status 0"])


def row_sums() -> tuple:
    """What fill.sql leaves in the table item, computed by this machine's SQLite."""
    with sqlite3.connect(":memory:") as base:
        base.isolation_level = None
        for statement in (HERE / "programs/fill.sql").read_text().split(";\n"):
            base.execute(statement)
        return base.execute("SELECT count(*), sum(weight), sum(length(data)) FROM item").fetchone()


def test_redis(folder: Path) -> None:
    image = "deb:redis-server,redis-tools,dash,coreutils,grep"
    copy = (f"{HERE}/programs/redis_aof.sh:/redis.sh",)
    expect("redis fills", drupe(folder, image, ["sh", "/redis.sh", "fill"], copy), ["OK", "500", "(integer) 500", "status 0"])
    expect("the log is here", any(b"stones" in p.read_bytes() for p in folder.rglob("*.aof")), True)
    expect("redis finds", drupe(folder, image, ["sh", "/redis.sh", "find"], copy),
           ['"drupe"', '"500"', "(integer) 500", '"item 499"', "status 0"])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for test in (test_sqlite, test_redis):
            folder = work / test.__name__
            folder.mkdir()
            test(folder)
    if flaws:
        sys.exit("\n".join(flaws))


if __name__ == "__main__":
    main()
