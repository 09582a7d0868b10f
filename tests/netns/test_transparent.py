# SPDX-License-Identifier: Apache-2.0
"""Transparent cubes in front of ports and devices: what they see, where they stand, and what becomes of them."""

import json

import pytest

from chains import two_forwarders
from daemon import BUILD
from network import eventually
from remote import RemoteService

HOST_IP = "10.0.0.254"
WATCHER = BUILD / "tests/packages/watcher"


def transparent(daemon, name, hook, **leaves):
    daemon.do(f"transparenthelloworld add {name} type={hook} " + " ".join(f"{k.replace('_', '-')}={v}" for k, v in leaves.items()))


def counters(daemon, cube):
    """Packets in and out of each direction."""
    shown = json.loads(daemon.do(f"{cube} statistics show -json"))
    return {way: (int(shown[way]["in-pkts"]), int(shown[way]["out-pkts"])) for way in ("ingress", "egress")}


def refused(daemon, words, text):
    code, output = daemon.ctl(*words.split())
    assert code != 0, words
    assert text in output, output


@pytest.fixture
def host(lab):
    """A station and the host, which talk over the host's end of the station's pair."""
    a = lab.station("a")
    lab.host.run("ip", "addr", "add", f"{HOST_IP}/24", "dev", a.port)
    mac = json.loads(lab.host.run("ip", "-j", "link", "show", a.port))[0]["address"]
    a.run("ip", "neigh", "replace", HOST_IP, "lladdr", mac, "nud", "permanent", "dev", "eth0")
    lab.host.run("ip", "neigh", "replace", a.ip, "lladdr", a.mac, "nud", "permanent", "dev", a.port)
    return a


def test_a_device_without_a_port(host, daemon, hook):
    a = host
    a.ping(HOST_IP)
    transparent(daemon, "t", hook)
    daemon.do(f"attach t {a.port}")
    assert daemon.do("t parent show").strip() == a.port
    assert json.loads(daemon.do(f"netdevs {a.port} show -json"))["tcubes"] == ["t"]
    a.ping(HOST_IP, count=5)
    assert counters(daemon, "t") == {"ingress": (5, 5), "egress": (5, 5)}
    daemon.do("t set egress-action=DROP")
    assert not a.reaches(HOST_IP)
    assert counters(daemon, "t") == {"ingress": (6, 6), "egress": (6, 5)}
    daemon.do("t set egress-action=PASS ingress-action=DROP")
    assert not a.reaches(HOST_IP)
    assert counters(daemon, "t")["egress"] == (6, 5)
    daemon.do(f"detach t {a.port}")
    a.ping(HOST_IP)
    assert daemon.do("t parent show").strip() == ""


def test_the_slow_path_between_host_and_wire(host, daemon, hook):
    a = host
    if hook == "XDP_SKB":
        transparent(daemon, "t", hook, ingress_action="SLOWPATH")
        daemon.do(f"attach t {a.port}")
        assert not a.reaches(HOST_IP)
        assert "no-way-to-host" in daemon.do("t drops show"), "said, and no circle"
        daemon.do("t set ingress-action=PASS egress-action=SLOWPATH")
        a.ping(HOST_IP, count=10)
        return
    transparent(daemon, "t", hook, ingress_action="SLOWPATH", egress_action="SLOWPATH")
    daemon.do(f"attach t {a.port}")
    a.ping(HOST_IP, count=10)
    for way in ("ingress", "egress"):
        eventually(lambda: daemon.log_text().count(f"[t] packet in event from {way} program\n") == 10, way)


