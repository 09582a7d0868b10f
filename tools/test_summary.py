#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sums the results of all tests: test_summary.py RESULTS-FOLDER KIND...

Counts every GoogleTest case and every pytest case; a program that died without a report is one failure. The last line
is "N passed, N failed"; the exit status is 1 when something failed, when a kind left no report, or nothing ran at all.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def cases(report):
    """Yields (name, passed) of a JUnit report; skipped cases are left out."""
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            continue
        failed = case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"
        yield f'{case.get("classname")}.{case.get("name")}', not failed


def gtest_case_results(folder, program):
    report = folder / "gtest" / f"{program}.xml"
    if not report.exists():
        return None
    try:
        return list(cases(report))
    except ElementTree.ParseError:
        return None


def ctest_results(folder, kind):
    for case in ElementTree.parse(folder / f"ctest-{kind}.xml").iter("testcase"):
        program = case.get("name")
        passed = case.get("status") == "run" and case.find("failure") is None
        inner = gtest_case_results(folder, program)
        if inner is None:
            yield program, passed
            continue
        yield from inner
        if not passed and all(ok for _, ok in inner):
            yield f"{program} (exit status)", False


def summarize(folder, kinds):
    """Returns (passed, names of what failed)."""
    passed, failed = 0, []
    for kind in kinds:
        report = folder / ("pytest-netns.xml" if kind == "netns" else f"ctest-{kind}.xml")
        if not report.exists():
            failed.append(f"{kind}: no report, the tests did not finish")
            continue
        try:
            results = list(cases(report) if kind == "netns" else ctest_results(folder, kind))
        except ElementTree.ParseError as error:
            failed.append(f"{kind}: unreadable report: {error}")
            continue
        passed += sum(ok for _, ok in results)
        failed += [f"{kind}: {name}" for name, ok in results if not ok]
    return passed, failed


def main(arguments):
    passed, failed = summarize(Path(arguments[0]), arguments[1:])
    for name in failed:
        print(f"failed: {name}")
    if not passed and not failed:
        print("no test matched")
    print(f"{passed} passed, {len(failed)} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
