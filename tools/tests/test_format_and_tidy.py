# SPDX-License-Identifier: Apache-2.0
"""The configurations of clang-format and clang-tidy refuse what they are meant to refuse."""

import json
import subprocess
from pathlib import Path

import pytest

import run_tidy

ROOT = Path(__file__).resolve().parents[2]


def format_status(tmp_path, text):
    file = tmp_path / "sample.cpp"
    file.write_text(text)
    style = f"file:{ROOT}/.clang-format"
    return subprocess.run(["clang-format-19", f"--style={style}", "--dry-run", "--Werror", str(file)],
                          capture_output=True).returncode


def test_format(tmp_path):
    assert format_status(tmp_path, "int main() {\n  return 0;\n}\n".replace("{\n  return 0;\n}", "{ return 0; }")) == 0
    assert format_status(tmp_path, "int main(){\n      return 0; }\n") != 0
    assert format_status(tmp_path, "int* a;\nint *b;\n") != 0


BAD_SAMPLES = {
    "readability-identifier-naming": "struct bad_type {};\n",
    "bugprone-use-after-move": "#include <string>\n#include <utility>\n"
                               "std::string f(std::string a) { std::string b = std::move(a); return a + b; }\n",
    "performance-for-range-copy": "#include <string>\n#include <vector>\n"
                                  "std::size_t f(const std::vector<std::string>& v) {\n  std::size_t n = 0;\n"
                                  "  for (const std::string s : v) n += s.size();\n  return n;\n}\n",
    "cppcoreguidelines-no-malloc": "#include <cstdlib>\nvoid* f() { return std::malloc(3); }\n",
}


def tidy(tmp_path, text):
    source = tmp_path / "sample.cpp"
    source.write_text(text)
    (tmp_path / ".clang-tidy").write_text((ROOT / ".clang-tidy").read_text())
    (tmp_path / "compile_commands.json").write_text(json.dumps([
        {"directory": str(tmp_path), "file": str(source), "command": f"g++ -std=c++20 -c {source}"}]))
    return run_tidy.main(["--build", str(tmp_path), "--seconds", "60", str(source)])


@pytest.mark.parametrize("check", BAD_SAMPLES)
def test_tidy_fails_on_bad_sample(tmp_path, capsys, check):
    assert tidy(tmp_path, BAD_SAMPLES[check]) == 1
    assert check in capsys.readouterr().out


def test_tidy_passes_good_sample(tmp_path):
    assert tidy(tmp_path, "struct GoodType {\n  int member = 0;\n};\n") == 0


def test_changed_header_is_checked_through_its_source(tmp_path):
    source = (tmp_path / "a.cpp").resolve()
    assert run_tidy.sources_of([str(tmp_path / "a.h")], {source}) == [source]
    assert run_tidy.sources_of([str(tmp_path / "b.h"), "README.md"], {source}) == []


def test_tidy_without_time_names_what_remains(tmp_path, capsys):
    source = tmp_path / "sample.cpp"
    source.write_text("int a;\n")
    (tmp_path / "compile_commands.json").write_text(json.dumps([
        {"directory": str(tmp_path), "file": str(source), "command": f"g++ -std=c++20 -c {source}"}]))
    assert run_tidy.main(["--build", str(tmp_path), "--seconds", "0", str(source)]) == 0
    assert "no time for 1" in capsys.readouterr().out
