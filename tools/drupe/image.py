# SPDX-License-Identifier: BSD-2-Clause
"""Turns the IMAGE of a command line into what mkbootfs needs: deb:, a folder, a manifest, an ELF file."""
import dataclasses
import hashlib
import json
import os
import shutil
import time
from pathlib import Path

from . import apt, debtree, elf, ldcache, places, programs, progress, shape
from .debtree import quote
from .errors import UserError

FORMAT = "1"  # of cached trees; another value makes them anew
CROSS_ROOT = Path("/usr/aarch64-linux-gnu")
MUSL_LOADER = "/lib/ld-musl-aarch64.so.1"
MUSL_CC = places.BUILD / "drupe-musl-gcc"
MUSL_LIBRARIES = places.BUILD / "src/libc/musl/sysroot/lib"
MANIFESTS = places.ROOT / "manifests"
HIGHEST_ID = 0xFFFF_FFFE  # the next one means "unchanged" to system calls
MANIFEST_SHAPE = {
    "image?": str,
    "files?": str,
    "command?": [str],
    "env?": {"*": str},
    "cwd?": str,
    "uid?": int,
    "gid?": int,
    "memory?": str,
    "kernel_args?": [str],
    "note?": str,
}


@dataclasses.dataclass
class Image:
    """What a guest gets. `tree` (a cached folder with its lines) is below everything else; `sources` are
    arguments of mkbootfs on top of it."""

    name: str
    tree: Path | None = None  # folder in the cache: rootfs/, lines, packed archive
    sources: list = dataclasses.field(default_factory=list)
    files: str = ""  # further manifest lines
    command: list = dataclasses.field(default_factory=list)
    environment: dict = dataclasses.field(default_factory=dict)
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    memory: str = ""
    kernel_args: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)  # for --dry-run


def images_folder() -> Path:
    folder = places.cache_dir() / "images"
    folder.mkdir(exist_ok=True)
    return folder


# --- deb: ---


def _tree_key(debs: list) -> str:
    """Names a tree by all that goes into it: the files, what is known about the programs, our format."""
    text = [FORMAT, *(d.name for d in debs)]
    for deb in debs:
        file = programs.FOLDER / f"{_package_of(deb)}.toml"
        if file.exists():
            text.append(file.read_text())
    code = b"".join(
        (Path(__file__).parent / f"{m}.py").read_bytes() for m in ("debtree", "ldcache", "programs")
    )
    return hashlib.sha256("\0".join(text).encode() + code).hexdigest()[:16]


def _package_of(deb: Path) -> str:
    return deb.name.split("_", 1)[0]


def _build_tree(folder: Path, packages: list, debs: list) -> None:
    fresh = folder.with_name(folder.name + ".new")
    remove_tree(fresh)
    fresh.mkdir(parents=True)
    with progress.step("unpacking " + ", ".join(packages)) as step:
        tree = debtree.Tree(fresh / "rootfs")
        unknown, known = [], []
        for deb in debs:
            step.note(_package_of(deb))
            tree.unpack(deb)
            program = programs.load(_package_of(deb))
            if program:
                known.append(program)
            elif debtree.has_script(deb):
                unknown.append(_package_of(deb))
        tree.complete()
        for program in known:
            programs.apply(program, tree.root, tree.owners)
        tree.close()
    (fresh / "lines").write_text("".join(line + "\n" for line in tree.lines))
    (fresh / "info.json").write_text(
        json.dumps(
            {
                "packages": packages,
                "debs": [d.name for d in debs],
                "made": int(time.time()),
                "applied": [f"{p.package}: {line}" for p in known for line in p.describe()],
                "scripts_unknown": unknown,
            }
        )
    )
    fresh.rename(folder)


def remove_tree(folder: Path) -> None:
    """rmtree for trees whose folders may be closed even to their owner."""

    def open_and_retry(function, path, _):
        os.chmod(os.path.dirname(path), 0o700)
        if not os.path.islink(path):
            os.chmod(path, 0o700)
        function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=open_and_retry)


