# SPDX-License-Identifier: Apache-2.0
"""What an author of cubes elsewhere gets: an installation, and cubes that are built against it."""

import pytest

from daemon import ROOT, Daemon
from network import eventually, run
from sdk import FOLDER, build_cube, install


@pytest.fixture(scope="module")
def prefix():
    return install(FOLDER / "root")


def test_the_installation_is_whole(prefix):
    for file in ("bin/polycubectl", "bin/polycube-service", "share/polycube/yang/polycube-base.yang",
                 "lib/polycube/services/router/router.so", "share/polycube/engine/root.xdp.o",
                 "share/bash-completion/completions/polycubectl", "share/zsh/site-functions/_polycubectl",
                 "lib/cmake/polycube/polycube-config-version.cmake", "include/polycube/base/result.h"):
        assert (prefix / file).is_file(), file
    assert not list(prefix.rglob("*.d")), "only what is loaded"
    for text in ("lib/cmake", "share"):
        for file in (prefix / text).rglob("*"):
            if file.suffix in (".cmake", ".py", ".yang"):
                assert str(ROOT) not in file.read_text(), f"{file} knows the build tree"


def test_what_runs_can_be_installed_alone(lab):
    prefix = install(FOLDER / "root-runtime", "--component", "runtime")
    assert sorted(file.name for file in prefix.iterdir()) == ["bin", "lib", "libexec", "share"]
    assert (prefix / "share/polycube/include/polycube/slave.h").is_file(), "for programs that come as C source"
    assert not list(prefix.rglob("*new-cube*"))
    daemon = Daemon(lab, prefix=prefix).start()
    daemon.do("helloworld add hw")
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


def offender(daemon, address):
    reply = daemon.data("GET", f"ratelimiter:ratelimiter=rl/offender={address}")
    return reply.json["ratelimiter:offender"][0] if reply.status == 200 else {}


def test_the_example(lab, prefix):
    build = build_cube(prefix, ROOT / "examples/ratelimiter")
    run("cmake", "--install", build, "--prefix", prefix)
    daemon = Daemon(lab, prefix=prefix).start()
    a, b = lab.station("a"), lab.station("b")
    daemon.do("simplebridge add br")
    for port, station in (("pa", a), ("pb", b)):
        daemon.do(f"br ports add {port} peer={station.port}")
    daemon.do("ratelimiter add rl rate=1 burst=5")
    a.ping(b, count=20)
    daemon.do(f"attach rl {a.port}")
    lost = a.ping(b, count=40, interval=0.005, check=False)
    assert 0 < lost <= 35
    eventually(lambda: offender(daemon, a.ip).get("dropped") == str(lost), "the offender is shown")
    daemon.do(f"rl source add {a.ip} rate=1000")
    a.ping(b, count=20)
    assert daemon.stop() == 0
    daemon.assert_nothing_left()
