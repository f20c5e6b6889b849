# SPDX-License-Identifier: BSD-2-Clause
"""The start record: what the kernel is to run, as docs/bootfs.md has it. A pure function."""
import dataclasses
import os

from .errors import UserError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclasses.dataclass
class Start:
    arguments: list
    environment: dict = dataclasses.field(default_factory=dict)
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    stdin: str = "framed"  # tty | keys | framed | null
    stdout: str = "raw"  # tty | raw
    rows: int = 0  # 0: no terminal
    columns: int = 0
    shares: list = dataclasses.field(default_factory=list)  # TAG:ro|rw:PATH

    def encode(self) -> bytes:
        """Strings may carry any byte but NUL (surrogateescape, as Python has arguments from the system)."""
        if not self.arguments or not self.arguments[0]:
            raise UserError("the command is empty")
        if not self.cwd.startswith("/"):
            raise UserError(
                f"the working directory '{self.cwd}' should be an absolute path in the guest"
            )
        records = [("arg", a) for a in self.arguments]
        records += [("env", f"{name}={value}") for name, value in self.environment.items()]
        records += [
            ("cwd", self.cwd),
            ("uid", str(self.uid)),
            ("gid", str(self.gid)),
            ("stdin", self.stdin),
            ("stdout", self.stdout),
        ]
        records += [("share", share) for share in self.shares]
        if self.rows and self.columns:
            records += [("rows", str(self.rows)), ("cols", str(self.columns))]
        encoded = [os.fsencode(f"{tag}={value}") for tag, value in records]
        if any(b"\0" in record for record in encoded):
            raise UserError("an argument or a variable holds a NUL byte")
        return b"".join(record + b"\0" for record in encoded)


def environment(given: list) -> dict:
    """The guest's environment: our defaults, then the K=V of -e (K alone takes this machine's value)."""
    result = {"PATH": PATH, "HOME": "/root", "TERM": os.environ.get("TERM") or "dumb"}
    for word in given:
        name, equals, value = word.partition("=")
        if not name:
            raise UserError(f"-e {word}: a variable needs a name")
        if equals:
            result[name] = value
        elif name in os.environ:
            result[name] = os.environ[name]
    return result
