# SPDX-License-Identifier: Apache-2.0
"""The router from outside: hosts that route through it, and what an operator sees and may do."""

import json
import re
import socket

import pytest
from scapy.all import IP, UDP, Ether, Raw, raw

from network import eventually

NETS = {"a": 1, "b": 2, "c": 3}


def address(number, host=1):
    return f"10.{number}.0.{host}"


def address6(number, host=1):
    return f"fd0{number}::{host:x}"


def settle(station, number):
    """The station is host 1 of networks 10.number.0.0/24 and fd0number::/64, with the router (254, fe) as its gateway."""
    station.run("ip", "addr", "flush", "dev", "eth0")
    station.ns.write_sysctl("net/ipv6/conf/eth0/disable_ipv6", 0)
    station.run("ip", "addr", "add", f"{address(number)}/24", "dev", "eth0")
    station.run("ip", "addr", "add", f"{address6(number)}/64", "dev", "eth0", "nodad")
    station.run("ip", "route", "replace", "default", "via", address(number, 254))
    station.run("ip", "-6", "route", "replace", "default", "via", address6(number, 254))
    station.ip, station.ip6 = address(number), address6(number)


def router(lab, daemon, hook, names="ab", service="router", **settings):
    daemon.do(f"{service} add r type={hook}")
    stations = []
    for name in names:
        station = lab.station(name, **settings)
        number = NETS[name]
        settle(station, number)
        daemon.do(f"r ports add {name} ip={address(number, 254)}/24 peer={station.port}")
        daemon.do(f"r ports {name} secondaryip add {address6(number, 254)}/64")
        stations.append(station)
    return stations


def routes(daemon):
    return {(row["network"], row["nexthop"]): row for row in json.loads(daemon.do("r route show -json"))}


def mac_in_use(daemon, port, service="router"):
    return daemon.data("GET", f"{service}:{service}=r/ports={port}/mac-in-use").json[f"{service}:mac-in-use"]


def ctl(daemon, command):
    return daemon.ctl(*command.split())


def refused(daemon, command, message):
    code, output = ctl(daemon, command)
    assert code != 0 and message in output, output


def test_ping_through_and_to_the_router(lab, daemon, hook):
    a, b = router(lab, daemon, hook)
    for target in (b.ip, b.ip6, address(1, 254), address(2, 254), address6(1, 254), address6(2, 254)):
        a.ping(target)
    b.ping(a.ip6, size=1400)
    b.ping(a.ip, size=1400)


def test_the_first_packets_wait_for_the_neighbour(lab, daemon, hook):
    """Nothing is lost while the next hop's MAC address is asked for, although nobody knows anybody yet."""
    a, b = router(lab, daemon, hook)
    for target in (b.ip, b.ip6):
        assert a.ping(target, count=3, interval=0.002, check=False) == 0


def test_traceroute(lab, daemon, hook):
    a, b = router(lab, daemon, hook)
    for target, hop in ((b.ip, address(1, 254)), (b.ip6, address6(1, 254))):
        text = a.run("ping", "-n", "-c", 1, "-W", 2, "-t", 1, target, check=False)
        assert f"From {hop}" in text and re.search("Time.*exceeded", text, re.I), text
        a.ping(target, count=1)


def test_iperf(lab, daemon, hook):
    a, b = router(lab, daemon, hook)
    for options in ((), ("-u", "-b", "20M")):
        report = lab.iperf(a, b, 1, *options)
        assert report["end"]["sum_received" if not options else "sum"]["bytes"] > 0, report
    b6 = type(b)(b.name, b.ns, b.port, b.ip6, b.ip6, b.mac)
    for options in ((), ("-u", "-b", "20M")):
        report = lab.iperf(a, b6, 1, *options)
        assert report["end"]["sum_received" if not options else "sum"]["bytes"] > 0, report


