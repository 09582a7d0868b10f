# SPDX-License-Identifier: Apache-2.0
"""One request that changes much: rows beside the ports they name, and all or nothing when it fails late."""

import json
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from chains import datastore, hello_value, ports_value, two_forwarders
from daemon import Daemon
from network import eventually
from packages import model, package

NOTES = 4  # bpf/pass.bpf.c


def forwarder(name, hook, peers, rows):
    """A simpleforwarder: peers by port, and rows {input port: output port or None, which drops}."""
    return {"name": name, "type": hook, "ports": [{"name": port, "peer": peer} for port, peer in peers.items()],
            "actions": [{"inport": port, "action": "forward", "outport": out} if out else
                        {"inport": port, "action": "drop"} for port, out in rows.items()]}


def bridge(name, hook, peers, entries):
    return {"name": name, "type": hook, "ports": [{"name": port, "peer": peer} for port, peer in peers.items()],
            "fdb": {"entry": [{"address": address, "port": port} for address, port in entries.items()]}}


def request(daemon, method, path, body, expected):
    reply = daemon.data(method, path, body)
    assert reply.status == expected, reply.text


def neighbours(*stations):
    for station in stations:
        station.neighbours(*(other for other in stations if other is not station))


def test_forwarder_rows_beside_the_ports_they_name(lab, daemon, hook):
    a, b, c = (lab.station(name) for name in "abc")
    neighbours(a, b, c)
    cube = "simpleforwarder:simpleforwarder=sf1"

    def put(peers, rows):
        request(daemon, "PUT", cube, {"simpleforwarder:simpleforwarder": [forwarder("sf1", hook, peers, rows)]}, 204)

    request(daemon, "POST", "", {"simpleforwarder:simpleforwarder": [
        forwarder("sf1", hook, {"p1": a.port, "p2": b.port}, {"p1": "p2", "p2": "p1"})]}, 201)
    a.ping(b)

    # A port more, and the rows that name it.
    request(daemon, "PATCH", "", datastore(simpleforwarder=[
        forwarder("sf1", hook, {"p3": c.port}, {"p1": "p3", "p3": "p1"})]), 204)
    a.ping(c)
    assert not a.reaches(b)

    # p4 takes the index of p2, and its row the place of p2's; that of p3 goes away.
    put({"p1": a.port, "p3": c.port, "p4": b.port}, {"p1": "p4", "p4": "p1"})
    a.ping(b)
    assert not c.reaches(a), "a port without a row drops"

    # The same again, and the new one drops what the one before forwarded.
    put({"p1": a.port, "p3": c.port, "p5": b.port}, {"p1": "p3", "p3": "p1", "p5": None})
    a.ping(c)
    assert not b.reaches(a)

    # Two ports change places: what they are called is what counts.
    put({"p1": a.port, "p3": b.port, "p5": c.port}, {"p1": "p3", "p3": "p1"})
    a.ping(b)
    put({"p1": a.port, "x1": b.port, "x2": c.port}, {"p1": "x2", "x2": "p1"})
    a.ping(c)
    assert not a.reaches(b)


STATIC, OTHER, MOVED, LEARNED = (f"02:00:00:00:77:{number:02x}" for number in range(4))


def frame(source, target):
    return Ether(src=source, dst=target) / IP() / UDP(dport=2000) / Raw(b"payload of a datagram")


def test_bridge_entries_beside_the_ports_they_name(lab, daemon, hook):
    stations = [lab.station(name) for name in "abcd"]
    a, b, c, d = stations
    taps = [lab.tap(station) for station in stations]

    def sent(index, source, target):
        """Which stations receive a frame that this one sends."""
        one = frame(source, target)
        taps[index].send(one)
        return [number for number, tap in enumerate(taps) for _ in range(tap.count(one, within=0.1))]

    def entries():
        return {entry["address"]: entry["port"] for entry in json.loads(daemon.do("sb1 fdb entry show -json"))}

    request(daemon, "POST", "", {"simplebridge:simplebridge": [
        bridge("sb1", hook, {"p1": a.port, "p2": b.port, "p3": c.port},
               {STATIC: "p3", OTHER: "p2", MOVED: "p2"})]}, 201)
    assert sent(0, a.mac, STATIC) == [2], "also with the first packet"
    assert sent(1, b.mac, a.mac) == [0]
    assert sent(2, LEARNED, a.mac) == [0]
    assert entries() == {STATIC: "p3", OTHER: "p2", MOVED: "p2", a.mac: "p1", b.mac: "p2", LEARNED: "p3"}

    # p4 takes the index of p3. What was learned there is not its; what is configured in the same request is.
    request(daemon, "PUT", "simplebridge:simplebridge=sb1", {"simplebridge:simplebridge": [
        bridge("sb1", hook, {"p1": a.port, "p2": b.port, "p4": d.port}, {OTHER: "p2", MOVED: "p4"})]}, 204)
    assert entries() == {OTHER: "p2", MOVED: "p4", a.mac: "p1", b.mac: "p2"}
    assert sent(0, a.mac, MOVED) == [3]
    assert sent(0, a.mac, OTHER) == [1]
    assert sent(0, a.mac, LEARNED) == [1, 3], "forgotten, so flooded"
    assert sent(0, a.mac, STATIC) == [1, 3]

    # Ports and entries in one PATCH.
    request(daemon, "PATCH", "", datastore(simplebridge=[
        bridge("sb1", hook, {"p5": c.port}, {STATIC: "p5", OTHER: "p5"})]), 204)
    assert sent(0, a.mac, STATIC) == [2]
    assert sent(1, b.mac, OTHER) == [2]
    assert sent(1, b.mac, MOVED) == [3]


