#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every fuzzer of a build for a bounded time: run_fuzzers.py BUILD [--seconds N] [--jobs N]

Seeds are read from tests/fuzz/<name>/ and never written; what is found grows in BUILD/corpus/<name>/, inputs that
crash are kept in BUILD/artifacts/<name>/.
"""

import argparse
import concurrent.futures
import subprocess
import sys
from pathlib import Path


def run(program, seconds, seeds):
    corpus = program.parent.parent / "corpus" / program.name
    artifacts = program.parent.parent / "artifacts" / program.name
    corpus.mkdir(parents=True, exist_ok=True)
    artifacts.mkdir(parents=True, exist_ok=True)
    command = [str(program), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={artifacts}/", str(corpus)]
    if seeds.is_dir():
        command.append(str(seeds))
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return program.name, done.returncode, done.stderr


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)

    programs = sorted(path for folder in ("fuzz", "bin") for path in (options.build / folder).glob("*_fuzz"))
    if not programs:
        print(f"no fuzzer in {options.build}")
        return 1
    seeds = Path(__file__).resolve().parent.parent / "tests/fuzz"
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda program: run(program, options.seconds, seeds / program.name), programs)
        for name, status, text in results:
            if status != 0:
                failed += 1
                print(f"{name} failed with status {status}:\n{text[-6000:]}")
    print(f"{len(programs)} fuzzers, {options.seconds} s each")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