def deb_tree(packages: list, pull: bool = False) -> Path:
    """The cached folder for packages and their closure, made when it is missing. The same request gives
    the same tree until `pull` asks the archive again."""
    request = images_folder() / ("deb_" + ",".join(packages)).replace("/", "_")[:200]
    with places.locked("images"):
        debs = None
        if request.is_symlink() and not pull:
            folder = images_folder() / os.readlink(request)
            if (folder / "info.json").exists():
                names = json.loads((folder / "info.json").read_text())["debs"]
                debs = [places.cache_dir() / "apt" / "debs" / name for name in names]
                if folder.name == _tree_key(debs):
                    return folder
                if not all(d.exists() for d in debs):
                    debs = None
        debs = debs or apt.closure(packages)
        folder = images_folder() / _tree_key(debs)
        if not (folder / "info.json").exists():
            _build_tree(folder, packages, debs)
        request.unlink(missing_ok=True)
        request.symlink_to(folder.name)
        return folder


def _deb(spec: str, pull: bool) -> Image:
    packages = [p for p in spec.split(",") if p]
    if not packages:
        raise UserError("deb: needs the name of a package, as in deb:lua5.4")
    folder = deb_tree(packages, pull)
    info = json.loads((folder / "info.json").read_text())
    program = programs.load(packages[0])
    command = list(program.command) if program and program.command else [packages[0]]
    notes = [
        f"{len(info['debs'])} packages: " + " ".join(_package_of(Path(d)) for d in info["debs"])
    ]
    notes += ["instead of maintainer scripts, " + line for line in info["applied"]]
    if info["scripts_unknown"]:
        notes.append(
            "maintainer scripts that nothing stands for (programs/): "
            + " ".join(info["scripts_unknown"])
        )
    return Image(
        "deb:" + ",".join(packages),
        tree=folder,
        command=command,
        environment=dict(program.env) if program else {},
        notes=notes,
    )


# --- an ELF file ---


def _find_library(name: str, folders: list):
    for folder in folders:
        file = folder / name
        if elf.read_aarch64(file):
            return file
    return None


@dataclasses.dataclass(frozen=True)
class _System:
    """Where the libraries of one C library lie here and in the guest."""

    root: Path
    folders: tuple
    guest: str
    # Libraries that the C library opens by itself later.
    opened: tuple = ()
    # Names for which its loader itself stands.
    itself: tuple = ()


def _system_of(interpreter: str, root: Path) -> _System:
    """By the interpreter that a program asks for: our libc, or what the cross toolchain has."""
    if interpreter != MUSL_LOADER:
        folders = (root / "lib", root / "lib64", root / "usr/lib")
        # Unwinding for thread cancellation.
        return _System(root, folders, "/lib/aarch64-linux-gnu", opened=("libgcc_s.so.1",))
    if not (MUSL_LIBRARIES / "libc.so").exists():
        raise UserError("the program needs our libc, which is not built yet: ninja -C build musl")
    return _System(MUSL_LIBRARIES, (MUSL_LIBRARIES,), "/lib", itself=("libc.so",))


def library_lines(program: Path, root: Path = CROSS_ROOT) -> tuple:
    """(manifest lines, cache of libraries) that give an arm64 program its interpreter and libraries: our
    libc's, or the cross toolchain's. What is not found is left to the guest's own loader to complain about."""
    lines, libraries, todo = [], {}, [program]
    first = elf.read(program)
    if not first.interpreter:
        return lines, libraries
    system = _system_of(first.interpreter, root)
    seen = {os.path.basename(first.interpreter), *system.itself}
    interpreter = _find_library(os.path.basename(first.interpreter), system.folders)
    if interpreter:
        lines.append(f"{quote(first.interpreter)}: {quote(str(interpreter.resolve()))}")
    wanted = [(name, system.folders) for name in system.opened]
    while todo or wanted:
        if todo:
            file = todo.pop()
            found = elf.read_aarch64(file)
            own = (
                [
                    Path(
                        p.replace("$ORIGIN", str(file.parent)).replace(
                            "${ORIGIN}", str(file.parent)
                        )
                    )
                    for p in found.runpath
                ]
                if found
                else []
            )
            wanted += [(name, [*own, *system.folders]) for name in (found.needed if found else ())]
            continue
        name, folders = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _find_library(name, folders)
        if file is None:
            continue
        of_system = system.root in file.parents
        guest = f"{system.guest}/{name}" if of_system else str(file)
        lines.append(f"{quote(guest)}: {quote(str(file.resolve()))}")
        if of_system:
            libraries[name] = guest
        todo.append(file)
    return lines, libraries


def _skeleton_lines() -> list:
    """The folders and links that every Debian system has, for images that no package made."""
    lines = [f"/{link}: %symlink usr/{link}" for link in debtree.MERGED]
    return [f"/{path}: %dir mode={mode:04o}" for path, mode in debtree.FOLDERS.items()] + lines


