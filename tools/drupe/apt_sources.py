# SPDX-License-Identifier: BSD-2-Clause
"""Reads the machine's own apt sources, in both formats, and writes the ones of our private apt.

Only Debian's archives are kept: a third party's packages have no place in an image, and their
servers often know no arm64. Pure functions over text; apt.py does the work."""
import dataclasses
import re
import shlex
from pathlib import Path

RELEASES = {
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
}
POCKETS = (
    "-updates",
    "-security",
    "-proposed-updates",
    "-backports",
    "-backports-sloppy",
    "/updates",
)


@dataclasses.dataclass(frozen=True)
class Source:
    """One archive: where it is, which suites, and what apt has to know to trust it."""

    uri: str
    suites: tuple
    components: tuple
    options: tuple = ()  # (deb822 field name, value), only those that matter to us

    def is_debian(self) -> bool:
        """By what can be seen without the network: a release of Debian, the component main, and
        `debian` somewhere in the address. A vendor's archive fails in at least one of them."""
        return (
            "main" in self.components
            and bool(self.suites)
            and all(_base_suite(s) in RELEASES for s in self.suites)
            and "debian" in self.uri.lower()
        )

    def stanza(self) -> str:
        """This archive for a private apt: sources as well as packages, contrib as well as main."""
        components = list(dict.fromkeys((*self.components, "main", "contrib")))
        lines = [
            "Types: deb deb-src",
            f"URIs: {self.uri}",
            "Suites: " + " ".join(self.suites),
            "Components: " + " ".join(components),
        ]
        lines += [f"{key}:{_indent(value)}" for key, value in self.options]
        return "\n".join(lines) + "\n"


# Options of a one-line entry and the deb822 fields that say the same. Others (arch, lang, target …)
# describe the machine's own use of the archive and are dropped.
_KEPT = {
    "signed-by": "Signed-By",
    "trusted": "Trusted",
    "check-valid-until": "Check-Valid-Until",
    "check-date": "Check-Date",
    "allow-insecure": "Allow-Insecure",
}


def _base_suite(suite: str) -> str:
    for pocket in POCKETS:
        if suite.endswith(pocket):
            return suite.removesuffix(pocket)
    return suite


def _indent(value: str) -> str:
    """A value of one line after a space; a longer one (a key itself) with its lines indented."""
    first, *more = value.split("\n")
    return (" " + first if first else "") + "".join("\n " + (line.strip() or ".") for line in more)


def parse_one_line(text: str) -> list:
    """`deb [option=value …] URI suite component…` lines of a .list file."""
    found = []
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        m = re.match(r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)$", line)
        if not m or m.group(1) != "deb":
            continue
        options = []
        for word in shlex.split(m.group(2) or ""):
            key, _, value = word.partition("=")
            if key.rstrip("+-").lower() in _KEPT and value:
                options.append((_KEPT[key.rstrip("+-").lower()], value.replace(",", " ")))
        found.append(Source(m.group(3), (m.group(4),), tuple(m.group(5).split()), tuple(options)))
    return found


def _fields(stanza: list) -> dict:
    fields, last = {}, None
    for line in stanza:
        if line[0] in " \t" and last:
            fields[last] += "\n" + line.strip()
        elif ":" in line:
            key, _, value = line.partition(":")
            last = key.strip().lower()
            fields[last] = value.strip()
    return fields


def parse_deb822(text: str) -> list:
    """Stanzas of a .sources file, one Source for each address of each."""
    found, stanza = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if line.strip():
            stanza.append(line)
            continue
        fields, stanza = _fields(stanza), []
        if (
            fields.get("enabled", "yes").lower() in ("no", "false", "0")
            or "deb" not in fields.get("types", "").split()
        ):
            continue
        options = tuple((_KEPT[key], value) for key, value in fields.items() if key in _KEPT)
        for uri in fields.get("uris", "").split():
            found.append(
                Source(
                    uri,
                    tuple(fields.get("suites", "").split()),
                    tuple(fields.get("components", "").split()),
                    options,
                )
            )
    return found


def machine_sources(etc: Path = Path("/etc/apt")) -> list:
    """Every archive that this machine's apt knows, in apt's order, without repeats."""
    files = [
        etc / "sources.list",
        *sorted((etc / "sources.list.d").glob("*.list")),
        *sorted((etc / "sources.list.d").glob("*.sources")),
    ]
    found = []
    for file in files:
        if file.is_file():
            text = file.read_text(errors="replace")
            found += parse_deb822(text) if file.suffix == ".sources" else parse_one_line(text)
    return list(dict.fromkeys(found))


def debian_sources_text(sources: list) -> str:
    """The deb822 text of the private apt; empty when the machine knows no archive of Debian."""
    return "\n".join(s.stanza() for s in sources if s.is_debian())
