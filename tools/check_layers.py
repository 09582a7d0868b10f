#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Enforces the table "Layers" of docs/architecture.md: check_layers.py ROOT

Every #include "folder/..." below src/ and every polycube_<folder> target named in a src/<folder>/CMakeLists.txt must be
allowed by the row of the folder that holds it; every folder of src/ needs a row.
"""

import re
import sys
from pathlib import Path

ROW = re.compile(r"^\|\s*`src/(\w+)`\s*\|([^|]*)\|")
INCLUDE = re.compile(r'^\s*#\s*include\s*"(\w+)/[^"]*"')
TARGET = re.compile(r"\bpolycube_(\w+)\b")
FUNCTIONS = {"library", "test", "fuzz", "bench", "benchmark", "executable", "program", "bpf_object", "harness"}


def read_table(text):
    """Returns {folder: set of folders it may use}. "X and all it may use" and "X and all below" are resolved."""
    table = {}
    for line in text.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        folder, cell = row.group(1), row.group(2).strip()
        allowed = set()
        for part in filter(None, (part.strip() for part in cell.split(","))):
            words = part.split()
            name = words[0]
            if name not in table:
                raise ValueError(f"the row of src/{folder} allows {name}, which has no row above it")
            allowed.add(name)
            if " ".join(words[1:]) == "and all it may use":
                allowed |= table[name]
            elif " ".join(words[1:]) == "and all below":
                allowed |= set(list(table)[: list(table).index(name) + 1])
            elif len(words) > 1:
                raise ValueError(f"the row of src/{folder} is not understood: {part}")
        table[folder] = allowed
    if not table:
        raise ValueError("docs/architecture.md has no table of layers")
    return table


def folder_of(target, table):
    """The folder that a target belongs to: polycube_cli and polycube_cli_core belong to src/cli."""
    owners = [folder for folder in table if target == folder or target.startswith(folder + "_")]
    return max(owners, key=len, default=None) if target not in FUNCTIONS else None


def strip_comments(text):
    return "\n".join(line.split("#", 1)[0] for line in text.splitlines())


def violations(root):
    table = read_table((root / "docs/architecture.md").read_text())
    source = root / "src"
    for folder in sorted(path.name for path in source.iterdir() if path.is_dir() and any(path.iterdir())):
        if folder not in table:
            yield f"src/{folder}: has no row in the table of docs/architecture.md"
            continue
        allowed = table[folder] | {folder}
        for path in sorted((source / folder).rglob("*")):
            name = path.relative_to(root)
            if path.suffix in (".h", ".cpp", ".c"):
                for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                    include = INCLUDE.match(line)
                    if include and (include.group(1) in table) and include.group(1) not in allowed:
                        yield f"{name}:{number}: src/{folder} must not include from src/{include.group(1)}"
            elif path.name == "CMakeLists.txt":
                for number, line in enumerate(strip_comments(path.read_text()).splitlines(), 1):
                    for target in TARGET.findall(line):
                        owner = folder_of(target, table)
                        if owner and owner not in allowed:
                            yield f"{name}:{number}: src/{folder} must not link polycube_{target}"


def main(arguments):
    try:
        found = list(violations(Path(arguments[0] if arguments else ".")))
    except ValueError as error:
        found = [str(error)]
    for violation in found:
        print(violation)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
