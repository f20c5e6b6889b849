#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs cases: builds images and has them judged, makes foreign pools and reads them.
Exit 0: all good. 77: skipped, with the reason. 1: not good."""
import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import judges  # noqa: E402
import prepare  # noqa: E402
import trees  # noqa: E402
from judges import Bad, run  # noqa: E402

REPOSITORY = HERE.parent.parent
SKIPPED = 77


class Bench:
    """A folder to work in and the programs."""

    def __init__(self, mkzfs, programs, folder):
        self.mkzfs, self.programs, self.folder = mkzfs, programs, Path(folder)

    def tree(self, make, *arguments):
        path = self.folder / make.__name__
        if not path.exists():
            path.mkdir()
            make(str(path), *arguments)
        return path

    def image(self, *arguments, name="image"):
        path = self.folder / name
        run(self.mkzfs, "-q", "-o", path, *arguments)
        return path

    def check(self, image):
        run(self.mkzfs, "--check", image)

    def judge(self, image, tree, dataset="drupe", grub="/@", owner=None):
        judges.zdb(image)
        judges.tree(self.programs, image, dataset, tree, owner)
        if grub:
            judges.grub(image, grub, tree)
        judges.read_write(self.programs, image)
        self.check(image)

    def cut_out(self, disk):
        """The pool in a disk's second partition, as a file."""
        line = [x for x in run("sfdisk", "--dump", disk).splitlines() if "start=" in x][1]
        fields = dict(f.split("=") for f in line.replace(" ", "").split(":")[1].split(",") if "=" in f)
        pool = self.folder / "pool"
        with open(disk, "rb") as f:
            f.seek(int(fields["start"]) * 512)
            pool.write_bytes(f.read(int(fields["size"]) * 512))
        return pool

    def refused(self, image, *words):
        done = subprocess.run([self.mkzfs, "--check", image], capture_output=True, text=True)
        if done.returncode != 1 or not all(w in done.stderr for w in words):
            raise Bad(f"{image.name} is not refused for {words}: {done.stdout}{done.stderr}")

    def same_as(self, image, dataset, tree, name="extracted"):
        """What we extract of a pool equals a folder."""
        out = self.folder / name
        shutil.rmtree(out, ignore_errors=True)
        run(self.mkzfs, "--extract", image, dataset, out)
        run("diff", "-r", "--no-dereference", out, tree)
        shutil.rmtree(out)


def case_empty(b):
    tree = b.folder / "nothing"
    tree.mkdir()
    b.judge(b.image("--keep-owner", tree), tree)


def case_sample(b):
    """A little of everything: a disk of three datasets with a snapshot, a pool OpenZFS wrote, flips."""
    tree = b.tree(trees.small)
    disk = b.image("--args", "quiet", "-c", "lz4", "--checksum", "sha256", "--keep-owner", "--snapshot", "build",
                   tree, "--dataset", "data", tree, "--dataset", "data/home,compression=gzip", tree)
    b.check(disk)
    pool = b.cut_out(disk)
    b.judge(pool, tree)
    if judges.embedded(pool) == 0:
        raise Bad("no small block lies in its pointer")
    judges.tree(b.programs, pool, "drupe/data/home", tree)
    b.same_as(pool, "drupe/data@build", tree)
    os.chdir(b.folder)
    foreign = genpool(b, "foreign.img", tree, "zstd", 12, "all", "sha512")
    b.check(foreign)
    b.same_as(foreign, "foreign/data@s1", tree)
    flip(b, 20)


def case_repository(b):
    tree = b.folder / "repository"  # a copy: nobody works in it
    ignore = shutil.ignore_patterns("build*", "subprojects", ".git")
    shutil.copytree(REPOSITORY, tree, symlinks=True, ignore=ignore)
    b.judge(b.image("--keep-owner", "-c", "lz4", tree), tree)


