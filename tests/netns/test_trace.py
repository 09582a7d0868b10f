# SPDX-License-Identifier: Apache-2.0
"""`polycubectl trace`: live packets are followed through devices, cubes and slow paths, and nothing is left of it."""

import json
import os
import signal
import subprocess
import threading

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Ether

from chains import simplebridge, simpleforwarder, two_forwarders
from network import eventually


class Trace:
    """A polycubectl that follows packets."""

    def __init__(self, daemon, *words):
        self.process = subprocess.Popen(
            [str(daemon.polycubectl), "trace", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "HOME": str(daemon.folder), "POLYCUBECTL_URL": f"http+unix://{daemon.socket}",
                 "POLYCUBECTL_LOG": ""})
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()

    def text(self):
        return "".join(self.lines)

    def end(self, with_signal=signal.SIGINT):
        """Its exit code; without a signal it must end by itself."""
        if with_signal:
            self.process.send_signal(with_signal)
        code = self.process.wait(timeout=30)
        self.reader.join()
        return code


def start(daemon, *words):
    """Followed from when this returns on."""
    trace = Trace(daemon, *words)
    eventually(lambda: trace.process.poll() is not None or is_followed(daemon), "packets are followed")
    return trace


def is_followed(daemon):
    return "traced-by" in daemon.data("GET", "polycube:status").text


def datagram(number=0, ttl=64, dport=7):
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2", ttl=ttl) /
                 UDP(sport=1024, dport=dport) / f"number {number}")


def chain(lab, daemon, hook):
    """a - sf1 - sf2 - b, with taps at the ends."""
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port)
    simpleforwarder(daemon, "sf2", hook, None, b.port)
    daemon.do("connect sf1:p2 sf2:p1")
    return a, b, lab.tap(a), lab.tap(b)


def test_a_packet_is_followed_hop_by_hop(lab, daemon, hook):
    a, b, at_a, at_b = chain(lab, daemon, hook)
    trace = start(daemon, "udp", "port", "7", "--count", "1")
    at_a.send(datagram(dport=8), datagram())
    at_b.expect(datagram())
    assert trace.end(None) == 0
    lines = [line.strip() for line in trace.text().splitlines()]
    assert "02:00:00:00:00:01 > 02:00:00:00:00:02, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, UDP 1024 > 7" in lines[0]
    assert lines[1].endswith(f"us  {a.port}")
    assert "us  sf1 (simpleforwarder) on port p1: leaves by p2 to sf2:p1" in lines[2]
    assert f"us  sf2 (simpleforwarder) on port p1: leaves by p2 to {b.port}" in lines[3]
    assert len(lines) == 4


def test_why_a_packet_was_dropped(lab, daemon, hook):
    a, b, at_a, at_b = chain(lab, daemon, hook)
    daemon.do("sf2 actions p1 set action=DROP")
    trace = start(daemon, "--count=1", "-json")
    at_a.send(datagram())
    assert trace.end(None) == 0
    packet = json.loads(trace.text())
    assert [(hop.get("device") or hop["cube"], hop["verdict"], hop.get("reason")) for hop in packet["hop"]] == [
        (a.port, "arrives", None), ("sf1", "leaves", None), ("sf2", "dropped", "policy")]
    assert all(int(hop["duration"]) > 0 for hop in packet["hop"][1:])
    begins = [int(hop["begin"]) for hop in packet["hop"]]
    assert begins == sorted(begins)


