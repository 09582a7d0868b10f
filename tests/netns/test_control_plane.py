# SPDX-License-Identifier: Apache-2.0
"""Control planes as users see them: what they refuse, fail at, supply and do. The service is sample/."""

import re
import time

import pytest

from daemon import BUILD
from network import eventually
from remote import RemoteService


MISSING = re.compile(r"\[s\] the control plane logs too much, (\d+) lines are missing")


@pytest.fixture(params=["in-process", "remote"])
def daemon(lab, request):
    """A daemon with the sample, whose control planes run in the daemon or in a process of their own."""
    if request.param == "remote":
        running = lab.daemon(remote=True)
        RemoteService(lab, running).start()
    else:
        running = lab.daemon(services=[BUILD / "tests/packages"])
    yield running
    if running.running():
        assert running.stop() == 0
        running.assert_nothing_left()


def path(cube, *steps):
    return "/".join([f"sample:sample={cube}", *steps])


def edit(daemon, method, where, body=None, expected=204):
    reply = daemon.data(method, where, body)
    assert reply.status == expected, reply.text
    return reply


def create(daemon, name, expected=201, **leaves):
    return edit(daemon, "POST", "", {"sample:sample": [{"name": name, **leaves}]}, expected)


def change(daemon, name, expected=204, **leaves):
    return edit(daemon, "PATCH", path(name), {"sample:sample": [{"name": name, **leaves}]}, expected)


def act(daemon, cube, action, expected=200, **leaves):
    reply = daemon.data("POST", path(cube, action), {"sample:input": leaves} if leaves else None)
    assert reply.status in (expected, 204), reply.text
    return reply.json["sample:output"] if reply.status == 200 else reply


def state(daemon, cube):
    reply = daemon.data("GET", path(cube))
    assert reply.status == 200, reply.text
    return reply.json["sample:sample"][0]


def history(daemon, cube):
    """What was committed since the cube was created: "node keys before>after"."""
    return [line.split(" ", 1)[1] for line in state(daemon, cube).get("history", [])]


def refused(daemon, request):
    """The error of a request, after which everything is as it was."""
    before = daemon.configuration()
    reply = request()
    assert reply.status >= 400
    assert daemon.configuration() == before
    return reply.error


# ---- changes ---------------------------------------------------------------------------------------------------------

def test_changes_come_with_what_was_and_what_is(daemon):
    create(daemon, "a", level=3, entry=[{"name": "x"}], ports=[{"name": "p1"}])
    assert history(daemon, "a") == ["cube ->+", "ports p1 ->+", "entry x ->1"]
    daemon.do("a entry add y number=2")
    daemon.do("a entry x set number=5")
    daemon.do("a entry del x")
    daemon.do("a ports del p1")
    assert history(daemon, "a")[3:] == ["entry y ->2", "entry x 1>5", "entry x 5>-", "ports p1 +>-"]
    edit(daemon, "PUT", path("a"), {"sample:sample": [{"name": "a", "level": 3, "entry": [{"name": "z"}]}]})
    assert history(daemon, "a")[7:] == ["entry y 2>-", "entry z ->1"]


def test_a_change_of_one_of_many_bound_entries_is_told_alone(daemon):
    create(daemon, "a", element=[{"id": number, "number": 1} for number in range(4)])
    known = len(history(daemon, "a"))
    daemon.do("a element 2 set number=9")
    assert history(daemon, "a")[known:] == ["element 2 1>9"]


def test_what_prepare_refuses(daemon):
    create(daemon, "a", level=1, entry=[{"name": "x"}])
    told = history(daemon, "a")
    error = refused(daemon, lambda: change(daemon, "a", 409, level=2, refused="not now"))
    assert error["error-tag"] == "in-use" and error["error-message"] == "not now"
    assert error["error-path"].endswith("/refused") and "a" in error["error-path"]
    error = refused(daemon, lambda: change(daemon, "a", 400, level=2, entry=[{"name": "x", "number": 13}]))
    assert error["error-message"] == "13 is no number"
    assert history(daemon, "a") == told
    assert act(daemon, "a", "stored") == {"level": 1}
    code, output = daemon.ctl("a", "set", "refused=never")
    assert code != 0 and "never" in output


def test_what_prepare_refuses_of_a_new_cube(daemon):
    create(daemon, "a", 409, refused="no")
    assert daemon.data("GET", path("a")).status == 404
    create(daemon, "a")