def case_closures(b):
    """Debian's programs with all they depend on, from the cache of ./drupe."""
    sys.path.insert(0, str(REPOSITORY / "tools"))
    from drupe import image as drupe_image

    for package, options in (("redis-server", ("-c", "lz4")), ("python3", ("-c", "zle")),
                             ("nodejs", ("-c", "off"))):
        tree = drupe_image.deb_tree([package]) / "rootfs"
        print(package, flush=True)
        b.judge(b.image("--keep-owner", *options, tree), tree)


def case_large(b):
    """More than a gibibyte, one file of it."""
    tree = b.folder / "large"
    tree.mkdir()
    rnd = random.Random(5)
    with open(tree / "file", "wb") as f:
        for _ in range(1100):
            f.write(rnd.randbytes(1 << 20))
    (tree / "small").write_text("beside it")
    b.judge(b.image("--keep-owner", "-c", "off", tree), tree)


def case_torture(b):
    tree = b.tree(trees.torture)
    b.judge(b.image("--keep-owner", "-c", "lz4", tree), tree)


def case_codecs(b):
    """Each compression and checksum, smallest and larger blocks; owners as told."""
    tree = b.tree(trees.small)
    for codec in ("off", "zle", "lz4", "gzip-1", "gzip-9", "zstd-1", "zstd-19"):
        for checksum, ashift in (("fletcher4", 9), ("sha256", 12), ("fletcher4", 13)):
            print(codec, checksum, ashift, flush=True)
            image = b.image("-c", codec, "--checksum", checksum, "--ashift", ashift, "--owner",
                            "7:8", tree)
            b.judge(image, tree, grub=None if codec.startswith("zstd") else "/@", owner=(7, 8))


def case_records(b):
    tree = b.tree(trees.small)
    for size in ("512", "4K", "16K", "1M"):
        b.judge(b.image("--keep-owner", "-c", "lz4", "--recordsize", size, tree), tree,
                grub="/@" if size != "1M" else None)


def case_datasets(b):
    """Three datasets and a snapshot."""
    tree = b.tree(trees.small)
    for codec in ("lz4", "zstd"):
        image = b.image("-p", "tank", "--snapshot", "build", "--keep-owner", tree,
                        "--dataset", f"data,mountpoint=/data,compression={codec}", tree,
                        "--dataset", "data/home,atime=off,org.drupe:note=hello", tree)
        b.judge(image, tree, "tank", None if codec == "zstd" else "/@")
        for name in ("tank/data", "tank/data/home"):
            judges.tree(b.programs, image, name, tree)
            b.same_as(image, name + "@build", tree)
        if codec == "lz4":
            judges.grub(image, "/data/home@build", tree)
        out = run("zdb", "-e", "-p", image, "-dddd", "tank")
        if "org.drupe:note" not in run("zdb", "-e", "-p", image, "-dddd", "tank") and not out:
            raise Bad("zdb does not list the datasets")


def case_same(b):
    """Threads, folder and time of the build change nothing."""
    tree = b.tree(trees.small)
    sums = set()
    for threads in (1, 2, 5):
        where = b.folder / f"copy{threads}"
        shutil.copytree(tree, where, symlinks=True)
        subprocess.run(["cp", "-a", f"{tree}/.", where], check=True)
        image = b.image("-c", "lz4", "-j", threads, where, name=f"image{threads}")
        sums.add(hashlib.sha256(image.read_bytes()).hexdigest())
    if len(sums) != 1:
        raise Bad("equal trees gave different images")


