# SPDX-License-Identifier: BSD-2-Clause
"""What Python asks of a kernel, through its own library. All that it prints is the same wherever it runs."""
import array
import bz2
import collections
import concurrent.futures
import contextlib
import ctypes
import datetime
import decimal
import errno
import fcntl
import functools
import glob
import hashlib
import hmac
import io
import itertools
import json
import locale
import lzma
import mmap
import multiprocessing
import os
import pickle
import queue
import random
import re
import select
import shutil
import signal
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

PARTS = []


def part(function):
    PARTS.append(function)
    return function


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


SAMPLE = bytes(random.Random(7).randrange(32, 64) for _ in range(40_000))


@part
def language():
    @functools.lru_cache(maxsize=None)
    def ackermann(m, n):
        return n + 1 if m == 0 else ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1)) if n else ackermann(m - 1, 1)

    def primes():
        found = []
        for n in itertools.count(2):
            if all(n % p for p in found if p * p <= n):
                found.append(n)
                yield n

    print(ackermann(2, 9), list(itertools.islice(primes(), 60))[-5:])
    print(collections.Counter("mississippi").most_common(2), f"{2 ** 521 - 1:x}"[:20], Fraction(355, 113) - Fraction(22, 7))
    print(re.sub(r"(\w+)@(\w+)", r"\2 at \1", "ann@home bob@work"), "ßΩ→日本".upper(), "ﬁ".casefold())
    try:
        {}["missing"]
    except KeyError:
        print(traceback.format_exc().splitlines()[-1])
    sys.setrecursionlimit(3000)

    def deep(n):
        return 0 if n == 0 else 1 + deep(n - 1)

    print(deep(2500))
    with contextlib.suppress(RecursionError):
        deep(5000)
        print("no limit")


@part
def numbers():
    print(repr(0.1 + 0.2), 1e308 * 10, float.fromhex("0x1.8p-1074"), round(2.675, 2), (1.5).as_integer_ratio())
    decimal.getcontext().prec = 60
    print(decimal.Decimal(2).sqrt(), decimal.Decimal(1) / 7, decimal.Decimal("1e-30").ln())
    print(random.Random(42).random(), random.Random(1).sample(range(1000), 5))
    print(struct.pack(">hIqd", -2, 3_000_000_000, -(1 << 62), 1.25).hex(), array.array("d", [1, 2.5]).tobytes().hex())


@part
def formats():
    value = {"text": "tab\t\u20ac\U0001f600", "list": [1, 2.5, None, True, {"deep": [[]]}], "big": 10**30}
    text = json.dumps(value, sort_keys=True, indent=1)
    print(text, json.loads(text) == value, pickle.loads(pickle.dumps(value, 5)) == value)
    for name, module in ("zlib", zlib), ("bz2", bz2), ("lzma", lzma):
        packed = module.compress(SAMPLE)
        print(name, len(packed) < len(SAMPLE), module.decompress(packed) == SAMPLE)
    print(zlib.crc32(SAMPLE), zlib.adler32(SAMPLE), len(zlib.compress(SAMPLE, 9)))
    for name in "md5", "sha1", "sha512", "sha3_256", "blake2b":
        print(name, hashlib.new(name, SAMPLE).hexdigest()[:32])
    print(hmac.new(b"key", SAMPLE, "sha256").hexdigest()[:32], hashlib.pbkdf2_hmac("sha256", b"p", b"s", 500).hex()[:32])
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a/b.txt"), SAMPLE)
    print(digest(zipfile.ZipFile(box).read("a/b.txt")))


@part
def database():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.db")
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            print(*db.execute("pragma journal_mode=wal").fetchone())
            db.execute("create table t (k integer primary key, v text, r real)")
            db.executemany("insert into t values (?, ?, ?)", ((n, f"row {n % 97}", n / 7) for n in range(5000)))
        with contextlib.closing(sqlite3.connect(path)) as reader, contextlib.closing(sqlite3.connect(path)) as writer:
            reader.execute("begin")
            before = reader.execute("select count(*) from t").fetchone()
            with writer:
                writer.execute("delete from t where k % 2")
            print(before, reader.execute("select count(*) from t").fetchone(), writer.execute("select count(*), sum(k) from t").fetchone())
        with contextlib.closing(sqlite3.connect(path)) as db:
            print(db.execute("select v, count(*), round(avg(r), 6) from t group by v order by 2 desc, 1 limit 3").fetchall())
            print(db.execute("pragma integrity_check").fetchone(), sorted(os.listdir(folder))[0])


