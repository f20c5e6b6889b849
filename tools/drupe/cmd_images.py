# SPDX-License-Identifier: BSD-2-Clause
"""drupe images: what lies in the cache, and how to be rid of it."""
import json
import os
import shutil
import time

from . import image, places
from .errors import UserError

SUMMARY = "list or remove cached images"
EPILOG = """  ./drupe images                   the cached images and manifests
  ./drupe images remove deb:NAME   this image; it is made again when it is run
  ./drupe images remove --all      all images, packages, sources and lists"""


def add_arguments(parser) -> None:
    parser.add_argument("action", choices=("list", "remove"), nargs="?", default="list")
    parser.add_argument("names", metavar="IMAGE", nargs="*")
    parser.add_argument("--all", action="store_true", help="with remove: everything in the cache")


def _size(folder) -> int:
    total = 0
    for where, _, files in os.walk(folder):
        total += sum(os.lstat(os.path.join(where, f)).st_blocks * 512 for f in files)
    return total


def _requests():
    """(request, folder) of every image that somebody asked for."""
    for link in sorted(image.images_folder().iterdir()):
        if link.is_symlink() and link.exists():
            yield "deb:" + link.name.removeprefix("deb_"), link.resolve()


def _list() -> None:
    rows = []
    for name, folder in _requests():
        info = json.loads((folder / "info.json").read_text())
        rows.append(
            (
                name,
                f"{_size(folder) >> 20} MiB",
                time.strftime("%Y-%m-%d %H:%M", time.localtime(info["made"])),
            )
        )
    rows += [(m.stem, "", "manifest") for m in sorted(image.MANIFESTS.glob("*.toml"))]
    if not rows:
        print("no images in the cache")
    for name, size, made in rows:
        print(f"{name:<40} {size:>9}  {made}")


def _remove_unused() -> None:
    used = {folder for _, folder in _requests()}
    for folder in image.images_folder().iterdir():
        if folder.is_symlink():
            if not folder.exists():
                folder.unlink()
        elif folder.resolve() not in used:
            image.remove_tree(folder)


def _remove(names: list, everything: bool) -> None:
    if everything == bool(names):
        raise UserError("images remove needs the name of an image, or --all")
    with places.locked("images"):
        if everything:
            for folder in image.images_folder().iterdir():
                folder.unlink() if folder.is_symlink() else image.remove_tree(folder)
            with places.locked("apt"):
                for name in ("apt", "sources", "files"):
                    shutil.rmtree(places.cache_dir() / name, ignore_errors=True)
            (places.cache_dir() / "dry-run.cpio").unlink(missing_ok=True)
            return
        known = {name: name.replace("deb:", "deb_", 1) for name, _ in _requests()}
        for name in names:
            if name not in known:
                raise UserError(f"there is no image '{name}' in the cache (./drupe images)")
            (image.images_folder() / known[name]).unlink()
        _remove_unused()


def run(args) -> int:
    if args.action == "remove":
        _remove(args.names, args.all)
    elif args.names or args.all:
        raise UserError("images list takes no names")
    else:
        _list()
    return 0
