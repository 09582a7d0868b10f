# SPDX-License-Identifier: Apache-2.0
"""Changes while traffic flows: nothing is lost, nothing leaks, others do not notice."""

import itertools
import time

import pytest

from chains import cubes_document, datastore, helloworld, inserted, simplebridge, simpleforwarder, two_forwarders
from network import eventually


def test_cube_is_inserted_and_removed_without_loss(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    into, out = inserted(hook)
    flow = lab.flow(a, b)
    ping = lab.ping(a, b, count=400)
    rounds = 0
    while ping.running():
        daemon.do("cubes set", stdin=cubes_document(**into))
        daemon.do("cubes set", stdin=cubes_document(**out))
        daemon.do("del hw")
        rounds += 1
    assert ping.result() == (400, 0), f"replies lost in {rounds} rounds"
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent} datagrams in {rounds} rounds"
    assert rounds >= 3


def test_inserted_cube_really_carries_the_traffic(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    into, out = inserted(hook)
    daemon.do("cubes set", stdin=cubes_document(**into))
    a.ping(b)
    daemon.do("hw set action=DROP")
    assert not a.reaches(b)
    daemon.do("cubes set", stdin=cubes_document(**out))
    a.ping(b)


def test_thousand_rewirings_lose_and_leak_nothing(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    into, out = (datastore(**services) for services in inserted(hook))

    def rewire(body):
        reply = daemon.data("PATCH", body=body)
        assert reply.status == 204, reply.text

    for body in (into, out, into, out):
        rewire(body)
    time.sleep(0.5)  # the kernel frees replaced programs after a grace period
    before = (daemon.count_objects(), daemon.descriptors())
    flow = lab.flow(a, b, rate=5000)
    for body in itertools.islice(itertools.cycle((into, out)), 1000):
        rewire(body)
    sent, lost, duplicated = flow.stop()
    print(f"{sent} datagrams during 1,000 rewirings: {lost} lost, {duplicated} duplicated")
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    eventually(lambda: (daemon.count_objects(), daemon.descriptors()) == before,
               f"as many objects and descriptors as before: {before}", interval=0.3)


def test_tables_change_without_loss(lab, daemon, hook):
    a, b = two_forwarders(lab, daemon, hook)
    flow = lab.flow(a, b)
    for level in itertools.islice(itertools.cycle(("DEBUG", "INFO", "OFF")), 60):
        daemon.do(f"sf1 set loglevel={level}")
        daemon.do("sf1 ports add extra")
        daemon.do("sf1 actions add extra action=DROP")
        daemon.do("sf1 actions del extra")
        daemon.do("sf1 ports del extra")
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"


@pytest.fixture
def two_chains(lab, daemon, hook):
    """a - br1 - b, and c - br2 - d, which must notice nothing of what happens to the first."""
    a, b, c, d = (lab.station(name) for name in "abcd")
    simplebridge(daemon, "br1", hook, a.port, b.port)
    simpleforwarder(daemon, "other", hook, c.port, d.port)
    c.neighbours(d)
    d.neighbours(c)
    a.ping(b)
    return a, b, lab.flow(c, d)


def status(daemon, expected):
    eventually(lambda: daemon.port_status("br1", "p1") == expected, f"br1:p1 is {expected}")


def undisturbed(flow):
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent} in the other chain"


def test_device_is_deleted_and_made_again(lab, daemon, two_chains):
    a, b, flow = two_chains
    for _ in range(3):
        lab.unwire(a)
        status(daemon, "DOWN")
        assert daemon.port_status("br1", "p2") == "UP"
        lab.wire(a)
        status(daemon, "UP")
        a.ping(b)
    undisturbed(flow)


def test_device_is_renamed(lab, daemon, two_chains):
    a, b, flow = two_chains
    lab.host.run("ip", "link", "set", a.port, "down")
    lab.host.run("ip", "link", "set", a.port, "name", "elsewhere")
    status(daemon, "DOWN")
    lab.host.run("ip", "link", "set", "elsewhere", "up")
    assert not a.reaches(b), "the device has no longer the name of the peer"
    lab.host.run("ip", "link", "set", "elsewhere", "down")
    lab.host.run("ip", "link", "set", "elsewhere", "name", a.port)
    lab.host.run("ip", "link", "set", a.port, "up")
    status(daemon, "UP")
    a.ping(b)
    undisturbed(flow)


def test_device_goes_down_and_up(lab, daemon, two_chains):
    a, b, flow = two_chains
    lab.host.run("ip", "link", "set", a.port, "down")
    status(daemon, "DOWN")
    lab.host.run("ip", "link", "set", a.port, "up")
    status(daemon, "UP")
    a.ping(b)
    a.run("ip", "link", "set", "eth0", "down")  # no carrier
    status(daemon, "DOWN")
    a.run("ip", "link", "set", "eth0", "up")
    status(daemon, "UP")
    a.ping(b)
    undisturbed(flow)


def test_requests_work_while_a_peer_is_gone(lab, daemon, two_chains):
    a, b, flow = two_chains
    lab.unwire(a)
    status(daemon, "DOWN")
    daemon.do("br1 set loglevel=DEBUG")
    daemon.do("br1 ports add p3")
    daemon.do("br1 ports del p1")
    daemon.do("del br1")
    undisturbed(flow)


def test_deleting_a_cube_gives_the_device_back(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    lab.host.run("ip", "addr", "add", "10.0.0.100/24", "dev", a.port)
    a.ping("10.0.0.100")
    simpleforwarder(daemon, "sf1", hook, a.port, b.port)
    a.ping(b)
    assert a.ping("10.0.0.100", count=1, check=False) == 1, "packets go to the cube instead of the stack"
    daemon.do("del sf1")
    a.ping("10.0.0.100")
    assert "prog" not in lab.host.run("ip", "link", "show", "dev", a.port)


def test_foreign_tc_programs_on_both_hooks_still_run(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    foreign = [lab.foreign(lab.host, a.port, "tcx", "ingress"), lab.foreign(lab.host, a.port, "tcx", "egress"),
               lab.foreign(lab.host, a.port, "clsact", "egress")]
    simpleforwarder(daemon, "sf1", "TC", a.port, b.port)
    late = lab.foreign(lab.host, a.port, "tcx", "egress")
    before = [program.packets() for program in [*foreign, late]]
    a.ping(b, count=10)
    counted = [program.packets() - start for program, start in zip([*foreign, late], before)]
    assert all(count >= 10 for count in counted), counted
    daemon.do("del sf1")
    ingress_late = lab.foreign(lab.host, a.port, "clsact", "ingress")
    before = [program.packets() for program in (foreign[0], ingress_late)]
    lab.tap(a).send(bytes.fromhex("ffffffffffff") + b"\x02\0\0\0\0\1\x88\xb6" + bytes(50))
    eventually(lambda: all(program.packets() > start for program, start in zip((foreign[0], ingress_late), before)),
               "foreign ingress programs run after the cube is gone")


def test_foreign_tc_programs_run_beside_xdp_cubes(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    foreign = lab.foreign(lab.host, a.port, "tcx", "ingress")
    simpleforwarder(daemon, "sf1", "XDP_DRV", a.port, b.port)
    a.ping(b)
    daemon.do("del sf1")
    before = foreign.packets()
    lab.tap(a).send(bytes.fromhex("ffffffffffff") + b"\x02\0\0\0\0\1\x88\xb6" + bytes(50))
    eventually(lambda: foreign.packets() > before, "the foreign program sees packets")


@pytest.mark.parametrize("foreign_kind", ["xdp_drv", "xdp_skb"])
@pytest.mark.parametrize("cube_hook", ["XDP_DRV", "XDP_SKB"])
def test_device_with_a_foreign_xdp_program_is_refused(lab, daemon, cube_hook, foreign_kind):
    a, b = lab.station("a"), lab.station("b")
    foreign = lab.foreign(lab.host, a.port, foreign_kind)
    simpleforwarder(daemon, "sf1", cube_hook, None, b.port)
    before = daemon.configuration()
    code, output = daemon.ctl("sf1", "ports", "p1", "set", f"peer={a.port}")
    assert code == 2
    assert a.port in output and "XDP" in output, output
    assert daemon.configuration() == before
    lab.tap(a).send(bytes.fromhex("ffffffffffff") + b"\x02\0\0\0\0\1\x88\xb6" + bytes(50))
    eventually(lambda: foreign.packets() >= 1, "the foreign program still runs")
    foreign.close()
    daemon.do(f"sf1 ports p1 set peer={a.port}")
    a.ping(b)


def test_native_xdp_where_the_driver_has_none_names_the_alternative(lab, daemon):
    lab.host.run("ip", "link", "add", "br0", "type", "bridge")
    lab.host.run("ip", "link", "set", "br0", "up")
    helloworld(daemon, "hw1", "XDP_DRV")
    before = daemon.configuration()
    code, output = daemon.ctl("hw1", "ports", "p1", "set", "peer=br0")
    assert code == 2 and "XDP_SKB" in output and "br0" in output, output
    assert daemon.configuration() == before
    lab.host.run("ip", "link", "delete", "br0")