def test_one_that_refuses_stops_all(daemon):
    create(daemon, "a", level=1)
    create(daemon, "z", level=1)
    told = history(daemon, "a")
    refused(daemon, lambda: edit(daemon, "PATCH", "", {"sample:sample": [
        {"name": "a", "level": 2}, {"name": "z", "refused": "no"}, {"name": "new"}]}, 409))
    assert history(daemon, "a") == told


def test_a_commit_that_fails_takes_everything_back(lab, daemon):
    create(daemon, "a", level=1, ports=[{"name": "p1"}])
    create(daemon, "z", level=1)
    daemon.do("simplebridge add br1")
    told = {cube: history(daemon, cube) for cube in "az"}
    error = refused(daemon, lambda: edit(daemon, "PATCH", "", {
        "sample:sample": [{"name": "a", "level": 2, "ports": [{"name": "p2"}], "entry": [{"name": "x"}]},
                          {"name": "m", "level": 5}, {"name": "z", "level": 2, "failing": "broken pipe"}],
        "simplebridge:simplebridge": [{"name": "br1", "fdb": {"aging-time": 7}}]}, 409))
    assert error["error-message"] == "broken pipe"
    # a went there and back; its sample checks each time that table and ports are as the changes say.
    assert history(daemon, "a")[len(told["a"]):] == ["cube +>+", "ports p2 ->+", "entry x ->1",
                                                    "entry x 1>-", "ports p2 +>-", "cube +>+"]
    assert history(daemon, "z") == told["z"]
    assert act(daemon, "a", "stored") == {"level": 1} == act(daemon, "z", "stored")
    assert daemon.do("br1 fdb aging-time show").strip() == "300"
    assert "cannot take back" not in daemon.log_text()
    change(daemon, "a", level=4)
    assert act(daemon, "a", "stored") == {"level": 4}


@pytest.mark.parametrize("function", ["prepare", "commit", "action"])
def test_what_throws_is_an_error(daemon, function):
    create(daemon, "a", level=1)
    change(daemon, "a", throws=[function])
    if function == "action":
        reply = daemon.data("POST", path("a", "plus"), {"sample:input": {"a": 1}})
    else:
        before = daemon.configuration()
        reply = daemon.data("PATCH", path("a"), {"sample:sample": [{"name": "a", "level": 2}]})
        assert daemon.configuration() == before and act(daemon, "a", "stored") == {"level": 1}
    assert reply.status == 500
    assert reply.error["error-message"] == f"the control plane of cube a failed ({function}): {function} throws"
    daemon.do("del a")


def test_state_that_throws_is_an_error_of_the_reply(daemon):
    create(daemon, "a")
    change(daemon, "a", throws=["state"])
    reply = daemon.data("GET", path("a"))
    assert reply.status == 500 and "state throws" in reply.error["error-message"]
    assert daemon.data("GET", path("a") + "?content=config").status == 200
    edit(daemon, "DELETE", path("a", "throws=state"))
    assert daemon.data("GET", path("a")).status == 200


def test_a_control_plane_that_cannot_be_made(daemon):
    reply = create(daemon, "throws", 500)
    assert reply.error["error-message"] == "the control plane of cube throws failed (creation): no such name"
    reply = create(daemon, "fails", 409)
    assert reply.error["error-message"] == "cube fails: its fast path has no table missing"


# ---- actions and state -----------------------------------------------------------------------------------------------

def test_actions(daemon):
    create(daemon, "a")
    assert act(daemon, "a", "plus", a=3, b=4) == {"sum": 7}
    assert act(daemon, "a", "plus", a=3) == {"sum": 4}, "defaults are filled in"
    assert "sum" in daemon.do("a plus a=3")
    assert daemon.data("POST", path("a", "plus"), {"sample:input": {"a": 300}}).status == 400
    assert daemon.data("POST", path("nobody", "plus"), {"sample:input": {"a": 3}}).status == 409


def test_entries_that_the_control_plane_reports(daemon):
    create(daemon, "a", entry=[{"name": "configured"}])
    act(daemon, "a", "report", name="configured")
    act(daemon, "a", "report", name="reported", seen=8)
    assert sorted(state(daemon, "a")["entry"], key=lambda entry: entry["name"]) == [
        {"name": "configured", "number": 1, "seen": 7}, {"name": "reported", "number": 3, "seen": 8}]
    assert daemon.data("GET", path("a", "entry=reported", "seen")).json == {"sample:seen": 8}
    assert daemon.data("GET", path("a", "entry=unheard")).status == 404
    config = daemon.data("GET", path("a") + "?content=config").json["sample:sample"][0]
    assert config["entry"] == [{"name": "configured", "number": 1}] and "history" not in config


