# SPDX-License-Identifier: Apache-2.0
"""Packets through cubes on every hook: between devices, through chains, and every kind of frame."""

import json

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from chains import helloworld, simplebridge, simpleforwarder
from network import eventually

BROADCAST = "ff:ff:ff:ff:ff:ff"
UNKNOWN = "02:00:00:00:77:77"


def udp(source, target, **members):
    layers = Ether(**{"src": source.mac, "dst": target.mac, **members})
    return layers / IP(src=source.ip, dst=target.ip) / UDP(sport=1000, dport=2000) / Raw(b"payload of a datagram")


def ether(source, target, **members):
    return Ether(src=source.mac, dst=target.mac, **members)


FRAMES = {
    "udp": udp,
    "tcp_syn": lambda a, b: ether(a, b) / IP(src=a.ip, dst=b.ip) / TCP(sport=5, dport=81, flags="S"),
    "vlan": lambda a, b: ether(a, b) / Dot1Q(vlan=100, prio=5) / IP(src=a.ip, dst=b.ip) / ICMP() / Raw(b"x" * 30),
    "double_vlan": lambda a, b: ether(a, b) / Dot1Q(vlan=7, type=0x8100) / Dot1Q(vlan=8) / IP(dst=b.ip) / UDP(),
    "ipv6": lambda a, b: ether(a, b) / IPv6(src=a.ip6, dst=b.ip6) / UDP(sport=1, dport=2) / Raw(b"six"),
    "arp": lambda a, b: Ether(src=a.mac, dst=BROADCAST) / ARP(op=1, hwsrc=a.mac, psrc="10.0.0.200", pdst="10.0.0.201"),
    "broadcast": lambda a, b: udp(a, b, dst=BROADCAST),
    "multicast": lambda a, b: udp(a, b, dst="01:00:5e:00:00:05"),
    "unknown_ethertype": lambda a, b: ether(a, b, type=0x88b6) / Raw(b"anything at all, really"),
    "runt": lambda a, b: ether(a, b, type=0x88b6) / Raw(b"runt"),
    "ip_options": lambda a, b: ether(a, b) / IP(src=a.ip, dst=b.ip, options=b"\x01\x01\x01\x00") / UDP(),
    "fragment": lambda a, b: ether(a, b) / IP(src=a.ip, dst=b.ip, frag=100, flags="MF") / Raw(b"f" * 64),
    "truncated_ip": lambda a, b: ether(a, b, type=0x0800) / Raw(b"\x45\x00\x00"),
    "full_mtu": lambda a, b: ether(a, b, type=0x88b6) / Raw(b"m" * 1500),
    "jumbo": lambda a, b: ether(a, b, type=0x88b6) / Raw(b"j" * 2900),
}
MAKERS = {"helloworld": helloworld, "simpleforwarder": simpleforwarder, "simplebridge": simplebridge}


@pytest.mark.parametrize("service", MAKERS)
def test_two_stations_through_one_cube(lab, daemon, hook, service):
    a, b = lab.station("a"), lab.station("b")
    MAKERS[service](daemon, "c1", hook, a.port, b.port)
    assert daemon.port_status("c1", "p1") == "UP"
    a.ping(b, count=20)
    b.ping(a, count=20)
    report = lab.iperf(a, b, 1)
    assert report["end"]["sum_received"]["bytes"] > 1_000_000


@pytest.mark.parametrize("service", MAKERS)
def test_every_kind_of_frame_arrives_once_and_unchanged(lab, daemon, hook, service):
    a, b = lab.station("a", mtu=3000), lab.station("b", mtu=3000)
    MAKERS[service](daemon, "c1", hook, a.port, b.port)
    sender, receiver = lab.tap(a), lab.tap(b)
    for name, build in FRAMES.items():
        frame = build(a, b)
        sender.send(frame)
        try:
            receiver.expect(frame)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
    again = FRAMES["broadcast"](a, b)
    sender.send(again)
    assert receiver.count(again, within=0.3) == 1


def test_chain_of_two_different_cubes(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port)
    simplebridge(daemon, "sb1", hook, None, b.port)
    daemon.do("connect sf1:p2 sb1:p1")
    a.ping(b, count=20)
    assert lab.iperf(a, b, 1)["end"]["sum_received"]["bytes"] > 1_000_000
    assert lab.iperf(b, a, 1, "-u", "-b", "20M")["end"]["sum"]["packets"] > 100
    sender, receiver = lab.tap(a), lab.tap(b)
    for build in (FRAMES["vlan"], FRAMES["broadcast"], FRAMES["ipv6"], FRAMES["runt"]):
        frame = build(a, b)
        sender.send(frame)
        receiver.expect(frame)


