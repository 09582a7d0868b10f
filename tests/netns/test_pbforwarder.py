# SPDX-License-Identifier: Apache-2.0
"""pbforwarder: rules by polycubectl and RESTCONF, and what they do to traffic."""

import json
import time

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from network import eventually

RULES = "pbforwarder:pbforwarder=pb1/rules"


def add(daemon, hook, *stations):
    """Cube pb1 with ports p1, p2, ... for the stations."""
    daemon.do(f"pbforwarder add pb1 type={hook}")
    for number, station in enumerate(stations, 1):
        daemon.do(f"pb1 ports add p{number} peer={station.port}")


def both_ways(daemon, first="p1", second="p2", ids=(100, 101)):
    daemon.do(f"pb1 rules add {ids[0]} in_port={first} action=FORWARD out_port={second}")
    daemon.do(f"pb1 rules add {ids[1]} in_port={second} action=FORWARD out_port={first}")


def udp(source, target, dport, sport=1000):
    return Ether(src=source.mac, dst=target.mac) / IP(src=source.ip, dst=target.ip) / UDP(sport=sport, dport=dport) / Raw(
        b"payload of a datagram")


def rules(daemon):
    return json.loads(daemon.do("pb1 rules show -json"))


def test_without_rules_nothing_passes(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    add(daemon, hook, a, b)
    assert not a.reaches(b)
    both_ways(daemon)
    a.ping(b)
    assert lab.iperf(a, b, 1)["end"]["sum_received"]["bytes"] > 1_000_000
    daemon.do("pb1 rules del 101")
    assert not a.reaches(b)


def test_rules_choose_the_way(lab, daemon, hook):
    a, b, c = lab.station("a"), lab.station("b"), lab.station("c")
    add(daemon, hook, a, b, c)
    daemon.do(f"pb1 rules add 0 dst_ip={b.ip} l4_proto=UDP dst_port=1000-2000 action=FORWARD out_port=p3")
    daemon.do("pb1 rules add 1 vlan=7 action=DROP")
    daemon.do("pb1 rules add 5 src_ip=fd00::/16 in_port=p1 action=FORWARD out_port=p3")
    both_ways(daemon)
    sender, at_b, at_c = lab.tap(a), lab.tap(b), lab.tap(c)
    for port, receiver in ((999, at_b), (1000, at_c), (2000, at_c), (2001, at_b)):
        frame = udp(a, b, port)
        sender.send(frame)
        receiver.expect(frame)
    six = Ether(src=a.mac, dst=b.mac) / IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=1, dport=2) / Raw(b"six")
    sender.send(six)
    at_c.expect(six)
    tagged = Ether(src=a.mac, dst=b.mac) / Dot1Q(vlan=7) / IP(src=a.ip, dst=b.ip) / TCP() / Raw(b"t" * 30)
    other = Ether(src=a.mac, dst=b.mac) / Dot1Q(vlan=8) / IP(src=a.ip, dst=b.ip) / TCP() / Raw(b"o" * 30)
    sender.send(tagged, other)
    at_b.expect(other)
    assert at_b.count(tagged, within=0.1) == 0
    daemon.do("pb1 rules 0 set dst_port=53")
    frame = udp(a, b, 1500)
    sender.send(frame)
    at_b.expect(frame)


def test_what_is_shown_is_what_was_given(daemon):
    daemon.do("pbforwarder add pb1")
    daemon.do("pb1 ports add p1")
    daemon.do("pb1 rules add 3 src_ip=10.0.0.0/8 dst_ip=10.0.0.5 l4_proto=TCP src_port=1000-2000 dst_port=80 "
              "src_mac=02:00:00:00:00:AA vlan=5 in_port=p1 action=FORWARD out_port=p1")
    daemon.do("pb1 rules add 4")
    # Other ways to say "any" and "this one".
    daemon.do("pb1 rules add 4000000000 src_ip=10.0.0.5/32 dst_ip=0.0.0.0/0 l4_proto=UDP src_port=0-65535 dst_port=80-80")
    daemon.do("pb1 rules add 5 src_ip=::/0 dst_ip=FD00:0::1/128 src_mac=00:00:00:00:00:00 vlan=0")
    assert sorted(rules(daemon), key=lambda rule: rule["id"]) == [
        {"id": 3, "in_port": "p1", "src_mac": "02:00:00:00:00:aa", "vlan": 5, "src_ip": "10.0.0.0/8",
         "dst_ip": "10.0.0.5", "l4_proto": "tcp", "src_port": "1000-2000", "dst_port": 80, "action": "forward",
         "out_port": "p1"},
        {"id": 4, "action": "drop"},
        {"id": 5, "src_mac": "00:00:00:00:00:00", "vlan": 0, "src_ip": "::/0", "dst_ip": "fd00::1/128",
         "action": "drop"},
        {"id": 4000000000, "src_ip": "10.0.0.5/32", "dst_ip": "0.0.0.0/0", "l4_proto": "udp", "src_port": "0-65535",
         "dst_port": "80-80", "action": "drop"}]
    assert daemon.do("pb1 rules 3 dst_port show").strip() == "80"
    assert daemon.do("pb1 rules 3 src_port show").strip() == "1000-2000"


def test_adding_a_rule_that_exists_replaces_it(daemon):
    daemon.do("pbforwarder add pb1")
    daemon.do("pb1 rules add 1 dst_ip=10.0.0.5 vlan=3")
    daemon.do("pb1 rules add 1 src_ip=10.0.0.6")
    assert rules(daemon) == [{"id": 1, "src_ip": "10.0.0.6", "action": "drop"}]