def case_disk(b):
    """A disk with partitions: the pool is judged as it lies there and cut out."""
    tree = b.tree(trees.small)
    loader = b.folder / "loader"
    loader.write_bytes(random.Random(3).randbytes(700000))
    image = b.image("--disk", "--loader", loader, "--args", "root=zfs quiet", "--keep-owner",
                    "-c", "lz4", tree)
    raw = image.read_bytes()
    if raw[1 << 20 : (1 << 20) + 700000] != loader.read_bytes():
        raise Bad("the loader is not in partition 1")
    table = run("sfdisk", "--dump", image)
    if table.count("start=") != 2 or "6A898CC3-1DD2-11B2-99A6-080020736631" not in table.upper():
        raise Bad("the partition table is not as it should be:\n" + table)
    run("sfdisk", "--verify", image)
    if run(b.mkzfs, "--get-args", image) != "root=zfs quiet\n":
        raise Bad("the stored arguments are lost")
    run(b.mkzfs, "--set-args", image, "other words")
    if run(b.mkzfs, "--get-args", image) != "other words\n":
        raise Bad("the stored arguments cannot be changed")
    b.judge(b.cut_out(image), tree)
    b.check(image)
    b.same_as(image, "drupe", tree)


def genpool(b, name, tree, codec, *more):
    run(b.programs / "genpool", "foreign", b.folder / name, 128, tree, codec, *more)
    return b.folder / name


def case_foreign(b):
    """Pools OpenZFS wrote: every codec and checksum, snapshots, before and after changes."""
    tree = b.tree(trees.small)
    os.chdir(b.folder)
    for codec, ashift, features, checksum in (
        ("off", 9, "none", "fletcher4"), ("lz4", 12, "all", "fletcher4"), ("gzip", 12, "all", "sha256"),
        ("zstd", 13, "all", "fletcher4"), ("lz4", 9, "all", "sha512"), ("off", 12, "all", "sha256"),
    ):
        print(codec, ashift, features, checksum, flush=True)
        image = genpool(b, "foreign.img", tree, codec, ashift, features, checksum)
        for dataset in ("foreign/data", "foreign/data@s1"):
            b.check(image)
            b.same_as(image, dataset, tree)
        for _ in range(2):  # freed objects, several transaction groups in the space maps
            run(b.programs / "zpooltool", "rw", image)
            b.check(image)
            b.same_as(image, "foreign/data", tree)
            break  # the tool's snapshot can be taken once


def case_gangs(b, attempts=8):
    """Blocks that OpenZFS made of pieces, with one and with several copies of what names these."""
    tree = b.tree(trees.small)
    for n in range(40):  # three in a hundred blocks are made of pieces
        (tree / f"many{n}").write_bytes(random.Random(n).randbytes(60000 + 5000 * n))
    os.chdir(b.folder)
    os.environ["GANGS_FROM"] = "4096"
    for attempt in range(attempts):
        image = genpool(b, "gangs.img", tree, "off", 9, "all")
        b.check(image)
        b.same_as(image, "foreign/data", tree)
        gangs = subprocess.run(["zdb", "-e", "-p", b.folder, "-bb", "foreign"], capture_output=True, text=True).stdout
        found = re.search(r"ganged count: *(\d+)", gangs)
        print(found and found[0], flush=True)
        if found and int(found[1]) >= 3:
            return
    raise Bad("OpenZFS made no pieces")


def ztest(b, *options, encrypts=False):
    """A device of a pool ztest leaves behind. It ends with errors of its own now and then."""
    os.chdir(b.folder)
    environment = dict(os.environ)
    if not encrypts:
        environment["LD_PRELOAD"] = str(b.programs / "no_encryption.so")
    for attempt in range(4):
        for f in [*b.folder.glob("ztest*"), *b.folder.glob("zpool.cache")]:
            f.unlink()
        done = subprocess.run(["ztest", "-f", b.folder, "-m", "0", *options], capture_output=True, timeout=400,
                              env=environment)
        if (b.folder / "ztest.0a").exists() and done.returncode == 0:
            return b.folder / "ztest.0a"
    raise Bad("ztest made no pool: " + done.stdout.decode(errors="replace")[-500:])


HISTORY = ("-r", "1", "-K", "raidz", "-v", "0", "-C", "special=off", "-d", "1", "-t", "2", "-s", "128m", "-P", "3")


