# SPDX-License-Identifier: Apache-2.0
"""`polycubectl simulate`: the way that a packet would take, said by the real programs, while nothing is sent or changed."""

import json

import pytest
from scapy.all import ARP, IP, UDP, Dot1Q, Ether, wrpcap

from chains import simplebridge, simpleforwarder
from daemon import BUILD
from network import eventually
from test_bridge import access, bridge, trunk

PACKAGES = BUILD / "tests/packages"


def simulate(daemon, *words):
    reply = json.loads(daemon.do(["simulate", *" ".join(words).split(), "-json"]))
    assert len(reply["packet"]) == 1
    return reply


def hops(daemon, *words):
    """Where the packet is, and what becomes of it there."""
    return [told(hop) for hop in simulate(daemon, *words)["packet"][0]["hop"]]


def told(hop):
    to = sorted(way.get("peer", way.get("port")) for way in hop.get("to", []))
    return " ".join([hop.get("device") or hop["cube"], hop["verdict"], *([hop["reason"]] if "reason" in hop else []), *to])


def operate(daemon, rpc, **leaves):
    reply = daemon.rest("POST", f"/restconf/operations/polycube:{rpc}", {"polycube:input": leaves})
    assert reply.status in (200, 204), reply.text
    return reply.json["polycube:output"] if reply.status == 200 else {}


def mac(number):
    return f"02:00:00:00:00:{number:02x}"


def test_a_chain_as_text(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port)
    simpleforwarder(daemon, "sf2", hook, None, b.port)
    daemon.do("connect sf1:p2 sf2:p1")
    lines = daemon.do(f"simulate {a.port} ip src 10.0.0.1 dst 10.0.0.2 ttl 3 udp dport 53").splitlines()
    assert lines[0].strip() == f"{mac(1)} > {mac(2)}, IPv4 10.0.0.1 > 10.0.0.2 ttl 3, UDP 1024 > 53, 60 bytes"
    assert [line.strip() for line in lines[1:4]] == [
        a.port, "sf1 (simpleforwarder) on port p1: leaves by p2 to sf2:p1",
        f"sf2 (simpleforwarder) on port p1: leaves by p2 to {b.port}"]
    assert len(lines) == 4
    daemon.do("sf2 actions p1 set action=DROP")
    assert hops(daemon, a.port, "tcp")[-1] == "sf2 dropped policy"