REFUSED = {
    "0 action=FORWARD": "Port is mandatory to FORWARD",
    "0 dst_port=80": "Level 4 protocol is needed when level 4 ports are specified.",
    "0 src_port=80 l4_proto=icmp": "Only TCP, UDP and SCTP have level 4 ports.",
    "0 dst_port=90-80 l4_proto=tcp": "The range dst_port ends before it begins.",
    "0 src_port=2000-300 l4_proto=tcp": "The range src_port ends before it begins.",
    "0 src_ip=10.0.0.1 dst_ip=fd00::1": "No packet matches: src_ip and dst_ip are of different IP versions.",
    "0 l4_proto=XYZ": "'XYZ' is not a value of l4_proto: expected",
    "0 action=PASS": "'PASS' is not a value of action: expected drop, slowpath or forward",
    "0 dst_port=65536 l4_proto=tcp": "expected a port number of 0 to 65535, or a range of them such as 1000-2000",
    "0 dst_port=http l4_proto=tcp": "expected a port number of 0 to 65535, or a range of them such as 1000-2000",
    "0 src_ip=10.0.0.256": "expected an IPv4 or IPv6 address or prefix such as 10.0.0.1, 10.0.0.0/24 or 2001:db8::/32",
    "0 src_ip=10.0.0.0/33": "expected an IPv4 or IPv6 address or prefix",
    "0 vlan=4096": "expected a whole number in the range 0..4095",
    "4294967296": "expected a whole number in the range 0..4294967295",
    "0 in_port=nosuch": "nosuch",
    "0 action=FORWARD out_port=nosuch": "nosuch",
    "0 src_mac=nonsense": "expected a MAC address",
}


def test_refused_rules_change_nothing(daemon):
    daemon.do("pbforwarder add pb1")
    daemon.do("pb1 rules add 1 dst_ip=10.0.0.5")
    before = daemon.configuration()
    for words, message in REFUSED.items():
        code, output = daemon.ctl("pb1", "rules", "add", *words.split())
        assert code == 2 and message in output, f"{words}: {output}"
    code, output = daemon.ctl("pb1", "rules", "1", "set", "dst_port=1")
    assert code == 2 and "Level 4 protocol" in output
    assert daemon.configuration() == before


def test_a_port_that_a_rule_names_stays(daemon):
    daemon.do("pbforwarder add pb1")
    daemon.do("pb1 ports add p1")
    daemon.do("pb1 rules add 0 action=FORWARD out_port=p1")
    code, output = daemon.ctl("pb1", "ports", "del", "p1")
    assert code == 2 and "p1" in output
    daemon.do("pb1 rules del 0")
    daemon.do("pb1 ports del p1")


def test_slowpath_writes_into_the_log_and_drops(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    add(daemon, hook, a, b)
    daemon.do("pb1 rules add 0 l4_proto=UDP dst_port=7 action=SLOWPATH")
    both_ways(daemon)
    sender, receiver = lab.tap(a), lab.tap(b)
    shown, passed = udp(a, b, 7), udp(a, b, 8)
    sender.send(shown, passed)
    receiver.expect(passed)
    eventually(lambda: "[pb1] packet arrived to the slowpath from port p1\n" in daemon.log_text(), "a line in the log")
    assert receiver.count(shown, within=0.1) == 0


def test_a_flood_into_the_slowpath_does_not_fill_the_log(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    add(daemon, "TC", a, b)
    daemon.do("pb1 rules add 0 action=SLOWPATH")
    sender = lab.tap(a)
    begin = time.monotonic()
    for _ in range(30):  # in parts that find room on their way to the slow path
        sender.send(*[udp(a, b, 7)] * 100)
    eventually(lambda: "the control plane logs too much" in daemon.log_text(), "that lines are missing")
    lines = daemon.log_text().count("[pb1] packet arrived to the slowpath from port p1\n")
    assert 1000 <= lines <= 1000 + 100 * (time.monotonic() - begin + 1)


@pytest.mark.parametrize("hook", ["TC", "XDP_DRV"])
def test_thousands_of_rules_are_written_at_once_and_changed_without_loss(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    add(daemon, hook, a, b)

    def write(first):
        """All rules anew, those that forward with other numbers each time."""
        many = [{"id": first + 2 + i, "dst_ip": f"10.{1 + i // 256}.{i % 256}.0/24", "l4_proto": "udp",
                 "dst_port": f"{i % 1000 + 1}-60000"} for i in range(8190)]
        forward = [{"id": first, "in_port": "p1", "action": "forward", "out_port": "p2"},
                   {"id": first + 1, "in_port": "p2", "action": "forward", "out_port": "p1"}]
        reply = daemon.data("PUT", RULES, {"pbforwarder:rules": many + forward})
        assert reply.status in (201, 204), reply.text

    write(7)
    a.ping(b)
    flow = lab.flow(a, b)
    for i in range(30):
        daemon.do(f"pb1 rules {100 + i * 100} set dst_ip=10.0.0.{100 + i}")
        daemon.do(f"pb1 rules del {101 + i * 100}")
    for first in (4_000_000_000, 5, 9000):
        write(first)
    daemon.do("pb1 rules 9000 set src_ip=10.0.0.0/24 dst_port=1-65535 l4_proto=UDP")
    sent, lost, duplicated = flow.stop()
    assert sent > 100 and (lost, duplicated) == (0, 0)
    assert len(rules(daemon)) == 8192
    code, output = daemon.ctl("pb1", "rules", "add", "1")
    assert code != 0 and "table rules is full (8192 entries)" in output