def _elf(spec: str, file: Path, rootfs: str, pull: bool) -> Image:
    found = elf.read(file)
    if found.machine != elf.AARCH64:
        raise UserError(
            f"{spec} is an ELF file for another machine (number {found.machine}), not for arm64"
        )
    if found.type not in (elf.ET_EXEC, elf.ET_DYN):
        raise UserError(f"{spec} is an ELF file, but no program (an object file or a core dump)")
    guest = os.path.abspath(file)
    own = f"{quote(guest)}: {quote(str(file.resolve()))}\n"
    if rootfs:
        base = resolve(rootfs, "", pull)
        base.files += own
    else:
        lines, libraries = library_lines(file)
        base = Image(spec, files="\n".join(_skeleton_lines() + lines) + "\n" + own)
        if lines:
            base.files += _etc_lines(ldcache.cache_bytes(libraries))
        base.notes = ["libraries: " + (" ".join(sorted(libraries)) or "none")]
    base.name = spec
    base.command = [guest]
    base.environment = {**base.environment}
    return base


def _etc_lines(cache: bytes) -> str:
    """Lines for the small files of /etc; their contents lie in the cache folder, named by content."""
    folder = places.cache_dir() / "files"
    folder.mkdir(exist_ok=True)
    text = ""
    for name, content in [
        *((n, t.encode()) for n, t in debtree.FILES.items()),
        ("ld.so.cache", cache),
    ]:
        file = folder / hashlib.sha256(content).hexdigest()
        if not file.exists():
            fresh = file.with_name(f"{file.name}.{os.getpid()}")
            fresh.write_bytes(content)
            fresh.rename(file)
        text += f"/etc/{name}: {quote(str(file))} mode=0644 mtime=0\n"
    return text


# --- a manifest ---


def _manifest(name: str, file: Path, pull: bool) -> Image:
    where = f"manifests/{name}.toml"
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise UserError(f"{where}: {e}") from None
    data = shape.load(text, where, MANIFEST_SHAPE)
    for key in ("uid", "gid"):
        if not 0 <= data.get(key, 0) <= HIGHEST_ID:
            raise UserError(f"{where}: '{key}' should be from 0 to {HIGHEST_ID}")
    if "image" in data:
        spec = data["image"]
        image = resolve(spec if spec.startswith("deb:") else str(MANIFESTS / spec), "", pull)
    else:
        image = Image(name, files="\n".join(_skeleton_lines()) + "\n")
    image.name = name
    image.command = data.get("command", image.command)
    image.environment |= data.get("env", {})
    image.kernel_args += data.get("kernel_args", [])
    for key in ("cwd", "uid", "gid", "memory"):
        setattr(image, key, data.get(key, getattr(image, key)))
    if "note" in data:
        image.notes.append(data["note"])
    image.files += f"%define manifests {quote(str(MANIFESTS))}\n" + data.get("files", "")
    return image


# --- all ---


def resolve(spec: str, rootfs: str = "", pull: bool = False) -> Image:
    """The Image that `spec` names. Throws UserError for what is none."""
    if not spec:
        raise UserError("IMAGE is empty: deb:PACKAGE, a folder, a manifest's name or an arm64 program")
    if rootfs and (spec.startswith("deb:") or not os.path.isfile(spec)):
        raise UserError(
            "--rootfs goes with an ELF file; other images are root file systems themselves"
        )
    if spec.startswith("deb:"):
        return _deb(spec.removeprefix("deb:"), pull)
    manifest = MANIFESTS / f"{spec}.toml"
    if "/" not in spec and manifest.is_file():
        return _manifest(spec, manifest, pull)
    path = Path(spec)
    if path.is_dir():
        return Image(spec, sources=[os.path.abspath(path)], command=[])
    if path.is_file():
        try:
            return _elf(spec, path, rootfs, pull)
        except elf.NotElf as e:
            raise UserError(f"{spec} is neither a folder nor a program: {e}") from None
    if path.exists():
        raise UserError(f"{spec} is neither a folder nor a file")
    known = ", ".join(sorted(m.stem for m in MANIFESTS.glob("*.toml")))
    raise UserError(
        f"there is no image '{spec}': it is no file, no folder and no manifest"
        + (f" ({known})" if known else "")
        + "; Debian packages are written deb:NAME"
    )
