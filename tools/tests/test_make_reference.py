# SPDX-License-Identifier: Apache-2.0
import shutil
from pathlib import Path

import pytest

import make_reference

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    """The project as far as the reference reads it."""
    for folder in ("docs/reference", "sdk", "cubes/simpleforwarder", "tests/harness"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "src/base").mkdir(parents=True)
    shutil.copy(ROOT / "src/base/result.h", tmp_path / "src/base")
    return tmp_path


def change(tree, file, old, new):
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new, 1))


def test_the_project_is_described(tree):
    assert list(make_reference.make(tree)) == []
    assert (tree / "build/docs/index.html").is_file() and (tree / "build/docs/bpf/cube_8h.html").is_file()
    assert "pcn_enter" not in (tree / "build/docs/bpf/core_8h.html").read_text(), "what is the framework's own is left out"


def test_what_doxygen_warns_of_is_refused(tree):
    change(tree, "sdk/control/polycube/control.h", "/// A packet from the fast path.", "/// @param nothing Is called so.")
    assert "nothing" in "".join(make_reference.make(tree))


def test_what_a_cube_uses_is_described(tree):
    change(tree, "sdk/bpf/polycube/core.h", "/**\n * Send the packet out of a port;", "/*\n * Send the packet out of a port;")
    change(tree, "docs/reference/main.md", ", @ref pcn_pkt_redirect", "")
    assert list(make_reference.make(tree))[0].startswith("cubes/simpleforwarder/bpf/simpleforwarder.bpf.c: pcn_pkt_redirect ")