# ---- failures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def narrow(lab, hook):
    """A daemon with a - sf1 - sf2 - b and c - zz - d, where zz is written last and its table is half full."""
    packages = lab.folder / "packages"
    package(packages, "pass", model("pass", "list notes { pcn:table notes; key number; leaf number { type uint32; } "
                                            "leaf text { type uint32; } }"),
            Path(__file__).parent / "bpf/pass.bpf.c")
    daemon = Daemon(lab, services=(packages,)).start()
    a, b = two_forwarders(lab, daemon, hook)
    c, d = lab.station("c"), lab.station("d")
    neighbours(c, d)
    request(daemon, "PATCH", "", datastore(**{"pass": [
        {"name": "zz", "type": hook,
         "ports": [{"name": "p1", "peer": c.port}, {"name": "p2", "peer": d.port}, {"name": "p3"}],
         "notes": [{"number": 100 + number, "text": number} for number in range(NOTES // 2)]}]}), 204)
    c.ping(d)
    yield daemon, (a, b), (c, d)
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


def refused(daemon, method, path, body):
    reply = daemon.data(method, path, body)
    assert reply.status == 400 and reply.tag == "too-big", reply.text
    assert "notes" in reply.error["error-message"] and "zz" in reply.error["error-message"], reply.text


def everything(daemon):
    """Configuration, state, counters and table entries, and the revision."""
    reply = daemon.rest("GET", "/restconf/data")
    assert reply.status == 200, reply.text
    return reply.json, reply.etag


def too_many_notes(first=0):
    """Those of numbers 0 and 1 would divert packets."""
    return [{"number": number, "text": 1} for number in range(first, first + NOTES + 1)]


def holdings(daemon):
    return daemon.count_objects(), daemon.descriptors()


def settled_holdings(daemon):
    """Once the kernel has freed what was replaced before, which it does after a grace period."""
    counts = []

    def same_twice():
        counts.append(holdings(daemon))
        return counts[-1] == counts[-2] if len(counts) > 1 else False

    eventually(same_twice, "the daemon's objects are settled", interval=0.3)
    return counts[-1]


def test_failure_late_in_a_request_changes_nothing(lab, narrow, hook):
    daemon, (a, b), (c, d) = narrow
    e = lab.station("e")
    spare = lab.tap(e)
    before, held = everything(daemon), settled_holdings(daemon)

    def unchanged():
        assert everything(daemon) == before
        eventually(lambda: holdings(daemon) == held, f"as many objects and descriptors as before: {held}", interval=0.2)

    # Each of these would stop or divert the traffic; a new cube, device and port are there in the meantime.
    diverted = {"helloworld": [hello_value("hw", "sf1:p2", "sf2:p1", hook, action="drop")],
                "simpleforwarder": [
                    {**forwarder("sf1", hook, {"p2": "hw:p1", "p3": e.port}, {"p1": None}), "loglevel": "DEBUG"},
                    {**forwarder("sf2", hook, {"p1": "hw:p2"}, {"p2": None}), "loglevel": "DEBUG"}],
                "pass": [{"name": "zz", "ports": [{"name": "p1", "peer": d.port}, {"name": "p2", "peer": c.port},
                                                  {"name": "p3"}, {"name": "p4"}],
                          "notes": too_many_notes()}]}
    refused(daemon, "PATCH", "", datastore(**diverted))
    unchanged()
    # A port that takes the index of another one, of which counters and rows must come back.
    refused(daemon, "PUT", "pass:pass=zz", {"pass:pass": [
        {"name": "zz", "type": hook, "ports": [{"name": "p1", "peer": e.port}, {"name": "q2", "peer": d.port}],
         "notes": [{"number": 100, "text": 77}, *too_many_notes()]}]})
    unchanged()

    a.ping(b)
    b.ping(a)
    c.ping(d)
    d.ping(c)
    lab.tap(c).send(frame(c.mac, "ff:ff:ff:ff:ff:ff"))
    assert spare.receive(0.2) is None, "the device that would have been taken gets nothing"
    # With the row that does not fit left out, the same request succeeds.
    diverted["pass"][0]["notes"] = []
    request(daemon, "PATCH", "", datastore(**diverted), 204)
    assert not a.reaches(b)


def test_failures_late_in_requests_lose_and_leak_nothing(lab, narrow, hook):
    daemon, (a, b), (c, d) = narrow
    body = datastore(**{"helloworld": [hello_value("hw", "sf1:p2", "sf2:p1", hook)],
                        "simpleforwarder": [ports_value("sf1", p2="hw:p1"), ports_value("sf2", p1="hw:p2")],
                        "pass": [{"name": "zz", "notes": too_many_notes(200)}]})
    before, held = daemon.configuration(), settled_holdings(daemon)
    flows = lab.flow(a, b), lab.flow(c, d)
    for _ in range(50):
        refused(daemon, "PATCH", "", body)
    for flow in flows:
        sent, lost, duplicated = flow.stop()
        assert (lost, duplicated) == (0, 0), f"of {sent}"
    assert daemon.configuration() == before
    eventually(lambda: holdings(daemon) == held, f"as many objects and descriptors as before: {held}", interval=0.2)
