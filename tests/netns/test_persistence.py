# SPDX-License-Identifier: Apache-2.0
"""What was configured outlives the daemon, however it ends; state files that cannot be used are put aside."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from daemon import ROOT, remove_pins
from network import eventually, run
from packages import model, package
from remote import renamed
from test_access import GROUP, User, refused, rule, set_rules


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


def with_filters(daemon, folder):
    """Begun again with a service that can be taken away, whose package is returned."""
    target = renamed(folder / "services", "helloworld", "filter")
    daemon.options += ["--services-dir", str(folder / "services")]
    restarted(daemon)
    return target


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


def refuse_programs(target):
    """Puts helloworld's fast path into a package, with a read from anywhere, which the kernel refuses."""
    text = (ROOT / "cubes/helloworld/bpf/helloworld.bpf.c").read_text()
    source = target / "refused.bpf.c"
    assert "\tif (!config)" in text
    source.write_text(text.replace("\tif (!config)", "\tif (!config || *(volatile int *)(long)md->packet_len)", 1))
    arch = run("gcc", "-print-multiarch").strip()
    for hook in ("tc", "xdp"):
        run("clang-19", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-std=gnu11", f"-I{ROOT}/sdk/bpf", f"-I/usr/include/{arch}",
            f"-I{ROOT}/cubes/helloworld", f"-DPCN_HOOK_{hook.upper()}", "-c", source, "-o", target / f"{target.name}.{hook}.o")
    source.unlink()


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


def condition(daemon):
    status = daemon.data("GET", "polycube:status").json["polycube:status"]
    return status["condition"], [(problem["kind"], problem["subject"]) for problem in status.get("problem", [])]


def test_rules_that_are_lost_are_not_those_as_shipped(lab, keeper):
    """Who was kept out by the configuration that cannot be used is not let in without it."""
    daemon = keeper
    daemon.options += ["--group", GROUP]
    restarted(daemon)
    user = User(daemon)
    set_rules(daemon, rule("all", module_name="helloworld"), read_default="deny")
    daemon.do("helloworld add h1")
    assert user.data("GET", "helloworld:helloworld=h1")[0] == 200 and user.data("GET", "polycube:version")[0] == 404
    assert daemon.stop() == 0
    damage("text", daemon.state / "configuration.db")
    daemon.start()
    aside, = daemon.state.glob("configuration.db.unusable-*")
    for _ in range(2):
        assert condition(daemon) == ("faulty", [("configuration-aside", aside.name)])
        assert user.data("GET", "polycube:version")[0] == 404
        refused(user.data("POST", "", {"helloworld:helloworld": [{"name": "h2"}]}))
        refused(user.rpc("connect", peer1="h1:p1", peer2="x"))
        daemon.do("helloworld add h3")
        daemon.do("h3 del")
        restarted(daemon)
    # It is over when root has seen to it.
    set_rules(daemon, rule("all", module_name="*"))
    assert user.data("POST", "", {"helloworld:helloworld": [{"name": "h2"}]})[0] == 201
    assert condition(daemon)[0] == "faulty"
    aside.rename(lab.folder / "seen")
    assert condition(daemon) == ("well", [])


@pytest.mark.parametrize("how", ["future", "zeros"])
def test_a_data_path_whose_configuration_cannot_be_used_goes_on(lab, keeper, how):
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    daemon = keeper
    daemon.do("simplebridge add br1")
    daemon.do(f"br1 ports add p1 peer={a.port}")
    daemon.do(f"br1 ports add p2 peer={b.port}")
    a.ping(b)
    before = shown(daemon)
    flow = lab.flow(a, b)
    assert daemon.stop() == 0
    file = daemon.state / "configuration.db"
    whole = file.read_bytes()
    damage(how, file)
    unusable = file.read_bytes()
    for _ in range(2):
        daemon.spawn()
        assert daemon.process.wait(30) == 1
        said = daemon.log_text()
        assert MESSAGES[how] in said and "its cubes are running" in said and "polycubed --clean" in said
        assert file.read_bytes() == unusable and not list(daemon.state.glob("*unusable*"))
    file.write_bytes(whole)
    daemon.start()
    assert shown(daemon) == before
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    # Who says so begins empty, and ends them.
    assert daemon.stop() == 0
    damage(how, file)
    unusable = file.read_bytes()
    daemon.options.append("--clean")
    daemon.start()
    assert "br1" not in daemon.do("cubes show")
    aside, = daemon.state.glob("configuration.db.unusable-*")
    assert aside.read_bytes() == unusable
    assert not a.reaches(b)


