# SPDX-License-Identifier: Apache-2.0
"""bridge: VLANs between real stations, the filtering database, and spanning trees together with Linux bridges."""

import json
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from frames import Tap
from network import eventually

BROADCAST = "ff:ff:ff:ff:ff:ff"


def bridge(daemon, hook, *peers, service="bridge", **settings):
    """br1 with ports p1, p2, ... with these peers."""
    daemon.do([service, "add", "br1", f"type={hook}", *(f"{name}={value}" for name, value in settings.items())])
    for number, peer in enumerate(peers, 1):
        daemon.do(f"br1 ports add p{number} peer={peer}")


def access(daemon, port, vlan):
    daemon.do(f"br1 ports {port} access set vlanid={vlan}")


def trunk(daemon, port, *vlans, **settings):
    daemon.do(f"br1 ports {port} set mode=trunk")
    for vlan in vlans:
        daemon.do(f"br1 ports {port} trunk allowed add {vlan}")
    for name, value in settings.items():
        daemon.do(f"br1 ports {port} trunk set {name.replace('_', '-')}={value}")


def shown(daemon, path, service="bridge"):
    reply = daemon.data("GET", f"{service}:{service}=br1/{path}")
    return next(iter(reply.json.values())) if reply.status == 200 else None


def entries(daemon):
    return {(entry["vlan"], entry["mac"]): entry for entry in (shown(daemon, "fdb") or {}).get("entry", [])}


def frame(source, target, vlan=None):
    tag = Dot1Q(vlan=vlan) if vlan is not None else None
    ether = Ether(src=source, dst=target)
    return (ether / tag if tag else ether) / IP(src="10.9.0.1", dst="10.9.0.2") / UDP() / Raw(b"a frame for a VLAN" * 3)


def refused(daemon, line):
    code, output = daemon.ctl(*line.split())
    assert code != 0, f"{line} was accepted"
    return output


def test_vlans_separate_stations(lab, daemon, hook):
    a, b, c = (lab.station(name) for name in "abc")
    bridge(daemon, hook, a.port, b.port, c.port)
    a.ping(b, count=10)
    a.ping(c)
    access(daemon, "p1", 10)
    access(daemon, "p2", 10)
    a.ping(b, count=10)
    assert not a.reaches(c)
    access(daemon, "p3", 10)
    c.ping(a)


