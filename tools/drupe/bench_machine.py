# SPDX-License-Identifier: BSD-2-Clause
"""The machines of `drupe bench`: its programs, the systems that run them, one boot under a timeout."""
import dataclasses
import subprocess
import tempfile
import time
from pathlib import Path

from . import cmd_build, image, pack, places, progress, qemu, sources, start
from .errors import UserError

SOURCES = places.ROOT / "tests" / "bench"
OUTPUT = places.BUILD / "bench"
CROSS_CC = "aarch64-linux-gnu-gcc"
PROGRAM, STARTED = "/launch", "/started"  # in the guest, beside an image's files
# Exact and the same every time: one nanosecond of the guest is one instruction; seeds and clocks are fixed.
MACHINE = ["-M", "virt", "-cpu", "cortex-a57", "-seed", "1"]
EXACT = ["-smp", "1", "-icount", "shift=0,sleep=off", "-accel", "tcg,thread=single"]
ONE_CPU = ["-smp", "1", "-accel", "tcg,thread=single"]
TWO_CPUS = ["-smp", "2", "-accel", "tcg,thread=multi"]
CLOCK = ["-rtc", "base=2026-01-01T00:00:00,clock=vm"]
BARE = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none"]


@dataclasses.dataclass
class Programs:
    bench: Path
    hello: Path
    plugin: Path
    bench_musl: Path  # bench.c against our libc
    strings: dict  # C library: strings.c against it
    launch: Path
    scaling: Path
    disk: Path
    started: dict  # C library: started.c, dynamic, against it


def stale(output: Path, *inputs: Path) -> bool:
    return not output.exists() or any(i.stat().st_mtime > output.stat().st_mtime for i in inputs)


def _program(name: str, suffix: str, compiler, options: list) -> Path:
    source, output = SOURCES / f"{name}.c", OUTPUT / f"{name}.{suffix}"
    inputs = [source] + ([image.MUSL_LIBRARIES / "libc.a"] if compiler == image.MUSL_CC else [])
    if stale(output, *inputs):
        words = [compiler, *options, "-o", output, source]
        progress.call(words, f"compiling {name}.c", f"cannot compile {name}.c")
    return output


def build_programs() -> Programs:
    """Compiles what runs in the guests and the counter that runs in QEMU into build/bench."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    static = ["-O2", "-static", "-pthread"]
    one_call = ["-O2", "-fno-plt", "-fno-builtin"]  # as strings.c wants it
    bench = _program("bench", "aarch64", CROSS_CC, static)
    hello = _program("hello", "aarch64", CROSS_CC, static)
    bench_musl = _program("bench", "musl", image.MUSL_CC, static)
    strings = {
        "musl": _program("strings", "musl", image.MUSL_CC, one_call),
        "glibc": _program("strings", "glibc", CROSS_CC, one_call),
    }
    launch = _program("launch", "aarch64", CROSS_CC, static)
    scaling = _program("scaling", "aarch64", CROSS_CC, static)
    disk = _program("disk", "aarch64", CROSS_CC, static)
    started = {
        "musl": _program("started", "musl", image.MUSL_CC, ["-O2"]),
        "glibc": _program("started", "glibc", CROSS_CC, ["-O2"]),
    }
    plugin, source = OUTPUT / "insncount.so", SOURCES / "insncount.c"
    if stale(plugin, source):
        header = places.cache_dir() / "qemu-plugin.h"
        sources.fetch_file("qemu-plugin", "include/qemu/qemu-plugin.h", header)
        flags = progress.call(["pkg-config", "--cflags", "glib-2.0"], "", "glib is missing").split()
        words = ["gcc", "-O2", "-fPIC", "-shared", f"-I{header.parent}", *flags]
        progress.call(
            [*words, "-o", plugin, source], "compiling insncount.c", "cannot compile insncount.c"
        )
    return Programs(bench, hello, plugin, bench_musl, strings, launch, scaling, disk, started)


# --- systems ---


class Drupe:
    """This kernel, from the same kind of image that `run` makes."""

    name = "here"

    def __init__(self, folder: Path, kernel: Path = cmd_build.KERNEL, isolation: str = ""):
        self.folder, self.kernel = folder, kernel
        self.words = ["drupe.status=console"] + ([f"drupe.isolation={isolation}"] if isolation else [])

    def load(self, program: Path, arguments: list, kernel_words: tuple = ()) -> list:
        """QEMU's words for one program. The next call replaces the files of this one."""
        found = image.resolve(str(program))
        return self._load(found, [found.command[0], *arguments], kernel_words)

    def load_with(self, files, program: Path, arguments: list) -> list:
        """The same with an Image's files beside it."""
        return self._load(_with_program(files, program), [PROGRAM, *arguments], ())

    def _load(self, files, command: list, kernel_words: tuple) -> list:
        record = start.Start(command, {"PATH": start.PATH})  # nothing comes in
        archive = pack.pack(files, record.encode(), [], self.folder)
        append = ["-append", " ".join([*self.words, *kernel_words])]
        return ["-kernel", str(self.kernel), "-initrd", str(archive), *append]


