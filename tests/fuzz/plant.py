#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""plant.py SOURCE OLD NEW: prints SOURCE with a bug: OLD, which must occur once, becomes NEW.

A fuzz target built from such a source must fail; otherwise it would not find the bug in ours.
(No backslash in OLD and NEW: Meson turns it into a slash.)
"""

import sys

source, old, new = sys.argv[1:]
with open(source, encoding="utf-8") as text:
    original = text.read()
if original.count(old) != 1:
    sys.exit(f"{source}: {old!r} occurs {original.count(old)} times, not once")
sys.stdout.write(original.replace(old, new))