def test_a_device_that_is_refused_keeps_down_its_port_alone(lab, keeper):
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    daemon.do("simplebridge add br1 type=XDP_SKB")
    daemon.do(f"br1 ports add p1 peer={a.port}")
    daemon.do(f"br1 ports add p2 peer={b.port}")
    daemon.do("br1 fdb set aging-time=77")
    daemon.do("helloworld add h1")
    before = shown(daemon)
    assert daemon.stop() == 0
    remove_pins(daemon.pins)  # as after a boot
    foreign = lab.foreign(lab.host, b.port, "xdp_skb")
    daemon.start()
    assert shown(daemon) == before
    assert (daemon.port_status("br1", "p1"), daemon.port_status("br1", "p2")) == ("UP", "DOWN")
    assert ("device-refused", b.port) in condition(daemon)[1] and "cannot be restored" not in daemon.log_text()
    # It is taken when the other program is gone and the device comes up.
    foreign.close()
    lab.host.run("ip", "link", "set", b.port, "down")
    lab.host.run("ip", "link", "set", b.port, "up")
    eventually(lambda: daemon.port_status("br1", "p2") == "UP", "the port has its device")
    a.ping(b)
    assert condition(daemon) == ("well", [])


def test_nothing_saved_is_lost_by_going_back(lab, keeper, tmp_path):
    daemon = keeper
    target = with_filters(daemon, tmp_path)
    daemon.do("filter add f1 action=forward")
    daemon.do("f1 ports add p1")
    daemon.do("helloworld add h1")
    before = shown(daemon)
    daemon.do("f1 set loglevel=DEBUG")
    daemon.do("f1 set loglevel=INFO")
    daemon.do("helloworld add h2")
    assert daemon.stop() == 0
    target.rename(tmp_path / "elsewhere")
    daemon.start()
    assert daemon.do("rollback") is not None and "h2" not in daemon.do("cubes show")
    for count in ("3", "4"):  # itself among them
        code, output = daemon.ctl("rollback", count)
        assert code != 0 and "cube f1 (filter), which could not be restored" in output + daemon.last_stderr
    assert daemon.stop() == 0
    (tmp_path / "elsewhere").rename(target)
    daemon.start()
    assert shown(daemon) == before


@pytest.mark.parametrize("how", ["model", "program"])
def test_what_cannot_be_restored_costs_the_others_nothing(lab, keeper, tmp_path, how):
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    daemon = keeper
    target = with_filters(daemon, tmp_path)
    # Two cubes on the way, of which one would be restored before the other; others that cannot be, in between.
    daemon.do("simplebridge add aa")
    daemon.do("simplebridge add zz")
    daemon.do(f"aa ports add p1 peer={a.port}")
    daemon.do(f"zz ports add p1 peer={b.port}")
    daemon.do("aa ports add p2")
    daemon.do("zz ports add p2")
    daemon.do("connect aa:p2 zz:p2")
    for name in ("m1", "m2", "zzz"):
        daemon.do(f"filter add {name}")
    a.ping(b)
    flow = lab.flow(a, b)
    assert daemon.stop() == 0
    if how == "model":
        target.rename(tmp_path / "elsewhere")
    else:
        refuse_programs(target)
    daemon.start()
    assert sorted(subject for kind, subject in condition(daemon)[1]) == ["m1", "m2", "zzz"]
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    a.ping(b)


def test_models_whose_order_nobody_keeps_are_refused(lab, tmp_path):
    nodes = "container in { list ranked { key k; ordered-by user; leaf k { type uint8; } } }"
    package(tmp_path, "ranks", model("ranks", nodes))
    daemon = lab.daemon(services=[tmp_path])
    services = daemon.data("GET", "polycube:services").json["polycube:services"]["service"]
    ranks, = [service for service in services if service["name"] == "ranks"]
    assert "in/ranked of its model is ordered-by user" in ranks["error"]


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