def test_static_routes(lab, daemon, hook):
    """A network behind a station, by two next hops of which the cheaper is used."""
    a, b, c = router(lab, daemon, hook, "abc")
    for station, number in ((b, 1), (c, 2)):
        station.ns.write_sysctl("net/ipv6/conf/lo/disable_ipv6", 0)
        station.run("ip", "addr", "add", f"10.9.0.{number}/32", "dev", "lo")
        station.run("ip", "addr", "add", "10.9.0.9/32", "dev", "lo")
        station.run("ip", "addr", "add", "fd09::9/128", "dev", "lo")
        station.ns.write_sysctl("net/ipv4/ip_forward", 1)
    daemon.do(f"r route add 10.9.0.0/24 {b.ip}")
    daemon.do(f"r route add 10.9.0.0/24 {c.ip} pathcost=5")
    daemon.do(f"r route add fd09::/64 {b.ip6}")
    a.ping("10.9.0.1")
    a.ping("fd09::9")
    a.ping("10.9.0.9")
    table = routes(daemon)
    assert table[("10.9.0.0/24", b.ip)]["active"] is True and table[("10.9.0.0/24", c.ip)]["active"] is False
    assert table[("10.9.0.0/24", c.ip)]["pathcost"] == 5
    assert table[("10.1.0.0/24", "local")]["interface"] == "a" and table[("10.1.0.0/24", "local")]["pathcost"] == 0
    daemon.do(f"r route del 10.9.0.0/24 {b.ip}")
    a.ping("10.9.0.2")
    daemon.do(f"r route del 10.9.0.0/24 {c.ip}")
    text = a.run("ping", "-n", "-c", 1, "-W", 2, "10.9.0.9", check=False)
    assert f"From {address(1, 254)}" in text and "Net Unreachable" in text, text
    text = a.run("ping", "-n", "-c", 1, "-W", 2, "fd77::9", check=False)
    assert "No route" in text, text


def test_a_dead_next_hop_is_unreachable(lab, daemon, hook):
    a, b = router(lab, daemon, hook)
    for target, words in ((address(2, 77), "Destination Host Unreachable"), (address6(2, 77), "Address unreachable")):
        text = a.run("ping", "-n", "-c", 1, "-W", 6, target, check=False)
        assert words in text, text
    a.ping(b.ip)


def test_packets_that_do_not_fit(lab, daemon):
    """The sender learns the MTU of the way; what may be cut is cut."""
    a = lab.station("a")
    b = lab.station("b", mtu=1280)
    daemon.do("router add r")
    for station in (a, b):
        number = NETS[station.name]
        settle(station, number)
        daemon.do(f"r ports add {station.name} ip={address(number, 254)}/24 peer={station.port}")
        daemon.do(f"r ports {station.name} secondaryip add {address6(number, 254)}/64")
    a.ping(b.ip)
    text = a.run("ping", "-n", "-c", 1, "-W", 2, "-M", "do", "-s", 1400, b.ip, check=False)
    assert "mtu = 1280" in text or "mtu=1280" in text, text
    text = a.run("ping", "-n", "-c", 1, "-W", 2, "-M", "do", "-s", 1400, b.ip6, check=False)
    assert "mtu = 1280" in text or "mtu=1280" in text, text
    a.run("ip", "route", "flush", "cache")
    datagram = IP(src=a.ip, dst=b.ip, id=7) / UDP(sport=1, dport=40000) / Raw(bytes(range(256)) * 5)
    receiver = b.ns.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    receiver.bind((b.ip, 40000))
    receiver.settimeout(5)
    lab.tap(a).send(raw(Ether(src=a.mac, dst=mac_in_use(daemon, "a")) / datagram))
    assert receiver.recv(4096) == bytes(range(256)) * 5
    receiver.close()


def test_the_mac_address_is_that_of_the_device_unless_given(lab, daemon):
    a, b = router(lab, daemon, "TC")
    device = lab.host.devices()[a.port]["address"]
    assert mac_in_use(daemon, "a") == device
    a.ping(b.ip)
    a.ping(b.ip6)
    assert "02:00:00:00:77:01" not in a.run("ip", "neigh")
    daemon.do("r ports a set mac=02:00:00:00:77:01")
    eventually(lambda: a.run("ip", "neigh").count("lladdr 02:00:00:00:77:01") == 2, "stations are told, in both families")
    a.ping(b.ip)
    a.ping(b.ip6)
    daemon.do("r ports add x ip=10.88.0.1/24")
    assert int(mac_in_use(daemon, "x")[:2], 16) & 3 == 2, "made up: of one station, locally administered"


def test_neighbours(lab, daemon):
    a, b = router(lab, daemon, "TC")
    a.ping(b.ip)
    a.ping(b.ip6)
    rows = {row["address"]: row for row in json.loads(daemon.do("r arp-table show -json"))}
    assert rows[b.ip] == {"address": b.ip, "mac": b.mac, "interface": "b"} and rows[b.ip6]["mac"] == b.mac
    daemon.do(f"r arp-table add {address(2, 5)} mac=02:00:00:00:00:55 interface=b")
    at_b = lab.tap(b)
    a.run("ping", "-c", 1, "-W", 1, address(2, 5), check=False)
    eventually(lambda: (at_b.receive(1) or b"")[:6] == bytes.fromhex("020000000055"), "the packet for the added neighbour")
    refused(daemon, f"r arp-table add {address(2, 6)} mac=02:00:00:00:00:55 interface=nowhere", "There is no port nowhere")
    refused(daemon, f"r arp-table add {address(2, 6)} mac=03:00:00:00:00:55 interface=b", "unicast")
    daemon.do(f"r arp-table del {address(2, 5)}")