def test_entries_that_are_reported_cannot_be_edited(daemon):
    create(daemon, "a")
    act(daemon, "a", "report", name="reported")
    for method, where, body in (("DELETE", "entry=reported", None), ("DELETE", "entry", None),
                                ("PATCH", "entry=reported", {"sample:entry": [{"name": "reported", "number": 2}]})):
        error = refused(daemon, lambda: daemon.data(method, path("a", where), body))
        assert error["error-tag"] == "data-missing" and "state of the cube" in error["error-message"], error
    error = refused(daemon, lambda: daemon.data("DELETE", path("a", "entry=unheard")))
    assert "state of the cube" not in error["error-message"]
    # But an entry of this name can be configured.
    daemon.do("a entry add reported number=2")
    assert state(daemon, "a")["entry"] == [{"name": "reported", "number": 2, "seen": 7}]
    daemon.do("a entry del reported")


# ---- ports -----------------------------------------------------------------------------------------------------------

def ports(daemon, cube):
    return {port["name"]: port for port in state(daemon, cube).get("ports", [])}


def test_links(lab, daemon):
    a = lab.station("a")
    create(daemon, "c", ports=[{"name": "p1", "peer": a.port}, {"name": "p2"}])
    eventually(lambda: ports(daemon, "c")["p1"]["up"], "the link is up")
    assert ports(daemon, "c")["p1"]["links"] == 1
    assert (ports(daemon, "c")["p2"]["up"], ports(daemon, "c")["p2"]["links"]) == (False, 0)
    a.ns.run("ip", "link", "set", "eth0", "down")
    eventually(lambda: not ports(daemon, "c")["p1"]["up"], "the link is down")
    assert ports(daemon, "c")["p1"]["status"] == "DOWN"
    a.ns.run("ip", "link", "set", "eth0", "up")
    eventually(lambda: ports(daemon, "c")["p1"]["up"], "the link is up")
    # The other end may be a cube, whose going is told as well.
    create(daemon, "d", ports=[{"name": "q", "peer": "c:p2"}])
    daemon.do("c ports p2 set peer=d:q")
    assert ports(daemon, "c")["p2"]["up"] and ports(daemon, "d")["q"]["up"]
    daemon.do("del d")
    assert not ports(daemon, "c")["p2"]["up"] and ports(daemon, "c")["p2"]["links"] == 2


def test_peers(lab, daemon):
    a = lab.station("a")
    create(daemon, "c", ports=[{"name": "p1", "peer": a.port}])
    device = daemon.data("GET", f"polycube:netdevs/netdev={a.port}").json["polycube:netdev"][0]
    port = ports(daemon, "c")["p1"]
    assert (port["mac"], port["mtu"], port["peer-changes"]) == (device["mac"], 1500, 0)
    lab.host.run("ip", "addr", "add", "10.9.9.1/24", "dev", a.port)
    eventually(lambda: "10.9.9.1/24" in ports(daemon, "c")["p1"].get("addresses", ""), "the address is known")
    changes = ports(daemon, "c")["p1"]["peer-changes"]
    assert changes >= 1
    lab.host.run("ip", "link", "set", a.port, "mtu", 1400)
    eventually(lambda: ports(daemon, "c")["p1"]["mtu"] == 1400, "the MTU is known")
    eventually(lambda: ports(daemon, "c")["p1"]["peer-changes"] > changes, "the change is told")
    changes = ports(daemon, "c")["p1"]["peer-changes"]
    daemon.do("c ports p1 set peer=")
    port = ports(daemon, "c")["p1"]
    assert "mac" not in port and port["peer-changes"] == changes + 1


def test_what_link_throws_is_logged(lab, daemon):
    a = lab.station("a")
    create(daemon, "c", throws=["link"], ports=[{"name": "p1", "peer": a.port}])
    eventually(lambda: "[c] the control plane of cube c failed (link): link throws" in daemon.log_text(), "the log")
    assert ports(daemon, "c")["p1"]["status"] == "UP"


# ---- packets ---------------------------------------------------------------------------------------------------------

