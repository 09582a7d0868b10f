# SPDX-License-Identifier: Apache-2.0
"""What was configured outlives the daemon, however it ends; state files that cannot be used are put aside."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from network import eventually, run


@pytest.fixture
def keeper(lab):
    """A daemon that leaves its state behind; begin(lab, ...) makes its successor."""
    return lab.daemon(clean=False)


def restarted(daemon, kill=False):
    if kill:
        daemon.kill()
    else:
        assert daemon.stop() == 0
    return daemon.start()


def shown(daemon):
    """All that outlives a daemon: configuration, and the identities of cubes and ports."""
    configuration, _ = daemon.configuration()
    cubes = daemon.data("GET", "polycube:cubes").json["polycube:cubes"]
    identities = {cube["name"]: (cube["uuid"], {port["name"]: port["uuid"] for port in cube.get("ports", [])},
                                 cube.get("parent")) for cube in cubes.get("cube", [])}
    return configuration, identities


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_configuration_outlives_the_daemon(lab, keeper, hook, kill):
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    daemon.do(f"simplebridge add br1 type={hook}")
    daemon.do(f"br1 ports add p2 peer={b.port}")
    daemon.do(f"br1 ports add p1 peer={a.port}")
    daemon.do("br1 fdb entry add 02:00:00:00:00:77 port=p1")
    daemon.do(f"transparenthelloworld add t1 type={hook}")
    daemon.do("attach t1 br1:p1")
    daemon.do("pbforwarder add pb1")
    daemon.do("pb1 ports add x1")
    daemon.do("pb1 rules add 7 in_port=x1 action=DROP")
    daemon.do("simpleforwarder add gone")
    daemon.do("gone del")
    a.ping(b)
    before = shown(daemon)
    restarted(daemon, kill)
    assert shown(daemon) == before
    a.ping(b)
    # It goes on from there.
    daemon.do("pb1 rules del 7")
    daemon.do("br1 set loglevel=DEBUG")
    daemon.do("detach t1 br1:p1")
    daemon.do("pb1 ports add x2")
    before = shown(daemon)
    assert restarted(daemon, kill) and shown(daemon) == before
    a.ping(b)


def test_indexes_of_ports_stay(lab, keeper):
    """What the fast path learnt names ports by index."""
    daemon = keeper
    daemon.do("helloworld add h1")
    for port in ("z", "a"):
        daemon.do(f"h1 ports add {port}")
    daemon.do("h1 ports del z")
    uuids = shown(daemon)
    restarted(daemon)
    assert shown(daemon) == uuids
    daemon.do("h1 ports add b")
    assert "z" not in daemon.do("h1 ports show")


def test_begins_empty_on_request(lab, keeper):
    daemon = keeper
    daemon.do("helloworld add h1")
    assert daemon.stop() == 0
    daemon.options.append("--clean")
    daemon.start()
    assert daemon.configuration()[0] == {"ietf-restconf:data": {}} or "h1" not in json.dumps(daemon.configuration()[0])
    daemon.do("helloworld add h2")
    assert daemon.stop() == 0
    daemon.options.remove("--clean")
    daemon.start()
    assert "h2" in daemon.do("helloworld show")
    assert "h1" not in daemon.do("helloworld show")


def test_keeps_nothing_on_request(lab):
    daemon = lab.daemon("--transient")
    daemon.do("helloworld add h1")
    assert not (daemon.state / "configuration.db").exists()
    restarted(daemon)
    assert "h1" not in daemon.do("cubes show")


def damage(how, file):
    if how == "text":
        file.write_text("this is no database\n" * 100)
    elif how == "truncated":
        file.write_bytes(file.read_bytes()[:5000])
    elif how == "zeros":
        data = bytearray(file.read_bytes())
        data[4096:8192] = bytes(4096)
        file.write_bytes(data)
    elif how == "foreign":
        file.unlink()
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("CREATE TABLE songs (title TEXT)")
    elif how == "future":
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("PRAGMA user_version=99")
    elif how == "row":
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("UPDATE instance SET leaves='{\"action\": ' WHERE node=''")


MESSAGES = {"text": "is damaged", "truncated": "is damaged", "zeros": "is damaged",
            "foreign": "is not a configuration of polycubed", "future": "version 99", "row": "is damaged"}


@pytest.mark.parametrize("how", MESSAGES)
def test_files_that_cannot_be_used_are_put_aside(lab, keeper, how):
    daemon = keeper
    daemon.do("helloworld add h1")
    assert daemon.stop() == 0
    file = daemon.state / "configuration.db"
    damage(how, file)
    found = file.read_bytes()
    daemon.start()
    assert "h1" not in daemon.do("cubes show")
    aside = list(daemon.state.glob("configuration.db.unusable-*"))
    assert len(aside) == 1 and aside[0].read_bytes() == found
    assert MESSAGES[how] in daemon.log_text() and str(aside[0]) in daemon.log_text()
    daemon.do("helloworld add h2")
    restarted(daemon)
    assert "h2" in daemon.do("cubes show")


def test_a_cube_that_cannot_be_restored_does_not_keep_down_others(lab, keeper, tmp_path):
    """Its service is not there any more; what was saved of it comes back with the service."""
    daemon = keeper
    assert daemon.stop() == 0
    from daemon import SERVICES
    package = tmp_path / "services/filter"
    package.parent.mkdir()
    shutil.copytree(SERVICES / "helloworld", package)
    (package / "helloworld.yang").rename(package / "filter.yang")
    text = (package / "filter.yang").read_text().replace("helloworld", "filter")
    (package / "filter.yang").write_text(text)
    for file in list(package.glob("helloworld.*")):
        file.rename(package / file.name.replace("helloworld", "filter"))
    daemon.options += ["--services-dir", str(package.parent)]
    daemon.start()
    daemon.do("filter add kept action=forward")
    daemon.do("helloworld add h1")
    before = shown(daemon)
    assert daemon.stop() == 0
    package.rename(tmp_path / "elsewhere")
    daemon.start()
    assert "h1" in daemon.do("cubes show") and "kept" not in daemon.do("cubes show")
    assert "cube kept (filter) cannot be restored" in daemon.log_text()
    daemon.do("helloworld add h2")
    daemon.do("h2 del")
    assert daemon.stop() == 0
    (tmp_path / "elsewhere").rename(package)
    daemon.start()
    assert shown(daemon) == before


def test_devices_that_come_later(lab, keeper):
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    daemon.do("helloworld add h1 action=forward")
    daemon.do(f"h1 ports add p1 peer={a.port}")
    daemon.do(f"h1 ports add p2 peer={b.port}")
    a.ping(b)
    assert daemon.stop() == 0
    lab.unwire(b)
    daemon.start()
    assert daemon.port_status("h1", "p1") == "UP" and daemon.port_status("h1", "p2") == "DOWN"
    lab.wire(b)
    eventually(lambda: daemon.port_status("h1", "p2") == "UP", "the port has its device again")
    a.ping(b)


def test_a_full_disk_refuses_changes_and_loses_nothing(lab):
    """What cannot be saved is not done."""
    a, b = lab.station("a"), lab.station("b")
    small = lab.folder / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "none", small)
    lab.closing(lambda: run("umount", small, check=False))
    daemon = lab.daemon(clean=False, state=small / "state")
    daemon.do("helloworld add h1 action=forward")
    daemon.do(f"h1 ports add p1 peer={a.port}")
    daemon.do(f"h1 ports add p2 peer={b.port}")
    a.ping(b)
    filler = small / "filler"
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    before = shown(daemon)
    for number in range(200):
        reply = daemon.data("POST", "", {"simplebridge:simplebridge": [{"name": f"b{number}"}]})
        if reply.status != 201:
            break
        before = shown(daemon)
    assert reply.status == 500 and "disk is full" in reply.error["error-message"], reply.text
    assert shown(daemon) == before
    a.ping(b)
    for change in ("h1 set action=drop", "h1 ports del p2", "h1 del"):
        code, output = daemon.ctl(*change.split())
        assert code != 0 and "disk is full" in output + daemon.last_stderr
    assert shown(daemon) == before
    a.ping(b)
    filler.unlink()
    daemon.do("h1 set action=drop")
    a.ping(b, check=False)
    after = shown(daemon)
    restarted(daemon, kill=True)
    assert shown(daemon) == after
