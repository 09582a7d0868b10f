#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy on what changed: run_tidy.py [--build DIR] [--seconds N] [--jobs N] [FILE...]

What changed is what differs from the merge base with the upstream branch, or from the commit before when there is none
or it is the same, and what is not committed yet. A changed header is checked through a source of the same name. When
the time is used up, what remains is named, not failed: a whole tree takes longer than a check should.
"""

import argparse
import concurrent.futures
import json
import subprocess
import sys
import time
from pathlib import Path

# The commands are g++'s: it knows warnings that clang does not, and lets designated initializers leave fields out.
FOREIGN = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-missing-designated-field-initializers"]


def git(*arguments):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else None


def base_commit():
    head = git("rev-parse", "HEAD")
    for upstream in ("@{upstream}", "origin/main", "main"):
        base = git("merge-base", "HEAD", upstream)
        if base and base != head:
            return base[0]
    previous = git("rev-parse", "--verify", "--quiet", "HEAD~1")
    return previous[0] if previous else None


def changed_files():
    base = base_commit()
    committed = git("diff", "--name-only", "--diff-filter=d", base) if base else git("ls-files")
    return sorted(set(committed or []) | set(git("ls-files", "--others", "--exclude-standard") or []))


def sources_of(changed, compiled):
    """The compiled sources that check the changed files."""
    wanted = set()
    for name in changed:
        path = Path(name)
        if path.suffix == ".cpp":
            wanted.add(path)
        elif path.suffix == ".h":
            wanted |= {path.with_suffix(".cpp"), path.with_name(path.stem + "_test.cpp")}
    return sorted(path for path in wanted if path.resolve() in compiled)


def tidy(source, build, deadline):
    """Returns None when there was no time left, else (source, complaint or "")."""
    remaining = deadline - time.monotonic()
    if remaining <= 1:
        return source, None
    try:
        done = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(build), *FOREIGN, str(source)],
                              capture_output=True, text=True, timeout=remaining)
    except subprocess.TimeoutExpired:
        return source, None
    return source, "" if done.returncode == 0 else done.stdout + done.stderr


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args(arguments)

    database = json.loads((options.build / "compile_commands.json").read_text())
    compiled = {Path(entry["directory"], entry["file"]).resolve() for entry in database}
    sources = sources_of(options.files or changed_files(), compiled)
    deadline = time.monotonic() + options.seconds
    failed, skipped = [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for source, complaint in pool.map(lambda source: tidy(source, options.build, deadline), sources):
            if complaint is None:
                skipped.append(str(source))
            elif complaint:
                failed.append(complaint)
    print("\n".join(failed))
    note = f", no time for {len(skipped)}: {' '.join(skipped)}" if skipped else ""
    print(f"{len(sources) - len(skipped)} of {len(sources)} changed sources checked{note}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