def case_ztest(b, wanted=3, attempts=16):
    """Pools with a history of everything on one plain device (without -v 0 ztest adds others). ztest
    takes skein or edonr as it likes: such a pool is refused by name. The others, of four about three,
    have to pass our check whole. With encrypted datasets, of which ztest leaves some in four pools of
    five, a pool is refused by name, too."""
    whole = refused = 0
    for attempt in range(attempts):
        encrypts = whole == wanted
        image = ztest(b, *HISTORY, "-T", str(attempt % 4 + 1), encrypts=encrypts)
        done = subprocess.run([b.mkzfs, "--check", image], capture_output=True, text=True)
        print(done.stdout, done.stderr, flush=True)
        if done.returncode == 0:
            whole += 1
        elif "uses feature com.datto:encryption" in done.stderr and encrypts:
            refused += 1
        elif not re.search("uses feature org.illumos:(skein|edonr)", done.stderr):
            raise Bad("a pool of ztest does not pass our check")
        if whole >= wanted and refused:
            return
    raise Bad(f"of {attempts} pools {whole} were read whole, {refused} refused because they are encrypted")


def case_refused(b):
    tree = b.tree(trees.small)
    os.chdir(b.folder)
    b.refused(genpool(b, "skein.img", tree, "off", 12, "all", "skein"), "org.illumos:skein")
    b.refused(ztest(b, "-s", "256m", "-r", "3", "-R", "1", "-K", "raidz", "-T", "4", "-P", "4"), "raidz")
    b.refused(ztest(b, "-s", "256m", "-r", "5", "-D", "2", "-S", "1", "-K", "draid", "-T", "4", "-P", "4"), "draid")
    (b.folder / "noise").write_bytes(random.Random(1).randbytes(80 << 20))
    b.refused(b.folder / "noise", "no valid ZFS label")
    (b.folder / "short").write_bytes(b"short")
    b.refused(b.folder / "short", "too small")


def flip(b, count, seed=1):
    """Single bits, one at a time, in what is allocated and in the labels: an error or the right
    content, never a crash, never wrong data."""
    tree = b.tree(trees.small)
    image = b.folder / "flipped"
    report = json.loads(run(b.mkzfs, "-q", "--json", "-o", image, "-c", "lz4", "--keep-owner", tree))
    allocated = report["allocated"]  # one run from the end of the labels on
    noticed = 0
    rnd = random.Random(seed)
    with open(image, "r+b", buffering=0) as f:
        size = os.fstat(f.fileno()).st_size

        def put(at, byte):
            f.seek(at)
            f.write(bytes([byte]))

        for i in range(count):
            if i % 4 == 0:  # a label
                at = rnd.choice((0, 1 << 18, size - (1 << 19), size - (1 << 18))) + rnd.randrange(1 << 18)
            else:
                at = (4 << 20) + rnd.randrange(allocated)
            f.seek(at)
            old = f.read(1)[0]
            put(at, old ^ 1 << rnd.randrange(8))
            where = f"flip {i} at {at}"
            noticed += one_flip(b, image, tree, where)
            put(at, old)
    print(f"{count} flips, {noticed} noticed by --check")
    if noticed == 0:
        raise Bad("no flip was noticed")
    b.check(image)


def one_flip(b, image, tree, where):
    """Whether --check noticed."""
    done = subprocess.run([b.mkzfs, "--check", image], capture_output=True, text=True, timeout=60)
    if done.returncode not in (0, 1):
        raise Bad(f"{where}: status {done.returncode} {done.stderr}")
    out = b.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    extracted = subprocess.run([b.mkzfs, "--extract", image, "drupe", out], capture_output=True)
    if extracted.returncode not in (0, 1):
        raise Bad(f"{where}: status {extracted.returncode} {extracted.stderr}")
    if extracted.returncode == 0:
        run("diff", "-r", "--no-dereference", out, tree)
    return done.returncode == 1


