# SPDX-License-Identifier: BSD-2-Clause
"""Folders to make images of. All content follows from seeds."""
import os
import random


def small(root):
    """A few files of every kind that gives different structures."""
    put = _putter(root, random.Random(1))
    for n in (0, 1, 512, 513, 131072, 131073, 400000):
        put(f"size{n}", b"some text " * (n // 10) + b"x" * (n % 10))
    put("dir/noise", random.Random(2).randbytes(300000))
    os.symlink("dir/noise", f"{root}/link")


def torture(root, entries=100000, megabytes=40):
    """Everything awkward that the judges' programs can handle."""
    rnd = random.Random(1)
    put = _putter(root, rnd)
    put("empty", b"")
    put("one", b"1")
    for n in (511, 512, 513, 4095, 4096, 4097, 131071, 131072, 131073, 262144, 1000000, 20000000):
        put(f"sizes/{n}", rnd.randbytes(n) if n % 2 else (b"text %d " % n) * (n // 10))
    put("zeros", b"\0" * 300000)
    put(b"bytes/\x01\xff\xfe \"'\\name", b"odd")
    put(b"bytes/" + b"\xc3\xa4" * 127, b"utf")
    put("d" * 255 + "/" + "e" * 255 + "/" + "f" * 255, b"deep")
    put("deep/" + "/".join(f"level{i}" for i in range(60)) + "/x", b"x")
    os.link(f"{root}/one", f"{root}/two")
    os.link(f"{root}/one", f"{root}/sizes/three")
    for n in (1, 143, 144, 145, 1000):
        os.symlink("l" * n, f"{root}/link{n}")
    for i in range(entries):
        put(f"many/entry number {i} with a rather normal name", b"")
    for i in range(3000):
        put(f"middle/f{i}", b"%d" % i)
    _sparse(f"{root}/sparse1", [0, 200 << 20, (200 << 20) + 131072 * 3])
    _sparse(f"{root}/sparse2", [(1 << 30) + 5])
    with open(f"{root}/noise", "wb") as f:
        for _ in range(megabytes):
            f.write(rnd.randbytes(1 << 20))
    try:
        os.setxattr(f"{root}/one", "user.a", b"v")
        os.setxattr(f"{root}/empty", "user.big", b"v" * 3000)
        os.setxattr(f"{root}/sizes", "user.dir", b"d" * 500)
    except OSError:
        pass  # the host's file system has none; the unit tests cover them
    os.chmod(f"{root}/empty", 0o4751)
    os.chmod(f"{root}/one", 0o077)
    os.mkdir(f"{root}/sticky")
    os.chmod(f"{root}/sticky", 0o1777)
    os.utime(f"{root}/sticky", (0, 0))
    os.utime(f"{root}/one", (1, 2000000000))


def _putter(root, rnd):
    def put(name, content):
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
    return put


def _sparse(path, places):
    with open(path, "wb") as f:
        for at in places:
            f.seek(at)
            f.write(b"data at %d" % at)