@part
def files():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(30):
            (folder / f"sub{n % 3}").mkdir(exist_ok=True)
            (folder / f"sub{n % 3}" / f"file{n}.txt").write_text("x" * n)
        print(sorted(os.path.relpath(p, name) for p in glob.glob(name + "/**/*9.txt", recursive=True)))
        link = folder / "link"
        link.symlink_to("sub0/file3.txt")
        os.link(link, folder / "hard", follow_symlinks=True)
        os.chmod(folder / "hard", 0o4751)
        found = os.stat(folder / "hard")
        print(link.read_text(), found.st_nlink, stat.filemode(found.st_mode), os.readlink(link), link.is_symlink())
        os.utime(link, ns=(10**18 + 1, 10**18 + 2))
        print(os.stat(link).st_mtime_ns, os.stat(link).st_size)
        with open(folder / "sparse", "wb+") as f:
            f.seek(1 << 30)
            f.write(b"end")
            f.truncate(100)
            print(os.fstat(f.fileno()).st_size, os.pread(f.fileno(), 200, 90))
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(folder / "sparse") as other:
                try:
                    fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError as e:
                    print(errno.errorcode[e.errno])
        with open(folder / "mapped", "wb+") as f:
            f.truncate(3 * mmap.PAGESIZE)
            with mmap.mmap(f.fileno(), 0) as shared:
                shared[mmap.PAGESIZE - 2 : mmap.PAGESIZE + 3] = b"edges"
                f.seek(mmap.PAGESIZE - 2)
                print(f.read(5), shared.find(b"ges") - mmap.PAGESIZE, shared.rfind(b"x"))
        for wrong in "/missing/x", name, "/etc/passwd/x":
            try:
                open(wrong, "w")
            except OSError as e:
                print(type(e).__name__, errno.errorcode[e.errno])
        os.rename(folder / "sub1", folder / "renamed")
        shutil.copytree(folder / "renamed", folder / "copy")
        shutil.rmtree(folder / "renamed")
        print(sorted(os.listdir(folder)), sum(f.stat().st_size for f in folder.rglob("*.txt")))


@part
def threads():
    numbers, results, lock, total = queue.Queue(4), queue.Queue(), threading.Lock(), [0]
    ready, local = threading.Barrier(6), threading.local()

    def work():
        local.seen = 0
        ready.wait()
        while (n := numbers.get()) is not None:
            local.seen += 1
            with lock:
                total[0] += n
            results.put(n * n)
        results.put(("seen", local.seen))

    crew = [threading.Thread(target=work) for _ in range(5)]
    for thread in crew:
        thread.start()
    ready.wait()
    for n in list(range(500)) + [None] * 5:
        numbers.put(n)
    for thread in crew:
        thread.join()
    said = [results.get_nowait() for _ in range(results.qsize())]
    print(total[0], sum(n for n in said if isinstance(n, int)), sum(n[1] for n in said if isinstance(n, tuple)))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(list(pool.map(digest, [bytes([n]) * 100_000 for n in range(4)])))
    condition, woken = threading.Condition(), []
    with condition:
        print(condition.wait_for(lambda: woken, timeout=0.02))
    timer = threading.Timer(0.01, woken.append, [1])
    timer.start()
    timer.join()
    print(woken)


@part
def signals():
    seen = []
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(signal.Signals(number).name))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGALRM, lambda number, frame: seen.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    start = time.monotonic()
    time.sleep(0.05)  # goes on after the handler
    print(seen, time.monotonic() - start >= 0.05)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    os.kill(os.getpid(), signal.SIGUSR2)
    print(signal.sigpending(), signal.sigwait([signal.SIGUSR2]).name)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        os.read(reader, 1)
    except BlockingIOError:
        print(select.select([reader], [writer], [], 0) == ([], [writer], []))
    os.write(writer, b"!")
    poller = select.epoll()
    poller.register(reader, select.EPOLLIN)
    print([events for _, events in poller.poll(1)], os.read(reader, 1))


@part
def foreign():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.qsort.restype = None
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    values = (ctypes.c_int * 6)(5, 3, 9, -2, 7, 0)
    libc.qsort(values, 6, 4, compare(lambda a, b: a[0] - b[0]))
    libc.strtod.restype = ctypes.c_double
    print(list(values), libc.strtod(b"0x1.8p3", None), libc.close(-1), errno.errorcode[ctypes.get_errno()])
    libc.snprintf.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
    text = ctypes.create_string_buffer(40)
    print(libc.snprintf(text, 40, b"%s %.3f", b"pi", ctypes.c_double(3.14159)), text.value)


def square(n):
    return n * n


@part
def children():
    code = "import sys; sys.stdout.write(sys.stdin.read()[::-1]); print('!', file=sys.stderr); sys.exit(7)"
    done = subprocess.run([sys.executable, "-c", code], input="drawer", capture_output=True, text=True)
    print(done.returncode, done.stdout, repr(done.stderr))
    print(subprocess.run("echo $((6 * 7)); kill -9 $$", shell=True, capture_output=True))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        print(digest(cat.communicate(SAMPLE * 5)[0]), cat.returncode)
    with subprocess.Popen(["sleep", "100"]) as sleeper:
        sleeper.terminate()
        print(sleeper.wait())
    try:
        subprocess.run(["sleep", "100"], timeout=0.05)
    except subprocess.TimeoutExpired as e:
        print(type(e).__name__, e.cmd)
    child = os.fork()
    if child == 0:
        os._exit(int(subprocess.check_output(["sh", "-c", "echo 5"])))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with multiprocessing.Pool(3) as pool:
        print(pool.map(square, range(20)))
    print(os.environ.get("GREETING"), os.path.basename(sys.executable), os.getcwd())


@part
def times():
    day = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    print(day + datetime.timedelta(days=366), day.isoformat(), time.strftime("%A %j", time.gmtime(0)))
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    print(time.localtime(1_720_000_000)[:6], time.tzname, locale.setlocale(locale.LC_ALL, "C.UTF-8"))
    print(time.time() > 1_600_000_000, time.perf_counter_ns() <= time.perf_counter_ns())


wanted = sys.argv[1:]
for run in PARTS:
    if not wanted or run.__name__ in wanted:
        print(f"-- {run.__name__}", flush=True)
        try:
            run()
        except Exception:
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