def test_ports_and_devices_of_a_chain(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    parents = [a.port, "sf1:p1", "sf1:p2", "sf2:p1", "sf2:p2", b.port]
    ping = lab.ping(a, b, count=1200, interval=0.002)
    for number, parent in enumerate(parents):
        transparent(daemon, f"t{number}", hook)
        daemon.do(f"attach t{number} {parent}")
    for number in range(len(parents)):
        way = counters(daemon, f"t{number}")
        eventually(lambda n=number, w=way: counters(daemon, f"t{n}")["ingress"] > w["ingress"], f"t{number}")
    assert json.loads(daemon.do("sf1 ports p2 show -json"))["tcubes"] == ["t2"]
    for number, parent in enumerate(parents):
        daemon.do(f"detach t{number} {parent}")
    sent, lost = ping.result()
    assert (sent, lost) == (1200, 0)
    for number in range(len(parents)):
        shown = counters(daemon, f"t{number}")
        assert shown["ingress"][0] == shown["ingress"][1] and shown["egress"][0] == shown["egress"][1]


def test_positions(lab, daemon):
    a = lab.station("a")
    for name in ("t1", "t2", "t3", "t4", "x"):
        transparent(daemon, name, "XDP_SKB" if name == "x" else "TC")
    daemon.do(f"attach t1 {a.port}")
    refused(daemon, f"attach t2 {a.port}", "Impossible to determine auto position")
    daemon.do(f"attach t2 {a.port} position=first")
    daemon.do(f"attach t3 {a.port} position=last")
    daemon.do(f"attach t4 {a.port} before=t3")
    assert json.loads(daemon.do(f"netdevs {a.port} show -json"))["tcubes"] == ["t2", "t1", "t4", "t3"]
    refused(daemon, f"attach t1 {a.port}", "Cube t1 is already attached")
    refused(daemon, f"attach x {a.port} position=last", "incompatible types")
    refused(daemon, "attach nosuch va", "Cube nosuch does not exist")
    refused(daemon, "attach x nosuch", "Interface nosuch does not exist")
    refused(daemon, f"detach x {a.port}", f"Cube x is not attached to {a.port}")
    daemon.do("simpleforwarder add sf")
    daemon.do("sf ports add p")
    refused(daemon, "attach x sf:p", "incompatible types")
    refused(daemon, "attach x sf:q", "Port q does not exist")
    refused(daemon, f"attach sf {a.port}", "Cube sf is not transparent")
    a.ping(a.ip, count=1)


def test_what_becomes_of_it(host, daemon, lab):
    a = host
    transparent(daemon, "t", "TC")
    daemon.do("simpleforwarder add sf")
    daemon.do(f"sf ports add p peer={a.port}")
    daemon.do("attach t sf:p")
    daemon.do("sf ports del p")
    assert daemon.do("t parent show").strip() == ""
    daemon.do("sf ports add p")
    daemon.do("attach t sf:p")
    daemon.do("sf del")
    assert daemon.do("t parent show").strip() == ""
    daemon.do(f"attach t {a.port}")
    lab.unwire(a)
    eventually(lambda: a.port not in daemon.do("netdevs show"), "the device is gone")
    lab.wire(a)
    lab.host.run("ip", "addr", "add", f"{HOST_IP}/24", "dev", a.port)
    before = counters(daemon, "t")["ingress"][0]
    eventually(lambda: a.reaches(HOST_IP) and counters(daemon, "t")["ingress"][0] > before, "it sees the new device")
    daemon.do("t del")
    a.ping(HOST_IP)


@pytest.mark.parametrize("place", ["in-process", "remote"])
def test_the_control_plane_sees_its_parent(lab, place):
    """The leaves of the port in front of which it is, as they are at each moment, and the device there."""
    if place == "remote":
        daemon = lab.daemon(remote=True)
        RemoteService(lab, daemon, WATCHER).start()
    else:
        daemon = lab.daemon(services=[BUILD / "tests/packages"])
    a, b = lab.station("a"), lab.station("b")
    macs = {s.name: json.loads(lab.host.run("ip", "-j", "link", "show", s.port))[0]["address"] for s in (a, b)}

    def seen():
        shown = json.loads(daemon.do("w show -json"))
        return {name: shown[name] for name in ("peer", "ip", "device", "changes") if name in shown}

    daemon.do("watcher add w type=TC")
    assert seen() == {"changes": 0}
    daemon.do("router add r type=TC")
    daemon.do("r ports add p ip=10.0.0.254/24")
    daemon.do("attach w r:p")
    assert seen() == {"ip": "10.0.0.254/24", "peer": "", "changes": 1}
    daemon.do(f"r ports p set peer={a.port}")
    assert seen() == {"ip": "10.0.0.254/24", "peer": a.port, "device": macs["a"], "changes": 2}
    daemon.do("r ports p set ip=10.0.0.253/24")
    assert seen() == {"ip": "10.0.0.253/24", "peer": a.port, "device": macs["a"], "changes": 3}
    daemon.do("r route add 10.9.0.0/16 10.0.0.1")
    assert seen()["changes"] == 3
    daemon.do("detach w r:p")
    assert seen() == {"changes": 4}
    daemon.do(f"attach w {b.port}")
    assert seen() == {"device": macs["b"], "changes": 5}
    assert daemon.stop() == 0
    daemon.assert_nothing_left()
