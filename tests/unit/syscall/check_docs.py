#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_docs.py GENERATOR DEF PAGE: the committed page is what the table says."""

import subprocess
import sys

generator, table, page = sys.argv[1:]
fresh = subprocess.run(
    [sys.executable, generator, "docs", table], check=True, capture_output=True, text=True
).stdout
with open(page, encoding="utf-8") as committed:
    if committed.read() != fresh:
        sys.exit("docs/syscalls.md is not current: run `ninja -C build docs-syscalls` and commit it")