def case_flips(b):
    flip(b, 1000)


def case_errors(b):
    """Bad input: one sentence, exit 1, nothing left behind; a signal leaves nothing either."""
    tree = b.tree(trees.small)
    target = b.folder / "out" / "image"
    target.parent.mkdir()
    os.mkfifo(b.folder / "fifo")
    (b.folder / "loop").write_text(f"%include {b.folder}/loop\n")
    (b.folder / "odd\n\x1bname").write_text("")
    for arguments in ([b.folder / "absent"], [tree, "-c", "brotli"], [tree, "--property", "colour=red"],
                      ["-m", tree / "size1"], [tree, "--size", "1M"], [tree, "--ashift", "20"], [],
                      [tree, "--dataset", "a/b", tree], [tree / "size1"], [tree, "--frob"], ["-m", tree],
                      [b.folder / "fifo"], ["-m", b.folder / "loop"], [b.folder / "odd\n\x1bname"],
                      ["-m", "/dev/zero"], [tree, "--loader", tree], [tree, "--size", "4E"], [tree, "--free", "7E"],
                      [tree, "--args", "x" * 70000], ["--check", tree], ["--list", "--check", tree]):
        done = subprocess.run([b.mkzfs, "-o", target, *arguments], capture_output=True, text=True)
        if done.returncode != 1 or done.stderr.count("\n") != 1 or not done.stderr.startswith("mkzfs: "):
            raise Bad(f"{arguments}: status {done.returncode}, {done.stderr!r}")
        if list(target.parent.iterdir()):
            raise Bad(f"{arguments}: something is left behind")
    done = subprocess.run(["bash", "-c", f"ulimit -f 20; exec {b.mkzfs} -o {target} {tree}"],
                          capture_output=True, text=True)
    if done.returncode != 1 or list(target.parent.iterdir()):
        raise Bad(f"a full disk: status {done.returncode}, {done.stderr}")
    run(b.mkzfs, "-q", "-o", target, target.parent)
    before = target.read_bytes()
    done = subprocess.run([b.mkzfs, "-o", target, target.parent], capture_output=True, text=True)
    if done.returncode != 1 or "among what goes into it" not in done.stderr or target.read_bytes() != before:
        raise Bad(f"an image that would hold itself: status {done.returncode}, {done.stderr}")
    target.unlink()
    (b.folder / "named").symlink_to(tree)
    longest = target.parent / ("n" * 255)
    run(b.mkzfs, "-q", "-o", longest, b.folder / "named")
    b.same_as(longest, "drupe", tree)
    longest.unlink()
    big = b.folder / "big"
    big.mkdir()
    (big / "noise").write_bytes(random.Random(1).randbytes(60 << 20))
    child = subprocess.Popen([b.mkzfs, "-q", "-c", "gzip-9", "-j", "1", "-o", target, big])
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(0.5)
    child.send_signal(2)
    if child.wait() == 0 or list(target.parent.iterdir()):
        raise Bad("ctrl-C left something behind")


CASES = {name.removeprefix("case_"): f for name, f in globals().items() if name.startswith("case_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mkzfs", required=True, type=lambda p: Path(p).resolve())
    parser.add_argument("case", nargs="+", choices=sorted(CASES))
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    reason = judges.missing()
    programs = None
    if not reason and not prepare.is_ready():
        reason = "OpenZFS's headers are not there"
    if not reason:
        try:
            programs = prepare.programs()
        except prepare.UserError as e:
            reason = str(e)
    if reason:
        print("skipped:", reason, "(tests/zfs/install.py installs what the judges need)")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    for case in options.case:
        with tempfile.TemporaryDirectory(prefix="zfs-judges-") as folder:
            try:
                CASES[case](Bench(options.mkzfs, programs, folder))
            except Bad as e:
                print(f"{case}: {e}")
                return 1
            finally:
                os.chdir("/")
        print(f"{case}: good", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