def test_packets_that_the_control_plane_makes(lab, daemon, hook):
    a = lab.station("a")
    create(daemon, "c", type=hook, ports=[{"name": "p1", "peer": a.port}])
    tap = lab.tap(a)
    for length in (60, 1400):
        act(daemon, "c", "send", port="p1", length=length)
        tap.expect(b"\xff" * 6 + b"\x02\0\0\0\0\0" + b"\x88\xb6" + bytes(length - 14))
    for port, length, status, reason in (("p1", 13, 400, "13"), ("p9", 60, 409, "Port p9 does not exist")):
        reply = daemon.data("POST", path("c", "send"), {"sample:input": {"port": port, "length": length}})
        assert reply.status == status and reason in reply.error["error-message"], reply.text


def test_records_of_a_ring(lab, daemon, hook):
    a = lab.station("a")
    create(daemon, "c", type=hook, throws=["record"], ports=[{"name": "p0"}, {"name": "p1", "peer": a.port}])
    create(daemon, "other", type=hook, ports=[{"name": "p0"}])
    lengths = range(60, 90)
    lab.tap(a).send(*(b"\xff" * 6 + b"\x02\0\0\0\0\x0a" + b"\x88\xb6" + bytes(length - 14) for length in lengths))
    expected = " ".join(f"1:{length}" for length in lengths[-10:])
    eventually(lambda: state(daemon, "c").get("events") == expected, "the records, in order")
    assert "[c] the control plane of cube c failed (record): record throws" in daemon.log_text()
    assert state(daemon, "other").get("events", "") == ""


def test_a_flood_of_lines_is_cut_off_and_counted(lab, daemon):
    """Each packet makes the control plane write a line."""
    a = lab.station("a")
    create(daemon, "s", throws=["packet"], ports=[{"name": "p1", "peer": a.port}])
    tap = lab.tap(a)
    frame = b"\xff" * 6 + b"\x02\0\0\0\0\x0a" + b"\x88\xb6" + bytes(46)
    for _ in range(100):
        tap.send(*[frame] * 100)

    def accounted():
        text = daemon.log_text()
        missing = sum(int(count) for count in MISSING.findall(text))
        written = text.count("[s] the control plane of cube s failed (packet_in): packet throws")
        return missing > 0 and written + missing == state(daemon, "s")["packets"] and (written, missing)

    written, missing = eventually(accounted, "each packet has its line, or it is said to be missing", timeout=60)
    assert 1000 <= written < written + missing
    daemon.do("del s")


# ---- timers ----------------------------------------------------------------------------------------------------------

def test_a_timer_that_ends_itself(daemon):
    create(daemon, "a")
    act(daemon, "a", "timer", interval=5, times=3)
    eventually(lambda: state(daemon, "a")["ticks"] == 3, "three ticks")
    time.sleep(0.1)  # enough for a tick that must not come
    assert state(daemon, "a")["ticks"] == 3


def test_a_timer_that_fires_once(daemon):
    create(daemon, "a")
    act(daemon, "a", "once", delay=1)
    eventually(lambda: state(daemon, "a")["ticks"] == 1, "a tick")
    time.sleep(0.1)
    assert state(daemon, "a")["ticks"] == 1
    act(daemon, "a", "once", delay=60000)  # which is pending when the cube goes
    daemon.do("del a")


def test_a_timer_that_is_replaced_does_not_fire(daemon):
    create(daemon, "a")
    act(daemon, "a", "once", delay=300)
    act(daemon, "a", "timer", interval=60000)
    time.sleep(0.5)  # enough for a tick that must not come
    assert state(daemon, "a")["ticks"] == 0


def test_a_timer_that_throws_goes_on(daemon):
    create(daemon, "a")
    change(daemon, "a", throws=["timer"])
    act(daemon, "a", "timer", interval=1)
    eventually(lambda: state(daemon, "a")["ticks"] > 2, "ticks after the first")
    assert "[a] a timer failed: timer throws" in daemon.log_text()


def test_a_busy_timer_keeps_nobody_waiting(lab, daemon, hook):
    a = lab.station("a")
    create(daemon, "hog", type=hook)
    create(daemon, "b", type=hook, ports=[{"name": "p1", "peer": a.port}])
    act(daemon, "hog", "timer", interval=1, busy=20)  # always due
    act(daemon, "b", "timer", interval=10, times=5)
    eventually(lambda: state(daemon, "b")["ticks"] == 5, "the ticks of another cube")
    tap = lab.tap(a)
    tap.send(*(b"\xff" * 6 + b"\x02\0\0\0\0\x0a" + b"\x88\xb6" + bytes(50) for _ in range(200)))
    eventually(lambda: state(daemon, "b")["packets"] >= 200, "the packets of another cube")
    daemon.do("del hog")