class Linux:
    """A Linux kernel with the program as its init."""

    name = "Linux"

    def __init__(self, folder: Path, kernel: Path):
        self.folder, self.kernel = folder, kernel

    def load(self, program: Path, arguments: list, kernel_words: tuple = ()) -> list:
        return self._load(init_archive(program.read_bytes()), arguments, kernel_words)

    def load_with(self, files, program: Path, arguments: list) -> list:
        """The same with an Image's files, which Linux unpacks into a file system in memory."""
        archive = pack.pack(_with_program(files, program), None, [], self.folder).read_bytes()
        return self._load(init_archive(program.read_bytes()) + archive, arguments, ())

    def _load(self, archive: bytes, arguments: list, kernel_words: tuple) -> list:
        file = self.folder / "initrd.cpio"
        file.write_bytes(archive)
        append = " ".join(["console=ttyAMA0", "quiet", *kernel_words, "--", *arguments])
        return ["-kernel", str(self.kernel), "-initrd", str(file), "-append", append]


def started_image(program: Path):
    """An Image with a dynamic program, its interpreter and libraries."""
    files = image.resolve(str(program))
    line = f"{STARTED}: {image.quote(str(program))}\n"
    return dataclasses.replace(files, files=files.files + line)


def _with_program(files, program: Path):
    line = f"{PROGRAM}: {image.quote(str(program))}\n"
    return dataclasses.replace(files, files=files.files + line)


def init_archive(program: bytes) -> bytes:
    """A newc archive with /init and the two devices that Linux opens before it."""
    out = b""
    entries = [  # name, mode, data, major, minor
        ("dev", 0o040755, b"", 0, 0),
        ("dev/console", 0o020600, b"", 5, 1),
        ("dev/null", 0o020666, b"", 1, 3),
        ("init", 0o100755, program, 0, 0),
        ("TRAILER!!!", 0, b"", 0, 0),
    ]
    for number, (name, mode, data, major, minor) in enumerate(entries, 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
    return out


# --- one boot ---


@dataclasses.dataclass
class Boot:
    """How a boot went. `why` is empty when the machine powered itself off."""

    text: str
    why: str
    words: list


def _complaint(errors) -> str:
    errors.seek(0)
    said = errors.read().decode(errors="replace").split("\n")[0]
    return said.removeprefix(f"{qemu.PROGRAM}: ")


def boot(load: list, memory: int, folder: Path, timeout: float, extra: list = (), cpus: list = EXACT,
         until: str = "", step=None) -> Boot:
    """Runs the machine until it powers off, says `until`, or has said nothing for `timeout` seconds."""
    serial = folder / "serial"
    serial.unlink(missing_ok=True)
    words = [qemu.PROGRAM, *MACHINE, "-m", str(memory), *cpus, *CLOCK]
    words += [*BARE, "-serial", f"file:{serial}", *load, *extra]
    why, seen, last = "", -1, time.monotonic()
    with tempfile.TemporaryFile() as errors, qemu.running(words, errors) as process:
        while process.poll() is None:
            time.sleep(0.05)
            size = serial.stat().st_size if serial.exists() else 0
            if size != seen:
                seen, last = size, time.monotonic()
                text = serial.read_text(errors="replace") if size else ""
                if step and "\n" in text:
                    step.note(text.rstrip("\r\n").rsplit("\n", 1)[-1].strip()[:40])
                if until and until in text:
                    break
            if time.monotonic() - last > timeout:
                why = f"said nothing for {timeout:g} seconds"
                break
        else:
            if process.returncode:
                why = f"QEMU ended with status {process.returncode}: {_complaint(errors)}"
    return Boot(serial.read_text(errors="replace") if serial.exists() else "", why, words)


def plugin_words(plugin: Path, folder: Path, **options) -> list:
    """QEMU's words for the counter; a comma in a value is doubled, as QEMU wants it."""
    values = {"serial": str(folder / "serial"), "out": str(folder / "counts"), **options}
    text = "".join(f",{key}={str(value).replace(',', ',,')}" for key, value in values.items())
    return ["-plugin", f"{plugin}{text}"]


def counts(folder: Path) -> dict:
    """What the counter wrote: MARKER and END, total instructions."""
    file = folder / "counts"
    lines = file.read_text().splitlines() if file.exists() else []
    return {line.split()[0]: int(line.split()[1]) for line in lines}


def first_line(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, cwd=places.ROOT).stdout.split("\n")[0]
    except FileNotFoundError:
        raise UserError(f"there is no program {words[0]} (./drupe doctor)") from None
