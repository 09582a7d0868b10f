# SPDX-License-Identifier: Apache-2.0
import pytest

import check_layers

TABLE = """
| folder | may use | what |
|---|---|---|
| `src/base` | | x |
| `src/bpf` | base | x |
| `src/engine` | bpf, base | x |
| `src/service` | engine and all it may use | x |
| `src/api` | service, base | x |
| `src/daemon` | api and all below | x |
| `src/cli` | base | x |
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/architecture.md").write_text(TABLE)

    def write(path, text):
        file = tmp_path / "src" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return list(check_layers.violations(tmp_path))

    return write


def test_table_is_resolved():
    table = check_layers.read_table(TABLE)
    assert table["base"] == set()
    assert table["service"] == {"engine", "bpf", "base"}
    assert table["daemon"] == {"api", "service", "engine", "bpf", "base"}
    assert table["cli"] == {"base"}


def test_downward_include_passes(tree):
    assert tree("bpf/map.h", '#include "base/fd.h"\n#include "bpf/other.h"\n#include <map>\n') == []


def test_upward_include_fails(tree):
    assert tree("bpf/map.h", '#include "base/fd.h"\n#include "engine/engine.h"\n') == [
        "src/bpf/map.h:2: src/bpf must not include from src/engine"
    ]


def test_include_of_a_layer_that_is_lower_but_not_allowed_fails(tree):
    assert len(tree("cli/main.cpp", '  #  include "bpf/map.h"\n')) == 1


def test_downward_link_passes(tree):
    assert tree("bpf/CMakeLists.txt", "polycube_library(bpf SOURCES a.cpp DEPENDS polycube_base fmt::fmt)\n") == []


def test_upward_link_fails(tree):
    text = "polycube_library(bpf\n  SOURCES a.cpp\n  DEPENDS polycube_base polycube_engine)\n"
    assert tree("bpf/CMakeLists.txt", text) == ["src/bpf/CMakeLists.txt:3: src/bpf must not link polycube_engine"]


def test_part_of_a_folder_is_judged_like_the_folder(tree):
    assert tree("bpf/CMakeLists.txt", "polycube_bpf_object(x)\npolycube_library(bpf_core DEPENDS polycube_base)\n") == []
    assert len(tree("bpf/CMakeLists.txt", "polycube_library(bpf_core DEPENDS polycube_engine_core)\n")) == 1


def test_commented_link_passes(tree):
    assert tree("bpf/CMakeLists.txt", "# not polycube_engine\n") == []


def test_folder_without_row_fails(tree):
    assert tree("extra/a.h", "") == ["src/extra: has no row in the table of docs/architecture.md"]


def test_row_that_is_not_understood_fails(tmp_path):
    with pytest.raises(ValueError, match="no row above"):
        check_layers.read_table("| `src/base` | engine | x |\n")
    with pytest.raises(ValueError, match="not understood"):
        check_layers.read_table("| `src/a` | | x |\n| `src/b` | a or so | x |\n")


def test_missing_table_fails(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/architecture.md").write_text("no table")
    assert check_layers.main([str(tmp_path)]) == 1
    assert "no table of layers" in capsys.readouterr().out
