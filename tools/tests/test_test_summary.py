# SPDX-License-Identifier: Apache-2.0
import pytest

import test_summary as summary

GTEST = '<testsuites><testsuite>{}</testsuite></testsuites>'
GOOD = '<testcase name="a" classname="S" status="run" result="completed"/>'
BAD = '<testcase name="b" classname="S" status="run"><failure message="x"/></testcase>'
OFF = '<testcase name="c" classname="S" status="notrun"/>'
CTEST = '<testsuite><testcase name="x_test" classname="x_test" status="{}">{}</testcase></testsuite>'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gtest").mkdir()
    return tmp_path


def test_counts_cases_of_programs_and_pytest(folder):
    (folder / "ctest-unit.xml").write_text(CTEST.format("run", ""))
    (folder / "gtest/x_test.xml").write_text(GTEST.format(GOOD + GOOD + OFF))
    (folder / "pytest-netns.xml").write_text(
        '<testsuites><testsuite><testcase classname="t" name="a"/><testcase classname="t" name="b"><error/></testcase>'
        '<testcase classname="t" name="c"><skipped/></testcase></testsuite></testsuites>')
    assert summary.summarize(folder, ["unit"]) == (2, [])
    assert summary.summarize(folder, ["unit", "netns"]) == (3, ["netns: t.b"])


def test_failed_case_is_named(folder):
    (folder / "ctest-prog.xml").write_text(CTEST.format("fail", "<failure/>"))
    (folder / "gtest/x_test.xml").write_text(GTEST.format(GOOD + BAD))
    assert summary.summarize(folder, ["prog"]) == (1, ["prog: S.b"])


def test_program_that_dies_is_one_failure(folder):
    (folder / "ctest-unit.xml").write_text(CTEST.format("fail", "<failure/>"))
    assert summary.summarize(folder, ["unit"]) == (0, ["unit: x_test"])
    (folder / "gtest/x_test.xml").write_text(GTEST.format(GOOD))
    assert summary.summarize(folder, ["unit"]) == (1, ["unit: x_test (exit status)"])


def test_missing_report_is_a_failure(folder, capsys):
    assert summary.main([str(folder), "netns"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_nothing_is_a_failure(folder):
    (folder / "ctest-unit.xml").write_text("<testsuite/>")
    assert summary.main([str(folder), "unit"]) == 1
