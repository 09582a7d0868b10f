# SPDX-License-Identifier: Apache-2.0
"""Control planes that begin anew on cubes that run: with the next daemon, or the next process of a remote service.

The fast path goes on forwarding by the tables that it has; nothing of that may be lost.
"""

import json
import shutil
import time
from types import SimpleNamespace

import pytest

from network import eventually
from remote import RemoteService, renamed
from test_bridge import Ring
from test_continuity import end_everything
from test_router import address6, mac_in_use, router


class InDaemon:
    """The service is the daemon's."""

    def __init__(self, lab, name):
        self.name = name
        self.daemon = lab.daemon(clean=False)

    def restart(self):
        self.daemon.kill()
        self.daemon.start()


class InProcess:
    """The service has a process of its own; that one is killed, and then the daemon as well."""

    def __init__(self, lab, name):
        self.name = f"distant{name}"
        self.daemon = lab.daemon(clean=False, remote=True)
        self.service = RemoteService(lab, self.daemon, renamed(lab.folder / "packages", name, self.name)).start()

    def restart(self):
        self.service.kill()
        self.service.detached()
        self.service.start()


class WithDaemon(InProcess):
    """The same, and the daemon is killed."""

    def restart(self):
        self.daemon.kill()
        self.daemon.start()
        self.service.attached()


@pytest.fixture
def begin(lab):
    """begin(where, name): a daemon with the service that can be restarted."""

    def begin(where, name):
        runs = where(lab, name)
        lab.closing(lambda: end_everything(runs.daemon))
        return runs

    return begin


def assert_none_lost(*flows):
    for flow in flows:
        sent, lost, duplicated = flow.stop()
        assert (lost, duplicated) == (0, 0), f"of {sent}"


# ---- bridge ----------------------------------------------------------------------------------------------------------

def changes_topology(linux):
    bridge = json.loads(linux.ns.run("ip", "-j", "-d", "link", "show", "br0"))[0]["linkinfo"]["info_data"]
    return bridge["topology_change"] or bridge["topology_change_detected"]


@pytest.mark.parametrize("where", [InDaemon, InProcess, WithDaemon])
@pytest.mark.parametrize("priority", [0x1000, 0xf000], ids=["as-root", "not-as-root"])
def test_a_spanning_tree_stays(lab, begin, where, priority):
    """A bridge in a ring with Linux bridges: the tree is what it was, and no port ceases to forward."""
    runs = begin(where, "bridge")
    ring = Ring(lab, runs.daemon, "TC", priority, runs.name)
    eventually(ring.is_a_tree, "one port of the ring blocks", timeout=60, interval=0.2)
    eventually(ring.reaches_all, "all bridges are reached", timeout=20)
    eventually(lambda: not ring.root()["topology-change"] and not changes_topology(ring.left), "the tree has settled",
               timeout=40)
    left = SimpleNamespace(ns=ring.left.ns, ip="10.0.0.101")
    tree, ours, linux = ring.root(), ring.ours(), (ring.left.states(), ring.right.states())
    flows = lab.flow(ring.station, left), lab.flow(left, ring.station)
    learned = ring.learned()
    assert (ring.station.mac, "p3") in learned and len(learned) > 1
    for _ in range(2):
        runs.restart()
        assert learned <= ring.learned()
        eventually(lambda: ring.root() == tree and ring.ours() == ours, f"{tree} and {ours} again")
        end = time.monotonic() + 10  # more than it takes a port to forward, and a bridge to forget another
        while time.monotonic() < end:
            assert (ring.root(), ring.ours(), (ring.left.states(), ring.right.states())) == (tree, ours, linux)
            assert not changes_topology(ring.left) and not changes_topology(ring.right)
            time.sleep(0.2)
    assert_none_lost(*flows)
    # It is a spanning tree still.
    ring.left.ns.run("ip", "link", "set", "across", "down")
    eventually(lambda: set(ring.ours().values()) == {"forwarding"} and ring.reaches_all(),
               "without the link between the others all is reached through ours", timeout=60, interval=0.2)