@pytest.mark.parametrize("command, message", [
    ("r ports add p ip=10.5.0.1", "Ip address is not in a valide format"),
    ("r ports add p ip=10.5.0/24", "Ip address is not in a valide format"),
    ("r ports add p ip=10.5.0.0/24", "network's or the broadcast address"),
    ("r ports add p ip=224.5.0.1/24", "no unicast address"),
    ("r ports add p ip=10.1.0.9/24", "Network 10.1.0.0/24 is that of port a already"),
    ("r ports add p ip=10.1.0.254/16", "Address 10.1.0.254 is on port a already"),
    ("r route add 10.9.0.0/16 10.77.0.1", "Non reacheable 10.77.0.1 network"),
    ("r route add 10.9.0.0/16 10.2.0.1 interface=a", "Non reacheable 10.2.0.1 network"),
    ("r route add 10.9.0.0/16 10.1.0.254", "is an address of this router"),
    ("r route add 10.9.0.0/16 fd01::1", "same family"),
    ("r route add fd09::/64 fe80::1", "interface=PORT"),
    ("r route add 10.9.0.0/16 local", "Local routes come from the addresses of ports"),
    ("r route del 10.1.0.0/24 local", "10.1.0.0/24"),
    ("r route add 10.9.0.0/33 10.1.0.1", "network"),
])
def test_refused(daemon, command, message):
    daemon.do("router add r")
    daemon.do("r ports add a ip=10.1.0.254/24")
    daemon.do("r ports a secondaryip add fd01::fe/64")
    daemon.do("r ports add b ip=10.2.0.254/24")
    before = daemon.do("r show -json")
    refused(daemon, command, message)
    assert daemon.do("r show -json") == before


def test_secondary_addresses(lab, daemon):
    a, b = router(lab, daemon, "TC")
    daemon.do("r ports b secondaryip add 10.50.0.254/24")
    b.run("ip", "addr", "add", "10.50.0.1/24", "dev", "eth0")
    a.ping("10.50.0.1")
    a.ping("10.50.0.254")
    daemon.do("r ports b secondaryip del 10.50.0.254/24")
    assert a.ping("10.50.0.1", count=1, check=False) == 1
    daemon.do("r ports add c")
    refused(daemon, "r ports c secondaryip add 10.60.0.1/24",
            "You can not add a secondary ip address to a port with no ip address")


def test_routes_wait_for_the_address_that_they_need(lab, daemon):
    """Nobody deletes what somebody else has configured: without its network a route is shown as inactive."""
    a, b = router(lab, daemon, "TC")
    b.run("ip", "addr", "add", "10.9.0.9/32", "dev", "lo")
    daemon.do(f"r route add 10.9.0.0/16 {b.ip}")
    a.ping("10.9.0.9")
    daemon.do("r ports b set ip=10.66.0.254/24")
    assert routes(daemon)[("10.9.0.0/16", b.ip)]["active"] is False
    assert a.ping("10.9.0.9", count=1, check=False) == 1
    daemon.do(f"r ports b set ip={address(2, 254)}/24")
    assert routes(daemon)[("10.9.0.0/16", b.ip)]["active"] is True
    a.ping("10.9.0.9")
    daemon.do("r ports del b")
    assert ("10.2.0.0/24", "local") not in routes(daemon)
    assert routes(daemon)[("10.9.0.0/16", b.ip)]["active"] is False


def test_a_configuration_with_waiting_routes_comes_back(daemon):
    """A router that is made as a whole may have routes that wait; one that is added to a router may not."""
    daemon.do("router add r")
    daemon.do("r ports add a ip=10.1.0.254/24")
    daemon.do("r route add 10.9.0.0/16 10.1.0.1")
    daemon.do("r ports del a")
    before = routes(daemon)
    configuration, _ = daemon.configuration()
    daemon.do("del r")
    reply = daemon.data("POST", body={"router:router": configuration["ietf-restconf:data"]["router:router"]})
    assert reply.status == 201, reply.text
    assert routes(daemon) == before and before[("10.9.0.0/16", "10.1.0.1")]["active"] is False
