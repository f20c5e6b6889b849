# SPDX-License-Identifier: BSD-2-Clause
"""What other programs say of an image. Every judge raises Bad with what it found."""
import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

NO_LEAKS = "No leaks (block sum matches space maps exactly)"
COMPLAINTS = re.compile(
    r"ASSERT|Got error|refcount.*mismatch|leaked space|block traversal size|errors? found"
)
LINE = re.compile(r"(.*?) (\d{6}) (\d+):(\d+) (\d+) n(\d+) (\d+)\.(\d{9}) bs(\d+) (.*)$")


class Bad(Exception):
    pass


def run(*command, timeout=900, good=(0,)):
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, timeout=timeout, errors="surrogateescape"
    )
    if done.returncode not in good:
        raise Bad(f"{Path(str(command[0])).name} {' '.join(map(str, command[1:]))}: status "
                  f"{done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def labels(image):
    """Four equal labels with uberblocks; gives the pool's name."""
    out = run("zdb", "-l", image)
    if out.count("labels = 0 1 2 3") != 1:
        raise Bad("the labels differ or are missing")
    if "Uberblock[" not in run("zdb", "-lu", image):
        raise Bad("no valid uberblock")
    return re.search(r"^ *name: '(.*)'$", out, re.MULTILINE).group(1)


def zdb(image):
    """All objects, metaslabs, every block's checksum, no leaks."""
    pool = labels(image)
    for options in ("-dd", "-mm", "-h", "-bcc"):
        done = subprocess.run(["zdb", "-e", "-p", image, options, pool], timeout=1800,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        found = COMPLAINTS.search(done.stdout)
        if done.returncode != 0 or found:
            raise Bad(f"zdb {options}: status {done.returncode}\n{done.stdout[-2000:]}")
    if NO_LEAKS not in done.stdout:
        raise Bad("zdb -bcc: no word about leaks")


def embedded(image):
    """How many blocks zdb finds in their pointers."""
    found = re.search(r"non-pointer bps of type 0: *(\d+)", run("zdb", "-e", "-p", image, "-bcc", labels(image)))
    return int(found[1]) if found else 0


def listing(programs, image, dataset):
    """{path: match of LINE} of what libzpool reads."""
    files, at = {}, None
    for line in run(programs / "zpooltool", "list", image).splitlines():
        if line.startswith("# dataset "):
            at = line.split()[2]
        elif at == dataset:
            m = LINE.match(line)
            files[m[1]] = m
    return files


def tree(programs, image, dataset, folder, owner=None):
    """Content, mode, size, time, link target and link count of everything against a folder."""
    files = listing(programs, image, dataset)
    problems, names = [], {}

    def check(path, host):
        st = os.lstat(host)
        m = files.pop(path, None)
        if m is None:
            return problems.append(f"missing: {path}")
        extra = "-"
        if stat.S_ISLNK(st.st_mode):
            extra = os.readlink(host)
        elif stat.S_ISREG(st.st_mode):
            with open(host, "rb") as f:
                extra = hashlib.file_digest(f, "sha256").hexdigest()
            names.setdefault((st.st_dev, st.st_ino), []).append(int(m[6]))
        is_dir = stat.S_ISDIR(st.st_mode)
        uid, gid = owner or (st.st_uid, st.st_gid)
        good = (int(m[2], 8) == st.st_mode, (int(m[3]), int(m[4])) == (uid, gid), m[10] == extra,
                is_dir or int(m[5]) == st.st_size, int(m[7] + m[8]) == st.st_mtime_ns)
        if not all(good):
            problems.append(f"differs (mode, owner, content, size, time): {path} {good}")

    check("", folder)
    for where, folders, others in os.walk(folder):
        for name in folders + others:
            host = os.path.join(where, name)
            if stat.S_IFMT(os.lstat(host).st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                check("/" + os.path.relpath(host, folder), host)
    problems += [f"extra: {p}" for p in files if LINE and files[p][2][:2] in ("04", "10", "12")]
    for counts in names.values():
        if set(counts) != {len(counts)}:
            problems.append(f"link counts {counts} of {len(counts)} names")
    if problems:
        raise Bad(f"{len(problems)} differences:\n" + "\n".join(problems[:20]))


def grub(image, where, folder, most=200):
    """GRUB's reader compares files; `where` is its name for the dataset, like /data@."""
    run("grub-fstest", image, "ls", f"(loop0){where}/")
    done = 0
    for at, _, files in os.walk(folder):
        for name in sorted(files):
            host = os.path.join(at, name)
            # GRUB's command line has its own ideas of these characters.
            if not os.path.isfile(host) or os.path.islink(host) or re.search(r"[^\w./+~: -]", host, re.ASCII):
                continue
            run("grub-fstest", image, "cmp", f"(loop0){where}/{os.path.relpath(host, folder)}", host)
            done += 1
            if done == most:
                return


def files_of(programs, image):
    """What OpenZFS finds, without the block size of directories: a full one grows and never shrinks."""
    listed = run(programs / "zpooltool", "list", image)
    return re.sub(r"^(.* 04\d{4} .*) bs\d+ ", r"\1 ", listed, flags=re.MULTILINE)


def read_write(programs, image):
    """Import, write, free, snapshot, export on a copy; then the copy is as good as the image."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy.img")
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        before = files_of(programs, image)
        run(programs / "zpooltool", "rw", copy)
        zdb(copy)
        if files_of(programs, copy) != before:
            raise Bad("the files changed by a read-write import")


def missing():
    """Why the judges cannot sit, or None."""
    for program, package in (("zdb", "zfsutils-linux"), ("ztest", "zfs-test"),
                             ("grub-fstest", "grub-common"), ("sfdisk", "fdisk")):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return f"{program} is missing (package {package})"
    return None