# ---- router ----------------------------------------------------------------------------------------------------------

def neighbours(daemon):
    return {(row["address"], row["mac"], row["interface"]) for row in json.loads(daemon.do("r arp-table show -json"))}


@pytest.mark.parametrize(("where", "hook"), [(InDaemon, "TC"), (InDaemon, "XDP_SKB"), (InDaemon, "XDP_DRV"),
                                             (InProcess, "TC"), (WithDaemon, "TC")])
def test_a_router_goes_on(lab, begin, where, hook):
    runs = begin(where, "router")
    daemon = runs.daemon
    a, b, c = router(lab, daemon, hook, "abc", service=runs.name)
    for station in (b, c):
        station.ns.write_sysctl("net/ipv6/conf/lo/disable_ipv6", 0)
        station.run("ip", "addr", "add", "10.9.0.9/32", "dev", "lo")
        station.run("ip", "addr", "add", "fd09::9/128", "dev", "lo")
        daemon.do(f"r route add 10.9.0.0/24 {station.ip}")
        daemon.do(f"r route add fd09::/64 {station.ip6}")
    for port in ("alone", "lonely"):
        daemon.do(f"r ports add {port}")
    daemon.do(f"r arp-table add {address6(3, 0x77)} mac=02:00:00:00:00:77 interface=c")
    everybody = [address for station in (b, c) for address in (station.ip, station.ip6)] + ["10.9.0.9", "fd09::9"]
    for address in everybody:
        a.ping(address)
    known = neighbours(daemon)
    assert {(station.ip, station.mac, station.name) for station in (a, b, c)} <= known
    macs = [mac_in_use(daemon, port, runs.name) for port in ("a", "alone", "lonely")]
    assert len(set(macs)) == 3
    flows = lab.flow(a, b), lab.flow(a, b, ipv6=True), lab.flow(c, a)
    for _ in range(2):
        # By groups of next hops.
        pings = [lab.ping(a, SimpleNamespace(ip=address), 1000) for address in ("10.9.0.9", "fd09::9")]
        runs.restart()
        assert known <= neighbours(daemon)
        assert [mac_in_use(daemon, port, runs.name) for port in ("a", "alone", "lonely")] == macs
        for ping in pings:
            assert ping.result()[1] == 0
    assert_none_lost(*flows)
    for address in everybody:
        a.ping(address)


def test_routes_and_neighbours_that_are_no_more_go(lab, begin):
    """A daemon that begins with an older configuration than the tables are from."""
    runs = begin(InDaemon, "router")
    daemon = runs.daemon
    a, b, c = router(lab, daemon, "TC", "abc")
    for station in (b, c):
        station.run("ip", "addr", "add", "10.9.0.9/32", "dev", "lo")
    daemon.do(f"r route add 10.9.0.0/24 {b.ip}")
    daemon.do("r ports del c")
    a.ping("10.9.0.9")
    daemon.kill()
    older = lab.folder / "older"
    shutil.copytree(daemon.state, older)
    daemon.start()
    daemon.do(f"r ports add c ip=10.3.0.254/24 peer={c.port}")
    daemon.do(f"r route add 10.9.0.0/24 {c.ip}")
    daemon.do(f"r route add 10.10.0.0/24 {c.ip}")
    a.ping(c.ip)
    assert c.ip in daemon.do("r arp-table show")
    daemon.kill()
    a.ping(c.ip)
    shutil.rmtree(daemon.state)
    shutil.copytree(older, daemon.state)
    flow = lab.flow(a, b)
    daemon.start()
    assert c.ip not in daemon.do("r arp-table show")
    for address in (c.ip, "10.10.0.1"):
        text = a.run("ping", "-n", "-c", 1, "-W", 2, address, check=False)
        assert "Net Unreachable" in text, text
    a.ping("10.9.0.9")
    assert_none_lost(flow)
