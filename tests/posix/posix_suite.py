# SPDX-License-Identifier: BSD-2-Clause
"""The Open POSIX Test Suite: fetches Debian's source package and compiles the programs of our areas, once.

A test's name is its file's below conformance/interfaces, without `.c`. Scripts of the suite are left out: they look
at constants of headers, or start a program of the same name."""
import concurrent.futures
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from drupe import apt, places

# Which interfaces (folders) belong to which area; the first that fits.
AREAS = {
    "threads": r"pthread_(?!cond|mutex|rwlock|barrier|spin|kill|sigmask)",
    "locks": r"pthread_(cond|mutex|rwlock|barrier|spin)",
    "signals": r"sig|raise|kill|pthread_(kill|sigmask)",
    "semaphores": r"sem_",
    "time": r"timer_|clock|nanosleep|time$|difftime|mktime|gmtime|localtime|asctime|ctime|strftime",
    "scheduling": r"sched_",
    "memory": r"m(un)?map$|m(un)?lock|shm_",
    "queues": r"mq_",
}
MACHINE = "virt,gic-version=3"
IMAGE = "deb:libc6,libc-bin"
FLAGS = ["-O2", "-w", "-std=gnu99", "-s", "-D_POSIX_C_SOURCE=200112L", "-D_XOPEN_SOURCE=600"]
LIBRARIES = ["-lpthread", "-lrt", "-lm"]
CC = "aarch64-linux-gnu-gcc"


def area_of(name: str) -> str:
    """The area of a test, "" for one that belongs to none."""
    return next((area for area, pattern in AREAS.items() if re.match(pattern, name.split("/")[0])), "")


def _compile(tree: Path, name: str, into: Path) -> None:
    """One program; what does not compile or has no main (a test of a header) is left out."""
    to = into / name
    to.parent.mkdir(parents=True, exist_ok=True)
    source = tree / "conformance" / "interfaces" / f"{name}.c"
    words = [CC, *FLAGS, f"-I{tree / 'include'}", f"-I{source.parent}", source, "-o", to, *LIBRARIES]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def built(folder: Path) -> Path:
    """The folder of the tests' programs, compiled again when the source or the way is another, and of `runner`."""
    tarball = apt.fetch_source("posixtestsuite", places.cache_dir() / "sources")
    made_of = "\n".join([apt.sha256(tarball), CC, *FLAGS, str(AREAS)])
    stamp, programs = folder / "posix.stamp", folder / "posix"
    if not stamp.exists() or stamp.read_text() != made_of:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(programs, ignore_errors=True)
        _compile_all(tarball, folder, programs)
        stamp.write_text(made_of)
    subprocess.run([CC, "-O2", "-Wall", "-static", HERE / "runner.c", "-o", programs / "runner"], check=True)
    return programs


def _compile_all(tarball: Path, folder: Path, programs: Path) -> None:
    shutil.rmtree(folder / "posix-source", ignore_errors=True)
    with tarfile.open(tarball) as tar:
        tar.extractall(folder / "posix-source")
    tree = next((folder / "posix-source").iterdir())
    interfaces = tree / "conformance" / "interfaces"
    names = [str(file.relative_to(interfaces).with_suffix("")) for file in interfaces.rglob("[0-9]*-*.c")]
    names = sorted(name for name in names if area_of(name) and not name.endswith("buildonly"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: _compile(tree, name, programs), names))


def tests_of(programs: Path, area: str) -> list:
    """The names of the area's compiled tests, sorted."""
    files = [file for file in programs.rglob("[0-9]*-*") if file.is_file()]
    names = (str(file.relative_to(programs)) for file in files)
    return sorted(name for name in names if area_of(name) == area)


@contextlib.contextmanager
def staged(programs: Path, names: list):
    """Arguments that put the runner, its list and these tests into an image."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "posix"
        for name in ["runner", *names]:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(programs / name, tree / name)
        (tree / "list").write_text("".join(f"{name}\n" for name in names))
        yield ["--copy", f"{tree}:/posix"]


def results_of(said: str) -> dict:
    """How each test ended, by name, from what the runner said."""
    return {m.group(1): m.group(2) for m in re.finditer(r"^RESULT (\S+) (.*?)\s*$", said, re.M)}


def results_file(cpus: str) -> Path:
    """How the tests end on Debian's kernel with so many CPUs."""
    return HERE / f"results-{cpus}.txt"


def read_results(file: Path) -> dict:
    """(How it ended, whether it makes processes) by name."""
    found = {}
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            name, *how = line.split()
            found[name] = (" ".join(word for word in how if word != "fork"), "fork" in how)
    return found


def in_parallel(work, areas: list) -> dict:
    """work(area) by area; most tests sleep most of their time."""
    with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
        return dict(zip(areas, pool.map(work, areas)))
