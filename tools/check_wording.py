#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads file names from standard input and refuses words that do not belong into finished work: check_wording.py

A mark for later belongs into the tracker, not into the tree; what is unfinished is not merged; a path of somebody's own
machine helps nobody else. Also: every source file names its licence in its first lines.
"""

import re
import sys
from pathlib import Path

# Written so that this file does not refuse itself. A qualified name is what gRPC calls the client of a service.
WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b|(?<![\w./-])/(ho" r"me/\w+|wo" r"rk|ro" r"ot)/")
WORDS_ANY_CASE = re.compile(r"\b(for n" r"ow|(?<!::)st" r"ubs?)\b", re.IGNORECASE)
SOURCES = {".cpp", ".h", ".c", ".py", ".sh"}
SKIPPED = ("LICENSE", "LICENSES/", "tests/fuzz/")
LICENCE = "SPDX-License-Identifier:"


def complaints(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        found = WORDS.search(line) or WORDS_ANY_CASE.search(line)
        if found:
            yield f"{name}:{number}: '{found.group(0)}' does not belong here: {line.strip()[:100]}"
    if Path(name).suffix in SOURCES and text.strip() and LICENCE not in "\n".join(text.splitlines()[:3]):
        yield f"{name}:1: the first lines do not name the licence ({LICENCE} ...)"


def main():
    found = []
    for name in filter(None, (line.strip() for line in sys.stdin)):
        if name.startswith(SKIPPED) and not name.endswith("README.md"):
            continue
        try:
            text = Path(name).read_text()
        except UnicodeDecodeError:
            continue
        found += complaints(name, text)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
