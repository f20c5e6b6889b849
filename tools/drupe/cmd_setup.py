# SPDX-License-Identifier: BSD-2-Clause
"""drupe setup: make this machine ready. tools/setup does the packages, this the sources."""
import subprocess
import sys

from . import machine, places, sources
from .errors import OUR_ERROR, UserError

SUMMARY = "install what building and running need, and fetch third-party sources"


def add_arguments(parser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--sources-only", action="store_true", help="leave the Debian packages alone"
    )


def _say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


def fetch_sources(dry_run: bool) -> None:
    for name, entry in sources.table("build").items():
        if not dry_run:
            sources.renew_overlay(name)
        if sources.is_there(name):
            continue
        if dry_run:
            _say(f"will fetch the source of {entry['debian']}: {entry['what']}")
            continue
        _say(f"fetching the source of {entry['debian']}: {entry['what']}")
        with places.locked("sources"):
            if not sources.is_there(name):
                sources.fetch(name, entry, _say)


def run(args) -> int:
    if not args.sources_only:
        command = [str(places.ROOT / "tools" / "setup")] + (["--dry-run"] if args.dry_run else [])
        return subprocess.run(command).returncode
    fetch_sources(args.dry_run)
    if not args.dry_run:
        _say("third-party sources are there")
        (places.SUBPROJECTS / ".setup-done").write_text(machine.state())
    return 0


def ensure() -> None:
    """Runs setup when this tree has never been set up or its needs have changed. For the commands
    that build; a stranger's first command is one of them."""
    stamp = places.SUBPROJECTS / ".setup-done"
    if stamp.exists() and stamp.read_text() == machine.state() and not machine.missing_packages():
        return
    if machine.missing_packages() or machine.missing_sources():
        _say("this tree is not set up yet; doing it now")
        if subprocess.run([places.ROOT / "tools" / "setup"], stdout=sys.stderr).returncode != 0:
            raise UserError(
                "setup did not finish; its reason stands above (./drupe doctor lists what is missing)",
                OUR_ERROR,
            )
    else:
        stamp.write_text(machine.state())