def test_between_access_and_trunk(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    bridge(daemon, hook, a.port, b.port)
    access(daemon, "p1", 10)
    trunk(daemon, "p2", 10, 20)
    tap_a, tap_b = lab.tap(a), lab.tap(b)
    tap_a.send(frame(a.mac, BROADCAST))
    tap_b.expect(frame(a.mac, BROADCAST, 10))
    tap_b.send(frame(b.mac, a.mac, 10))
    tap_a.expect(frame(b.mac, a.mac))
    tap_a.send(frame(a.mac, b.mac))
    tap_b.expect(frame(a.mac, b.mac, 10))
    # Neither in another VLAN nor without a tag nor in one that the trunk has not.
    for vlan in (20, None, 30):
        tap_b.send(frame(b.mac, a.mac, vlan))
    tap_b.send(frame(b.mac, a.mac, 10) / Raw(b"the last one"))
    tap_a.expect(frame(b.mac, a.mac) / Raw(b"the last one"))
    assert entries(daemon)[10, a.mac]["port"] == "p1"
    # A native VLAN makes ordinary stations of those behind the trunk.
    trunk(daemon, "p2", native_vlan=10)
    a.ping(b, count=10)
    trunk(daemon, "p2", native_vlan_enabled="false")
    assert not a.reaches(b)


def test_a_trunk_with_all_vlans(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    bridge(daemon, hook, a.port, b.port)
    trunk(daemon, "p1", allow_all="true")
    trunk(daemon, "p2", allow_all="true")
    tap_a, tap_b = lab.tap(a), lab.tap(b)
    for vlan in (2, 777, 4094):
        tap_a.send(frame(a.mac, BROADCAST, vlan))
        tap_b.expect(frame(a.mac, BROADCAST, vlan))
    a.ping(b)
    trunk(daemon, "p2", 777, allow_all="false")
    tap_a.send(frame(a.mac, BROADCAST, 778), frame(a.mac, BROADCAST, 777))
    tap_b.expect(frame(a.mac, BROADCAST, 777))


def test_messages_and_modes(lab, daemon):
    bridge(daemon, "TC")
    daemon.do("br1 ports add p1")
    assert "Not a valid VLAN" in refused(daemon, "br1 ports p1 access set vlanid=0")
    assert "Not a valid VLAN" in refused(daemon, "br1 ports p1 access set vlanid=4095")
    assert "Port is not in trunk mode" in refused(daemon, "br1 ports p1 trunk set native-vlan=5")
    daemon.do("br1 ports p1 access set vlanid=7")
    daemon.do("br1 ports p1 set mode=trunk")
    assert "Port is not in access mode" in refused(daemon, "br1 ports p1 access set vlanid=7")
    daemon.do("br1 ports p1 set mode=access")
    assert shown(daemon, "ports=p1/access/vlanid") == 1, "another mode resets the VLANs"
    assert "You should specify the output port for a STATIC entry" in refused(
        daemon, "br1 fdb entry add 10 02:00:00:00:00:09")
    refused(daemon, "br1 fdb entry add 10 02:00:00:00:00:09 port=none")
    refused(daemon, "br1 fdb entry add 10 01:00:00:00:00:09 port=p1")
    before = daemon.configuration()
    refused(daemon, "br1 stp 10 set priority=4096")
    assert daemon.configuration() == before


def test_filtering_database(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    bridge(daemon, hook, a.port, b.port)
    a.ping(b)
    learned = entries(daemon)
    assert {(vlan, mac): entry["port"] for (vlan, mac), entry in learned.items()} == {
        (1, a.mac): "p1", (1, b.mac): "p2"}
    assert all(entry["type"] == "dynamic" and "age" in entry for entry in learned.values())
    # A static entry wins over learning.
    daemon.do(f"br1 fdb entry add 1 {b.mac} port=p1")
    assert entries(daemon)[1, b.mac]["type"] == "static"
    a.neighbours(b)
    assert not a.reaches(b)
    assert entries(daemon)[1, b.mac]["port"] == "p1"
    daemon.do("br1 fdb flush")
    assert not any(entry["type"] == "static" for entry in entries(daemon).values())
    a.ping(b)
    daemon.do("br1 fdb entry add 5 02:00:00:00:00:99 port=p2")
    daemon.do("br1 fdb entry del")
    assert (5, "02:00:00:00:00:99") not in entries(daemon)
    # Aged entries go away, static ones stay.
    daemon.do("br1 fdb entry add 5 02:00:00:00:00:99 port=p2")
    a.ping(b)
    daemon.do("br1 fdb set aging-time=1")
    eventually(lambda: set(entries(daemon)) == {(5, "02:00:00:00:00:99")}, "only the static entry is left")
    # Stations of a port that leaves a VLAN are forgotten at once.
    daemon.do("br1 fdb set aging-time=300")
    a.ping(b)
    access(daemon, "p2", 9)
    assert (1, b.mac) not in entries(daemon)
    assert (1, a.mac) in entries(daemon)


def test_a_hundred_thousand_entries(lab, daemon):
    bridge(daemon, "TC")
    daemon.do("br1 ports add p1")
    count = 100_000
    body = {"bridge:fdb": {"entry": [
        {"vlan": number % 4094 + 1, "mac": f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
         "port": "p1"} for number in range(count)]}}
    reply = daemon.rest("PATCH", "/restconf/data/bridge:bridge=br1/fdb", body, timeout=120)
    assert reply.status == 204, reply.text
    reply = daemon.rest("GET", "/restconf/data/bridge:bridge=br1/fdb", timeout=120)
    assert len(reply.json["bridge:fdb"]["entry"]) == count
    daemon.do("br1 fdb flush")
    assert not entries(daemon)


# ---- spanning tree ----------------------------------------------------------------------------------------------------


class LinuxBridge:
    """A bridge with spanning tree in a namespace of its own; the timers are the shortest that the standard allows."""

    def __init__(self, lab, name, priority):
        self.ns = lab.namespace(name)
        self.ns.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", 1, "forward_delay", 400, "hello_time",
                    100, "max_age", 600, "priority", priority)
        self.ns.run("ip", "link", "set", "br0", "up")

    def enslave(self, device):
        self.ns.run("ip", "link", "set", "dev", device, "master", "br0")
        self.ns.run("ip", "link", "set", device, "up")

    def states(self):
        links = json.loads(self.ns.run("ip", "-j", "-d", "link", "show", "master", "br0"))
        return {link["ifname"]: link["linkinfo"]["info_slave_data"]["state"] for link in links}


class Ring:
    """br1 with its ports p1 and p2, and two Linux bridges: p1 - left - right - p2; a station at p3."""

    def __init__(self, lab, daemon, hook, priority=None, service="bridge"):
        self.lab, self.daemon, self.service = lab, daemon, service
        self.left, self.right = LinuxBridge(lab, "left", 0x7000), LinuxBridge(lab, "right", 0x9000)
        for device, linux in (("vl", self.left), ("vr", self.right)):
            lab.host.run("ip", "link", "add", device, "type", "veth", "peer", "name", "side", "netns", linux.ns.name)
            lab.host_devices.add(device)
            for namespace, end in ((lab.host, device), (linux.ns, "side")):
                namespace.run("ethtool", "-K", end, "tx", "off", "tso", "off", "gso", "off", "gro", "on")
            lab.host.run("ip", "link", "set", device, "up")
            linux.enslave("side")
        self.left.ns.run("ip", "link", "add", "across", "type", "veth", "peer", "name", "across", "netns",
                         self.right.ns.name)
        self.left.enslave("across")
        self.right.enslave("across")
        self.left.ns.run("ip", "addr", "add", "10.0.0.101/24", "dev", "br0")
        self.right.ns.run("ip", "addr", "add", "10.0.0.102/24", "dev", "br0")
        self.station = lab.station("a")
        bridge(daemon, hook, "vl", "vr", self.station.port, service=service, **{"stp-enabled": "true"})
        daemon.do("br1 stp 1 set forward-delay=4 hello-time=1 max-message-age=6"
                  + (f" priority={priority}" if priority is not None else ""))

    def ours(self):
        return {port["name"]: port["stp"][0]["state"] for port in shown(self.daemon, "ports", self.service)}

    def states(self):
        """State of each end of the ring's links."""
        ours, left, right = self.ours(), self.left.states(), self.right.states()
        return [ours["p1"], ours["p2"], left["side"], left["across"], right["side"], right["across"]]

    def is_a_tree(self):
        return sorted(self.states()) == ["blocking"] + ["forwarding"] * 5 and self.ours()["p3"] == "forwarding"

    def reaches_all(self):
        return all(self.station.reaches(address) for address in ("10.0.0.101", "10.0.0.102"))

    def learned(self):
        return {(entry["mac"], entry["port"]) for entry in shown(self.daemon, "fdb", self.service).get("entry", [])}

    def root(self):
        return shown(self.daemon, "stp=1", self.service)[0]


@pytest.mark.parametrize("priority", [0x1000, 0xf000], ids=["as-root", "not-as-root"])
def test_a_ring_with_linux_bridges(lab, daemon, hook, priority):
    ring = Ring(lab, daemon, hook, priority)
    eventually(ring.is_a_tree, "one port of the ring blocks, the others forward", timeout=60, interval=0.2)
    eventually(ring.reaches_all, "all bridges are reached", timeout=20)
    tree = ring.root()
    if priority == 0x1000:
        assert tree["root-id"] == tree["bridge-id"] and "root-port" not in tree
        assert ring.ours() == {"p1": "forwarding", "p2": "forwarding", "p3": "forwarding"}
    else:
        assert tree["root-id"].startswith(f"{0x7000}.") and tree["root-port"] == "p1"
    # The link between the two others falls: everything goes through ours.
    ring.left.ns.run("ip", "link", "set", "across", "down")
    eventually(lambda: set(ring.ours().values()) == {"forwarding"} and ring.reaches_all(),
               "without that link all is reached through ours", timeout=60, interval=0.2)
    ring.left.ns.run("ip", "link", "set", "across", "up")
    eventually(ring.is_a_tree, "one port blocks again", timeout=60, interval=0.2)
    # One of ours falls: the way round is used.
    lab.host.run("ip", "link", "set", "vl", "down")
    eventually(lambda: ring.ours()["p1"] == "disabled" and ring.reaches_all(), "all is reached the other way",
               timeout=60, interval=0.2)


def test_blocked_ports_end_broadcasts(lab, daemon, hook):
    ring = Ring(lab, daemon, hook, 0xf000)
    eventually(ring.is_a_tree, "one port of the ring blocks", timeout=60, interval=0.2)
    tap = lab.tap(ring.station)
    lone = frame(ring.station.mac, BROADCAST)
    watch = Tap(ring.left.ns, "br0")
    lab.closing(watch.close)
    tap.send(lone)
    watch.expect(lone)
    assert watch.count(lone, 0.5) == 0, "it came round"
    assert tap.count(lone, 0.1) == 0, "it came back"


def test_each_vlan_has_a_tree(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    bridge(daemon, "TC", a.port, b.port, **{"stp-enabled": "true"})
    access(daemon, "p1", 10)
    trunk(daemon, "p2", 10, 20)
    assert [tree["vlan"] for tree in shown(daemon, "stp")] == [1, 10, 20]
    assert [tree["vlan"] for tree in shown(daemon, "ports=p2/stp")] == [1, 10, 20]
    assert [tree["vlan"] for tree in shown(daemon, "ports=p1/stp")] == [10]
    daemon.do("br1 stp 10 set priority=4096")
    daemon.do("br1 ports p2 stp 10 set path-cost=19")
    assert shown(daemon, "stp=10/priority") == 4096
    assert shown(daemon, "stp=10/hello-time") == 2
    assert shown(daemon, "ports=p2/stp=10/path-cost") == 19
    assert shown(daemon, "stp=20/priority") == 32768
    daemon.do("br1 stp del 10")
    assert shown(daemon, "stp=10/priority") == 32768, "the tree stays, with the defaults"
    # The trunk speaks of VLAN 1 without a tag, and of the others with theirs.
    tap = lab.tap(b)
    seen = set()
    end = time.monotonic() + 10
    while len(seen) < 3 and time.monotonic() < end:
        data = tap.receive(1) or b""
        if data[:6] == bytes.fromhex("0180c2000000") and data[14:17] == bytes.fromhex("424203"):
            seen.add(1)
        elif data[:6] == bytes.fromhex("01000ccccccd") and data[12:14] == b"\x81\x00":
            seen.add(int.from_bytes(data[14:16], "big"))
    assert seen == {1, 10, 20}
    daemon.do("br1 set stp-enabled=false")
    assert shown(daemon, "ports=p1/stp") is None
    access(daemon, "p1", 1)
    a.ping(b)