def test_chain_of_eight_cubes(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "c0", hook, a.port)
    for number in range(1, 8):
        last = b.port if number == 7 else None
        (helloworld if number % 2 else simplebridge)(daemon, f"c{number}", hook, None, last)
        daemon.do(f"connect c{number - 1}:p2 c{number}:p1")
    a.ping(b, count=10)


def test_ping_over_ipv6(lab, daemon, hook):
    a, b = lab.station("a", ipv6=True), lab.station("b", ipv6=True)
    simplebridge(daemon, "sb1", hook, a.port, b.port)
    a.ping(b.ip6)


def test_generic_and_native_xdp_cubes_can_be_connected(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", "XDP_DRV", a.port)
    simplebridge(daemon, "sb1", "XDP_SKB", None, b.port)
    daemon.do("connect sf1:p2 sb1:p1")
    a.ping(b)


def test_helloworld_drops_by_default_and_counts_it(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    helloworld(daemon, "hw1", hook, a.port, b.port, action="DROP")
    assert daemon.do("hw1 action show").strip() == "drop"
    sender, receiver = lab.tap(a), lab.tap(b)
    frame = udp(a, b)
    sender.send(*[frame] * 10)
    drops = eventually(lambda: json.loads(daemon.do("hw1 show -json")).get("drops"), "drops are counted")
    assert sum(int(entry["packets"]) for entry in drops) == 10
    assert receiver.count(frame, within=0.1) == 0
    daemon.do("hw1 set action=FORWARD")
    sender.send(frame)
    receiver.expect(frame)


def test_helloworld_with_one_port_drops(lab, daemon, hook):
    a = lab.station("a")
    daemon.do(f"helloworld add hw1 type={hook} action=FORWARD")
    daemon.do(f"hw1 ports add p1 peer={a.port}")
    lab.tap(a).send(udp(a, a))
    eventually(lambda: "drops" in json.loads(daemon.do("hw1 show -json")), "the drop is counted")


def test_forwarder_drops_without_entry_and_follows_changes(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port, b.port)
    sender, receiver = lab.tap(a), lab.tap(b)
    frame = udp(a, b)
    for command, arrives in (("sf1 actions p1 set action=DROP", 0), ("sf1 actions p1 set action=FORWARD", 1),
                             ("sf1 actions p1 set action=SLOWPATH", 0), ("sf1 actions del p1", 0),
                             ("sf1 actions add p1 action=FORWARD outport=p2", 1)):
        daemon.do(command)
        sender.send(frame)
        assert receiver.count(frame, within=0.2) == arrives, command
    eventually(lambda: "[sf1] packet arrived to the slowpath from port p1\n" in daemon.log_text(), "a line in the log")


def test_port_statistics_are_exact(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port, b.port)
    sender, receiver = lab.tap(a), lab.tap(b)
    packet = udp(a, b)
    packet.dst = "02:00:00:00:00:77"  # nobody's: the stations do not answer, which would be counted as well
    frame = bytes(packet)
    sender.send(*[frame] * 25)
    assert receiver.count(frame, within=0.5) == 25
    sent = json.loads(daemon.do("sf1 ports p1 show -json"))["statistics"]
    received = json.loads(daemon.do("sf1 ports p2 show -json"))["statistics"]
    assert (int(sent["in-pkts"]), int(sent["in-octets"])) == (25, 25 * len(frame))
    assert (int(received["out-pkts"]), int(received["out-octets"])) == (25, 25 * len(frame))
    assert int(sent["out-pkts"]) == 0 and int(received["in-pkts"]) == 0


class Bridge:
    """Three stations on one bridge, each with a tap."""

    def __init__(self, lab, daemon, hook):
        self.daemon = daemon
        self.stations = [lab.station(name) for name in "abc"]
        simplebridge(daemon, "sb1", hook, *(station.port for station in self.stations))
        self.taps = [lab.tap(station) for station in self.stations]

    def sent(self, index, frame):
        """Sends a frame from a station and returns which stations received it, in order, twice if twice."""
        self.taps[index].send(frame)
        return [number for number, tap in enumerate(self.taps) for _ in range(tap.count(frame, within=0.15))]

    def entries(self):
        entries = json.loads(self.daemon.do("sb1 fdb entry show -json"))
        return {entry["address"]: entry["port"] for entry in entries}


@pytest.fixture
def bridge(lab, daemon, hook):
    return Bridge(lab, daemon, hook)


def test_bridge_floods_then_learns(bridge):
    a, b, _ = bridge.stations
    assert bridge.sent(0, udp(a, b)) == [1, 2], "unknown destination: all other ports"
    assert bridge.entries().get(a.mac) == "p1"
    assert bridge.sent(1, udp(b, a)) == [0], "a is known"
    assert bridge.sent(0, udp(a, b)) == [1], "b is known"
    assert bridge.sent(2, udp(b, a, src=UNKNOWN, dst=BROADCAST)) == [0, 1]
    assert bridge.entries()[UNKNOWN] == "p3"
    assert bridge.sent(0, udp(a, b, dst="01:80:c2:00:00:00")) == [1, 2], "multicast is never learned"
    assert set(bridge.entries()) == {a.mac, b.mac, UNKNOWN}


def test_bridge_drops_what_would_go_back(bridge):
    a, b, _ = bridge.stations
    bridge.sent(0, udp(a, b))
    assert bridge.sent(0, udp(a, b, src=UNKNOWN, dst=a.mac)) == []


def test_bridge_follows_a_station_that_moves(bridge):
    a, b, c = bridge.stations
    bridge.sent(0, udp(a, b, src=UNKNOWN))
    bridge.sent(2, udp(c, b, src=UNKNOWN))
    assert bridge.entries()[UNKNOWN] == "p3"
    assert bridge.sent(1, udp(b, a, dst=UNKNOWN)) == [2]


def test_bridge_static_entry_flush_and_port_deletion(bridge):
    a, b, _ = bridge.stations
    bridge.daemon.do(f"sb1 fdb entry add {UNKNOWN} port=p3")
    assert bridge.sent(0, udp(a, b, dst=UNKNOWN)) == [2]
    assert "true" in bridge.daemon.do("sb1 fdb flush")
    assert bridge.entries() == {}
    assert bridge.sent(0, udp(a, b, dst=UNKNOWN)) == [1, 2]
    bridge.daemon.do(f"sb1 fdb entry add {UNKNOWN} port=p3")
    bridge.daemon.do("sb1 ports del p3")
    assert UNKNOWN not in bridge.entries()
    assert bridge.sent(0, udp(a, b, dst=UNKNOWN)) == [1]


def test_bridge_whole_list_is_deleted_with_what_was_learned(bridge):
    a, b, _ = bridge.stations
    path = "simplebridge:simplebridge=sb1/fdb/entry"
    bridge.sent(0, udp(a, b))
    assert bridge.daemon.data("GET", f"{path}={a.mac.upper()}").json["simplebridge:entry"][0]["port"] == "p1"
    assert bridge.daemon.data("GET", f"{path}={UNKNOWN}").status == 404
    bridge.daemon.do(f"sb1 fdb entry add {UNKNOWN} port=p3")
    assert {a.mac, UNKNOWN} <= set(bridge.entries())
    assert bridge.daemon.data("DELETE", path).status == 204
    assert not {a.mac, UNKNOWN} & set(bridge.entries())
    assert bridge.sent(1, udp(b, a, dst=UNKNOWN)) == [0, 2]
    assert bridge.daemon.data("DELETE", path).status == 204, "what was only learned is deleted as well"
    assert not {a.mac, b.mac} & set(bridge.entries())


def test_bridge_container_is_deleted_with_what_was_learned(bridge):
    a, b, _ = bridge.stations
    path = "simplebridge:simplebridge=sb1/fdb"
    bridge.sent(0, udp(a, b))
    bridge.daemon.do(f"sb1 fdb entry add {UNKNOWN} port=p3")
    bridge.daemon.do("sb1 fdb set aging-time=1000")
    assert {a.mac, UNKNOWN} <= set(bridge.entries())
    assert bridge.daemon.data("DELETE", path).status == 204
    assert not {a.mac, UNKNOWN} & set(bridge.entries())
    assert bridge.daemon.data("GET", path).json["simplebridge:fdb"]["aging-time"] == 300
    assert bridge.sent(1, udp(b, a, dst=UNKNOWN)) == [0, 2]
    assert b.mac in bridge.entries()
    assert bridge.daemon.data("DELETE", path).status == 204, "with nothing configured as well"
    assert b.mac not in bridge.entries()
    bridge.sent(0, udp(a, b))
    assert bridge.daemon.data("DELETE", f"{path}/aging-time").status == 204
    assert a.mac in bridge.entries(), "what lies elsewhere stays"


def test_bridge_forgets_after_the_aging_time(bridge):
    a, b, _ = bridge.stations
    bridge.daemon.do("sb1 fdb set aging-time=1")
    bridge.sent(0, udp(a, b))
    eventually(lambda: a.mac not in bridge.entries(), "the entry ages")
    assert bridge.sent(1, udp(b, a)) == [0, 2], "forgotten, so flooded"
