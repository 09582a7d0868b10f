# SPDX-License-Identifier: Apache-2.0
import pytest

from check_wording import complaints

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"

# Joined at run time, so that this file passes the check that it tests.
BAD = ["// TO" + "DO: later", "x = 1  # FIX" + "ME", "good enough for n" + "ow", "a st" + "ub of it",
       "cd /ho" + "me/someone/src", "see /wo" + "rk/notes"]


@pytest.mark.parametrize("line", BAD)
def test_unfinished_wording_fails(line):
    assert list(complaints("a.h", f"{LICENCE}{line}\n"))


@pytest.mark.parametrize("line", ["stubborn forwarding", "a todo-list service", "rework/this", "informed network",
                                  "/usr/share/polycube", "network/work", "Services::St" + "ub& client"])
def test_plain_wording_passes(line):
    assert not list(complaints("a.h", f"{LICENCE}{line}\n"))


def test_complaint_names_file_and_line():
    assert next(complaints("a.h", f"{LICENCE}\n// TO" + "DO\n")).startswith("a.h:3:")


def test_source_without_licence_fails():
    assert list(complaints("src/a.cpp", "int a;\n"))
    assert not list(complaints("docs/a.md", "text\n"))
    assert not list(complaints("tool.py", "#!/usr/bin/env python3\n# SPDX-License-Identifier: Apache-2.0\n"))
