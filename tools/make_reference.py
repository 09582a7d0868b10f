#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the reference of the headers that authors of cubes include: make_reference.py ROOT, into ROOT/build/docs.

Fails on everything that Doxygen warns of, and on names that cubes use and the reference does not have.
"""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

# What the fast paths of cubes use of the SDK; other names that begin so are their own or local ones.
USED = re.compile(r"\b(?:(?:pcn_\w+|call_\w+|LOG_[A-Z]+)(?=\()|(?:PCN|RX)_[A-Z_]+\b)")
FAST_PATHS = ("cubes/*/bpf/*", "cubes/*/abi/*", "examples/*/bpf/*", "examples/*/abi/*", "sdk/new-cube/templates/bpf/*",
              "sdk/new-cube/templates/abi/*")


def documented(tags):
    return {name.text.rsplit("::", 1)[-1] for tag in tags for name in ElementTree.parse(tag).iter("name")}


def missing(root, names):
    """Yields "file: name" of what is used, defined in the SDK's headers for fast paths, and not in the reference."""
    defined = "\n".join(header.read_text() for header in sorted((root / "sdk/bpf/polycube").glob("*.h")))
    for pattern in FAST_PATHS:
        for file in sorted(root.glob(pattern)):
            for name in sorted(set(USED.findall(file.read_text())) - names):
                if re.search(rf"#define {name}\b|\b{name}\(|^\s*{name}\b[ =,]", defined, re.MULTILINE):
                    yield f"{file.relative_to(root)}: {name} is not in the reference: its comment in sdk/bpf opens with /**"


def make(root):
    target = root / "build/docs"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for part in ("bpf", "cpp"):
        done = subprocess.run(["doxygen", f"docs/reference/{part}.doxyfile"], cwd=root, capture_output=True, text=True)
        if done.returncode != 0:
            yield f"{done.stdout}{done.stderr}".strip()
            return
    yield from missing(root, documented(target.glob("*.tag")))


def main(arguments):
    root = Path(arguments[0] if arguments else ".").resolve()
    found = list(make(root))
    print("\n".join(found) if found else f"{root / 'build/docs/index.html'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