# ---- tables ----------------------------------------------------------------------------------------------------------

def table(daemon, name, operation, *keys, expected=200, **leaves):
    return act(daemon, "a", "table", expected=expected, name=name, operation=operation, key=list(keys), **leaves)


@pytest.mark.parametrize("name", ["hash", "lru", "lpm", "percpu"])
def test_tables_with_keys(daemon, name):
    create(daemon, "a")
    assert table(daemon, name, "get", 1) == {"found": False}
    table(daemon, name, "set", 1, 2, 3, value=8)
    table(daemon, name, "set", 2, value=9)
    assert table(daemon, name, "get", 1) == {"found": True, "value": 8}
    assert table(daemon, name, "get", 2) == {"found": True, "value": 9}
    assert table(daemon, name, "count") == {"count": 3}
    table(daemon, name, "remove", 7, 1, 8, 3, 9)
    assert table(daemon, name, "count") == {"count": 1} and table(daemon, name, "get", 2)["found"]
    table(daemon, name, "clear")
    assert table(daemon, name, "count") == {"count": 0}
    table(daemon, name, "clear")


def test_a_table_that_is_full(daemon):
    create(daemon, "a")
    reply = table(daemon, "hash", "set", 1, 2, 3, 4, 5, expected=400)
    assert "table hash is full (4 entries)" in reply.text


def test_an_array(daemon):
    create(daemon, "a")
    assert table(daemon, "array", "get", 1) == {"found": True, "value": 0}
    table(daemon, "array", "set", 0, 1, value=8)
    table(daemon, "array", "remove", 0)
    assert [table(daemon, "array", "get", i)["value"] for i in range(4)] == [0, 8, 0, 0]
    assert table(daemon, "array", "count") == {"count": 4}
    table(daemon, "array", "clear")
    assert table(daemon, "array", "get", 1)["value"] == 0


def test_what_is_written_is_what_the_model_shows(daemon):
    create(daemon, "a")
    table(daemon, "hash", "set", 1, 2, value=8)
    assert sorted(element["id"] for element in state(daemon, "a")["element"]) == [1, 2]


@pytest.mark.parametrize("name, order", [("queue", [1, 2]), ("stack", [2, 1])])
def test_queues_and_stacks(daemon, name, order):
    create(daemon, "a")
    assert table(daemon, name, "take") == {"found": False}
    table(daemon, name, "set", value=1)
    table(daemon, name, "set", value=2)
    assert table(daemon, name, "get")["value"] == order[0], "it stays"
    assert [table(daemon, name, "take")["value"] for _ in range(2)] == order
    assert table(daemon, name, "get") == {"found": False}
    for value in range(4):
        table(daemon, name, "set", value=value)
    assert "is full" in table(daemon, name, "set", value=5, expected=400).text


def test_a_bloom_filter(daemon):
    create(daemon, "a")
    table(daemon, "bloom", "set", value=1)
    assert table(daemon, "bloom", "get", value=1) == {"found": True}
    assert not all(table(daemon, "bloom", "get", value=value)["found"] for value in range(2, 20))


@pytest.mark.parametrize("name, kind, reason", [
    ("hash", "wide", "table hash: the value has 4 bytes in the fast path and 8 in the control plane"),
    ("hash", "other", "table hash: the value is struct number in the fast path and other in the control plane"),
    ("hash", "percpu", "open it as Table"),
    ("percpu", "table", "open it as PerCpuTable"),
    ("lpm", "table", "table lpm: the key has 8 bytes in the fast path and 4 in the control plane"),
    ("hash", "queue", "table hash is no queue or stack"),
    ("queue", "bloom", "table queue is no bloom filter"),
    ("queue", "table", "table queue has no keys"),
    ("missing", "table", "its fast path has no table missing"),
    ("pcn_stats", "table", "its fast path has no table pcn_stats")])
def test_tables_that_are_something_else(daemon, name, kind, reason):
    create(daemon, "a")
    reply = daemon.data("POST", path("a", "open"), {"sample:input": {"name": name, "as": kind}})
    assert reply.status in (400, 409) and reason in reply.error["error-message"]