def test_rewrites_are_shown(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    daemon.do(f"router add r1 type={hook}")
    daemon.do(f"r1 ports add p1 ip=10.0.1.1/24 mac=02:00:00:00:01:01 peer={a.port}")
    daemon.do(f"r1 ports add p2 ip=10.0.2.1/24 mac=02:00:00:00:02:01 peer={b.port}")
    daemon.do("r1 arp-table add 10.0.2.2 mac=02:00:00:00:00:0b interface=p2")
    at_a, at_b = lab.tap(a), lab.tap(b)
    sent = bytes(Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:01:01") / IP(src="10.0.1.2", dst="10.0.2.2", ttl=9) /
                 UDP(sport=1, dport=7) / "x")
    trace = start(daemon, "udp", "--count", "1", "-json")
    at_a.send(sent)
    assert trace.end(None) == 0
    packet = json.loads(trace.text())
    changes = [change for hop in packet["hop"] for change in hop.get("change", [])]
    assert "ip.ttl 9 -> 8" in changes
    assert "eth.src 02:00:00:00:00:0a -> 02:00:00:00:02:01" in changes
    assert "eth.dst 02:00:00:00:01:01 -> 02:00:00:00:00:0b" in changes


def test_a_trace_tells_nothing_of_what_another_one_followed(lab, daemon, hook):
    """Nor of what its filter refuses, from its first moment on."""
    a, b, at_a, at_b = chain(lab, daemon, hook)
    for _ in range(3):
        first = start(daemon, "udp", "--count", "1")
        at_a.send(datagram())
        assert first.end(None) == 0
        flow = lab.flow(a, b)
        second = start(daemon, "udp", "port", "4242", "--count", "1", "-json")
        known = flow.sent
        eventually(lambda: flow.sent > known + 100, "datagrams are sent that are not followed")
        at_a.send(datagram(dport=4242))
        assert second.end(None) == 0
        assert flow.stop()[1:] == (0, 0)
        packet = json.loads(second.text())
        assert "> 4242" in packet["summary"]
        assert [hop.get("device") or hop["cube"] for hop in packet["hop"]] == [a.port, "sf1", "sf2"]


def test_the_slow_path_and_its_answer(lab, daemon, hook):
    """The router's slow path says that there is no route: what it sends belongs to the packet that it got."""
    a = lab.station("a")
    daemon.do(f"router add r1 type={hook}")
    daemon.do(f"r1 ports add p1 ip=10.0.1.1/24 mac=02:00:00:00:01:01 peer={a.port}")
    daemon.do("r1 arp-table add 10.0.1.2 mac=02:00:00:00:00:0a interface=p1")
    at_a = lab.tap(a)
    trace = start(daemon, "icmp", "--count", "1", "-json")
    to_router = Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:01:01") / IP(src="10.0.1.2", dst="10.0.9.9", ttl=9)
    at_a.send(bytes(to_router / UDP() / "not followed"), bytes(to_router / ICMP() / "followed"))
    assert trace.end(None) == 0
    packet = json.loads(trace.text())
    assert "ICMP type 8" in packet["summary"]
    hops = packet["hop"]
    assert ("slow-path", "no-route") in [(hop["verdict"], hop.get("reason")) for hop in hops], packet
    assert hops[-1]["cube"] == "r1" and [to["peer"] for to in hops[-1]["to"]] == [a.port], packet
    assert "icmp.type 8 -> 3" in hops[-1]["change"], packet


def test_copies_are_followed(lab, daemon, hook):
    stations = [lab.station(name) for name in "abc"]
    simplebridge(daemon, "br1", hook, *(station.port for station in stations))
    taps = [lab.tap(station) for station in stations]
    trace = start(daemon, "arp", "--count", "1", "-json")
    question = bytes(Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff") / ARP(pdst="10.0.0.9"))
    taps[0].send(question)
    assert trace.end(None) == 0
    packet = json.loads(trace.text())
    copied = [hop for hop in packet["hop"] if hop["verdict"] == "copied"]
    assert [(to["port"], to["peer"]) for to in copied[0]["to"]] == [("p2", stations[1].port), ("p3", stations[2].port)]


def test_it_ends_with_an_interrupt_and_leaves_nothing(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    assert start(daemon).end() == 0  # what is made once for all traces and changes is there now
    before = daemon.count_objects()
    trace = start(daemon)
    a.ping(b)
    eventually(lambda: "ICMP type 8" in trace.text() and "ICMP type 0" in trace.text(), "both ways are shown")
    assert trace.end() == 0
    eventually(lambda: daemon.count_objects() == before, "programs and maps are as before")
    a.ping(b)
    assert not is_followed(daemon)


def test_no_packet_is_lost_when_a_trace_begins_or_ends(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    flow = lab.flow(a, b)
    for _ in range(5):
        trace = start(daemon, "udp")
        eventually(lambda: "leaves by p2" in trace.text(), "packets are shown")
        assert trace.end() == 0
    sent, lost, duplicated = flow.stop()
    assert sent > 0 and lost == 0 and duplicated == 0


def test_a_trace_that_nobody_reads_ends(lab, daemon):
    reply = daemon.rest("POST", "/restconf/operations/polycube:start-trace", {"polycube:input": {}})
    assert reply.status == 200, reply.text
    trace = reply.json["polycube:output"]["trace"]
    assert is_followed(daemon)
    eventually(lambda: not is_followed(daemon), "it has ended", timeout=30)
    gone = daemon.rest("POST", "/restconf/operations/polycube:read-trace", {"polycube:input": {"trace": trace}})
    assert gone.status == 409 and "nobody read of it for 10 s" in gone.text


def test_one_trace_at_a_time(lab, daemon):
    trace = start(daemon)
    code, output = daemon.ctl("trace")
    assert code == 2 and "packets are followed already, and one trace at a time is possible: that of root" in output
    assert trace.end() == 0


@pytest.mark.parametrize("words, message", [
    (["udp", "prot", "7"], "\"udp prot 7\" is not a filter: "),
    (["--count", "0"], "'0' is not a number of packets"),
    (["--count"], "--count needs a number of packets"),
    (["--count", "-3"], "'-3' is not a number of packets"),
    (["-brief"], "-brief is not a valid flag"),
    (["udp", "?", "x"], "? must be the last argument"),
    (["(" * 900], "is not a filter"),
    (["udp or " * 200 + "udp"], "1000"),
    (["host", "nowhere.example"], "names of hosts are not looked up"),
])
def test_bad_input(lab, daemon, words, message):
    before = daemon.configuration()
    code, output = daemon.ctl("trace", *words)
    assert code in (2, 3) and message in output
    assert not is_followed(daemon)
    assert daemon.configuration() == before


def test_rewiring_goes_on_while_packets_are_followed(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    trace = start(daemon, "icmp")
    daemon.do(f"helloworld add hw type={hook} action=FORWARD")
    daemon.do("disconnect sf1:p2 sf2:p1")
    daemon.do("hw ports add p1 peer=sf1:p2")
    daemon.do("hw ports add p2 peer=sf2:p1")
    daemon.do("sf1 ports p2 set peer=hw:p1")
    daemon.do("sf2 ports p1 set peer=hw:p2")
    a.ping(b)
    eventually(lambda: "hw (helloworld) on port p1: leaves by p2 to sf2:p1" in trace.text(), "the new cube is shown")
    assert trace.end() == 0
