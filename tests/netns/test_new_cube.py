# SPDX-License-Identifier: Apache-2.0
"""polycube-new-cube: what it makes builds, passes its own tests and works; what it cannot make it refuses."""

import os
import shutil
import subprocess

import pytest

from daemon import ROOT, Daemon
from network import run
from sdk import FOLDER, build_cube, install

VARIANTS = {"guard": ["--transparent"], "wire_control": ["--control"], "guard_control": ["--control", "--transparent"]}


@pytest.fixture(scope="module")
def prefix():
    return install(FOLDER / "root-new")


@pytest.fixture
def folder():
    made = FOLDER / "new"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    return made


def new_cube(prefix, folder, *words):
    return subprocess.run([str(prefix / "bin/polycube-new-cube"), *words], cwd=folder, capture_output=True, text=True)


def refused(prefix, folder, *words, why):
    before = sorted(folder.rglob("*"))
    done = new_cube(prefix, folder, *words)
    assert done.returncode != 0
    assert why in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert sorted(folder.rglob("*")) == before, "nothing is left behind"


def test_bad_names_are_refused(prefix, folder):
    for name in ("", "Upper", "9lives", "has space", "has-dash", "a/b", "..", "é", "x" * 65, "new\nline"):
        refused(prefix, folder, name, why="cannot be the name of a cube: it becomes one of files")
    for name in ("show", "attach", "polycube", "pcn"):
        refused(prefix, folder, name, why="it is a word of polycubectl or of the models")
    refused(prefix, folder, "router", why="is the name of a service that is installed already")
    refused(prefix, folder, why="NAME")
    refused(prefix, folder, "good", "--unknown", why="--unknown")


def test_nothing_is_overwritten(prefix, folder):
    (folder / "taken").mkdir()
    (folder / "file").write_text("mine")
    refused(prefix, folder, "taken", why="taken exists already")
    refused(prefix, folder, "good", "file", why="file exists already")
    refused(prefix, folder, "good", "no/such/place", why="does not exist")
    assert (folder / "file").read_text() == "mine"


def test_a_folder_may_be_given(prefix, folder):
    assert new_cube(prefix, folder, "my_cube", "elsewhere").returncode == 0
    assert (folder / "elsewhere/my_cube.yang").is_file()
    text = "".join(file.read_text() for file in (folder / "elsewhere").rglob("*") if file.is_file())
    assert "MyCube" in text and "MY_CUBE" in text
    assert "@" not in text and "%" not in text, "nothing of the template is left"


def check_format(cube):
    for style, patterns in ((".clang-format", ("control/*", "tests/*")), ("tools/bpf.clang-format", ("abi/*", "bpf/*"))):
        files = [file for pattern in patterns for file in cube.glob(pattern)]
        run("clang-format-19", f"--style=file:{ROOT / style}", "--dry-run", "--Werror", *files)


def test_every_kind_builds_and_works(lab, prefix, folder):
    for name, options in VARIANTS.items():
        done = new_cube(prefix, folder, name, *options)
        assert done.returncode == 0, done.stderr
        check_format(folder / name)
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(cubes LANGUAGES CXX)\nenable_testing()\n"
        + "".join(f"add_subdirectory({name})\n" for name in VARIANTS))
    build = build_cube(prefix, folder, "-DCMAKE_BUILD_TYPE=Debug")

    daemon = Daemon(lab, prefix=prefix, services=[build / "services"]).start()
    a, b = lab.station("a"), lab.station("b")
    daemon.do("wire_control add w")
    for port, station in (("a", a), ("b", b)):
        daemon.do(f"w ports add {port} peer={station.port}")
    for number, guard in enumerate(("guard", "guard_control")):
        daemon.do(f"{guard} add g{number}")
        daemon.do(f"attach g{number} {a.port} position=first")
    a.ping(b)
    for cube, action in (("w", "slowpath"), ("g1", "slowpath"), ("g0", "drop")):
        daemon.do(f"{cube} rule add 1 action={action}")
        if action == "slowpath":
            assert daemon.do(f"{cube} slow-path packets show").strip() == "0"
            a.ping(b)
            assert daemon.do(f"{cube} slow-path packets show").strip() == "10"
        else:
            assert not a.reaches(b)
    traffic = daemon.data("GET", "wire_control:wire_control=w/traffic=1").json["wire_control:traffic"][0]
    assert int(traffic["packets"]) == 30
    daemon.do("w reset")
    assert daemon.data("GET", "wire_control:wire_control=w/traffic=1").status == 404
    assert daemon.stop() == 0
    daemon.assert_nothing_left()