def test_nothing_is_sent_learned_counted_or_left(lab, daemon, hook):
    a, b, c = (lab.station(name) for name in "abc")
    simplebridge(daemon, "br1", hook, a.port, b.port, c.port)
    at_b, at_c = lab.tap(b), lab.tap(c)
    fdb = lambda: json.loads(daemon.do("br1 fdb show -json")).get("entry", [])
    ports = lambda: daemon.do("br1 ports show -json")
    assert fdb() == []
    hops(daemon, a.port, "udp")  # by the first one the daemon gets maps that it waits for grace periods with
    before, counted, cubes = daemon.count_objects(), ports(), daemon.configuration()
    for _ in range(3):
        assert hops(daemon, a.port, "eth src", mac(1), "arp")[1] == f"br1 copied {b.port} {c.port}"
    assert fdb() == [] and ports() == counted and daemon.configuration() == cubes
    eventually(lambda: daemon.count_objects() == before, "programs and maps are as before")
    question = bytes(Ether(src=mac(1), dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.0.1", pdst="10.0.0.2")) + bytes(18)
    assert at_b.count(question, within=0.1) == 0 and at_c.count(question, within=0.1) == 0


def test_a_bridge_knows_what_it_learned(lab, daemon, hook):
    a, b, c = (lab.station(name) for name in "abc")
    simplebridge(daemon, "br1", hook, a.port, b.port, c.port)
    unknown = f"br1 copied {b.port} {c.port}"
    assert hops(daemon, a.port, "eth dst", mac(9), "udp")[1] == unknown
    lab.tap(c).send(Ether(src=mac(9), dst=mac(1)) / IP() / UDP())
    eventually(lambda: hops(daemon, a.port, "eth dst", mac(9), "udp")[1] == f"br1 leaves {c.port}", "it is known")
    assert hops(daemon, a.port, "eth dst", mac(8), "udp")[1] == unknown


def test_vlans_of_a_bridge(lab, daemon, hook):
    a, b, c, d = (lab.station(name) for name in "abcd")
    bridge(daemon, hook, a.port, b.port, c.port, d.port)
    access(daemon, "p1", 5)
    access(daemon, "p2", 6)
    trunk(daemon, "p3", 5, 6)
    access(daemon, "p4", 5)
    assert hops(daemon, a.port, "arp")[1] == f"br1 copied {c.port} {d.port}"
    assert hops(daemon, b.port, "arp")[1] == f"br1 copied {c.port}"
    assert hops(daemon, c.port, "arp vlan 6")[1] == f"br1 copied {b.port}"
    assert hops(daemon, c.port, "arp vlan 7")[1] == "br1 dropped not-forwarding"


def test_copies_go_on_with_the_tag_of_their_port(lab, daemon, hook):
    """A trunk and an access port lead to cubes that see the tag, or not; live packets take the same way."""
    a, b, c = (lab.station(name) for name in "abc")
    bridge(daemon, hook, a.port)
    daemon.do("br1 ports add p2")
    daemon.do("br1 ports add p3")
    simpleforwarder(daemon, "sf2", hook, None, b.port)
    simpleforwarder(daemon, "sf3", hook, None, c.port)
    daemon.do("connect br1:p2 sf2:p1")
    daemon.do("connect br1:p3 sf3:p1")
    access(daemon, "p1", 5)
    access(daemon, "p2", 5)
    trunk(daemon, "p3", 5)
    found = simulate(daemon, a.port, "udp")["packet"][0]["hop"]
    assert [told(hop) for hop in found] == [f"{a.port} arrives", "br1 copied sf2:p1 sf3:p1", f"sf2 leaves {b.port}",
                                            f"sf3 leaves {c.port}"]
    assert "change" not in found[2] and "vlan.id - -> 5" in found[3]["change"]
    trace = operate(daemon, "start-trace", filter="udp", count="1")["trace"]
    lab.tap(a).send(Ether(src=mac(1), dst=mac(2)) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1024, dport=7))
    live = eventually(lambda: operate(daemon, "read-trace", trace=trace).get("packet"), "the packet was followed")
    assert sorted(told(hop) for hop in live[0]["hop"]) == sorted(told(hop) for hop in found)


def test_a_router(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    daemon.do(f"router add r1 type={hook}")
    daemon.do(f"r1 ports add p1 ip=10.0.1.1/24 mac={mac(0x11)} peer={a.port}")
    daemon.do(f"r1 ports add p2 ip=10.0.2.1/24 mac={mac(0x21)} peer={b.port}")
    daemon.do(f"r1 arp-table add 10.0.2.2 mac={mac(0x0b)} interface=p2")
    daemon.do("r1 route add 10.7.0.0/16 10.0.2.2")
    to_router = f"eth dst {mac(0x11)} ip src 10.0.1.2"
    routed = simulate(daemon, a.port, to_router, "dst 10.7.1.1 ttl 9 udp")["packet"][0]["hop"][1]
    assert told(routed) == f"r1 leaves {b.port}"
    assert {"ip.ttl 9 -> 8", f"eth.dst {mac(0x11)} -> {mac(0x0b)}"} <= set(routed["change"])
    for fields, reason in (("dst 10.7.1.1 ttl 1", "expired"), ("dst 10.0.2.77 ttl 9", "unresolved"),
                           ("dst 192.0.2.1 ttl 9", "no-route"), ("dst 10.0.2.1 ttl 9", "local")):
        assert hops(daemon, a.port, to_router, fields, "udp")[1].startswith(f"r1 slow-path {reason}"), fields
    rows = json.loads(daemon.do("r1 arp-table show -json"))
    assert [row["address"] for row in rows] == ["10.0.2.2"]


def test_rules_of_a_pbforwarder(lab, daemon, hook):
    a, b, c = (lab.station(name) for name in "abc")
    daemon.do(f"pbforwarder add pb1 type={hook}")
    for port, station in (("p1", a), ("p2", b), ("p3", c)):
        daemon.do(f"pb1 ports add {port} peer={station.port}")
    daemon.do("pb1 rules add 0 l4_proto=UDP dst_port=1000-2000 action=FORWARD out_port=p3")
    daemon.do("pb1 rules add 1 vlan=7 action=DROP")
    daemon.do("pb1 rules add 2 in_port=p1 action=FORWARD out_port=p2")
    assert hops(daemon, a.port, "udp dport 1500")[1] == f"pb1 leaves {c.port}"
    assert hops(daemon, a.port, "udp dport 2001")[1] == f"pb1 leaves {b.port}"
    assert hops(daemon, a.port, "udp dport 53 vlan 7")[1] == "pb1 dropped policy"
    assert hops(daemon, b.port, "udp dport 53")[1] == "pb1 dropped no-rule"


def test_transparent_cubes_and_the_host(lab, daemon, hook):
    a = lab.station("a")
    for name in ("t1", "t2"):
        daemon.do(f"transparenthelloworld add {name} type={hook}")
        daemon.do(f"attach {name} {a.port} position=last")
    assert hops(daemon, a.port, "udp") == [f"{a.port} arrives", "t1 leaves", f"t2 leaves {a.port}"]
    assert hops(daemon, a.port, "egress udp") == [f"{a.port} leaves", "t2 leaves", f"t1 leaves {a.port}"]
    daemon.do("t2 set egress-action=DROP")
    assert hops(daemon, a.port, "egress udp")[-1] == "t2 dropped policy"


def test_slaves(lab, hook):
    daemon = lab.daemon(services=[PACKAGES])
    a, b = lab.station("a"), lab.station("b")
    daemon.do(f"programs add c type={hook}")
    daemon.do(f"c ports add p1 peer={a.port}")
    daemon.do(f"c ports add p2 peer={b.port}")
    reply = daemon.data("POST", "programs:programs=c/add", {"programs:input": {"program": "step"}})
    assert reply.status == 200
    daemon.do("c set first=1")
    counted = lambda: daemon.data("POST", "programs:programs=c/count",
                                  {"programs:input": {"table": "total"}}).json["programs:output"]["packets"]
    before = counted()
    found = simulate(daemon, a.port, "udp")["packet"][0]["hop"]
    assert [told(hop) for hop in found][:2] == [f"{a.port} arrives", "c jumps"]
    assert found[2]["slave"] == 1 and told(found[2]) == f"c leaves {b.port}"
    assert counted() == before
    assert daemon.stop() == 0


def test_a_packet_of_a_capture(lab, daemon, hook, tmp_path):
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port, b.port)
    packets = [Ether(src=mac(1), dst=mac(2)) / IP(src="1.1.1.1", dst="2.2.2.2") / UDP(sport=number, dport=9) / "capture"
               for number in (1, 2)] + [Ether(src=mac(1), dst=mac(2)) / Dot1Q(vlan=5) / IP() / UDP() / ("x" * 1400)]
    file = tmp_path / "packets.pcap"
    for nano in (False, True):
        for endianness in ("<", ">"):
            wrpcap(str(file), packets, nano=nano, endianness=endianness)
            for number in (1, 2):
                reply = simulate(daemon, a.port, f"-pcap={file} -packet={number}")
                assert f"UDP {number} > 9" in reply["packet"][0]["summary"]
    assert simulate(daemon, a.port, f"-pcap={file}")["packet"][0]["summary"].endswith("UDP 1 > 9")
    last = simulate(daemon, a.port, f"-pcap={file} -packet=3")["packet"][0]
    assert "VLAN 5" in last["summary"] and last["length"] == len(packets[2])
    for words, message in ((f"-pcap={file} -packet=4", "has 3 packets, and no packet 4"),
                           (f"-pcap={tmp_path}/none", "Cannot read"), (f"-pcap={file} udp", "cannot be used together"),
                           ("-packet=1", "give that by -pcap=FILE")):
        code, output = daemon.ctl("simulate", a.port, *words.split())
        assert code == 3 and message in output, output


@pytest.mark.parametrize("words, code, message", [
    ("", 3, "usage: simulate DEVICE"),
    ("nosuch udp", 2, "Interface nosuch does not exist"),
    ("{port} tpc", 2, "'tpc' is no header of a packet; these are: eth, vlan"),
    ("{port} ip src 10.0.0", 2, "'10.0.0' is not a value of 'ip src': that is an IPv4 address"),
    ("{port} udp dport", 2, "'udp dport' needs a number from 0 to 65535"),
    ("{port} udp payload 9000", 2, "the packet has 9042 bytes, not 14 to 3400"),
    ("{port} udp -brief", 3, "-brief is not a valid flag"),
    ("{free} udp", 2, "packets that come in by the device meet no cube"),
    ("{port} egress udp", 2, "packets that the host sends out of the device meet no cube"),
])
def test_what_is_refused(lab, daemon, words, code, message):
    a, free = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", "TC", a.port)
    hops(daemon, a.port, "udp")  # as above
    before = daemon.count_objects()
    found, output = daemon.ctl("simulate", *words.format(port=a.port, free=free.port).split())
    assert found == code and message in output, output
    eventually(lambda: daemon.count_objects() == before, "nothing is left")


@pytest.mark.parametrize("leaves, status", [({}, 400), ({"device": "{port}", "bytes": "0"}, 400),
                                            ({"device": "{port}", "bytes": "zz"}, 400),
                                            ({"device": "{port}", "bytes": "00"}, 400),
                                            ({"device": "{port}", "bytes": "00", "fields": "udp"}, 400),
                                            ({"device": "{port}", "direction": "up"}, 400),
                                            ({"device": "{port}", "bytes": "00" * 14}, 200),
                                            ({"device": "{port}"}, 200)])
def test_bad_input_by_restconf(lab, daemon, leaves, status):
    a = lab.station("a")
    simpleforwarder(daemon, "sf1", "TC", a.port)
    body = {"polycube:input": {name: text.format(port=a.port) for name, text in leaves.items()}}
    reply = daemon.rest("POST", "/restconf/operations/polycube:simulate", body)
    assert reply.status == status, reply.text


def test_while_packets_are_followed(lab, daemon, hook):
    """Both use programs that tell; neither sees the other's packets."""
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port, b.port)
    trace = operate(daemon, "start-trace", filter="udp")["trace"]
    assert hops(daemon, a.port, "udp") == [f"{a.port} arrives", f"sf1 leaves {b.port}"]
    assert "packet" not in operate(daemon, "read-trace", trace=trace)
    operate(daemon, "stop-trace", trace=trace)
