# SPDX-License-Identifier: Apache-2.0
"""Changes while traffic flows: nothing is lost, nothing leaks, others do not notice."""

import itertools
from pathlib import Path

import pytest

from chains import (cubes_document, datastore, helloworld, inserted, ports_value, simplebridge, simpleforwarder,
                    two_forwarders)
from frames import Tap
from network import eventually
from packages import model, package

BPF = Path(__file__).parent / "bpf"


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


def test_foreign_programs_before_and_behind_a_cube(lab, hook, tmp_path):
    """Programs in front of ours see every packet, those behind it what the cube gives to the host."""
    package(tmp_path, "pass", model("pass"), BPF / "pass.bpf.c")
    daemon = lab.daemon(services=(tmp_path,))
    a, b = lab.station("a"), lab.station("b")
    front = [lab.foreign(lab.host, a.port, "tcx")]
    if hook == "TC":
        front.append(lab.foreign(lab.host, a.port, "xdp_drv"))
    daemon.do(f"pass add c1 type={hook}")
    for port, peer in (("p1", ""), ("p2", b.port), ("p3", "")):
        daemon.do(f"c1 ports add {port} peer={peer}")
    daemon.do(f"c1 ports p1 set peer={a.port}")
    behind = [lab.foreign(lab.host, a.port, "tcx"), lab.foreign(lab.host, a.port, "clsact")]
    if hook != "TC":
        behind.append(front.pop())  # tcx comes after XDP
    tap, far, host = lab.tap(a), lab.tap(b), Tap(lab.host, a.port, protocol=0x88b6)
    lab.closing(host.close)
    frame = bytes.fromhex("ffffffffffff") + b"\x02\0\0\0\0\1\x88\xb6" + bytes(50)

    def seen(count, arrives):
        """What each foreign program counts of so many frames that all arrive there."""
        before = [program.packets() for program in [*front, *behind]]
        tap.send(*[frame] * count)
        assert arrives.count(frame, within=0.3) == count
        after = [program.packets() - start for program, start in zip([*front, *behind], before)]
        return after[:len(front)], after[len(front):]

    assert seen(5, far) == ([5] * len(front), [0] * len(behind)), "the cube takes them"
    # The same device at the third port, whose packets the cube gives to the host.
    daemon.do("c1 ports p1 set peer=")
    daemon.do(f"c1 ports p3 set peer={a.port}")
    assert seen(5, host) == ([5] * len(front), [5] * len(behind)), "the cube lets them pass"
    daemon.do("del c1")
    assert seen(5, host) == ([5] * len(front), [5] * len(behind)), "the cube is gone"
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


def test_device_of_another_daemon_is_refused(lab, hook):
    a, b, c = (lab.station(name) for name in "abc")
    first, second = lab.daemon(), lab.daemon()
    simpleforwarder(first, "mine", hook, a.port, b.port)
    simpleforwarder(second, "yours", hook, None, c.port)
    before = second.configuration()
    code, output = second.ctl("yours", "ports", "p1", "set", f"peer={a.port}")
    assert code == 2 and a.port in output, output
    assert "XDP" in output if hook != "TC" else "another polycube daemon" in output, output
    assert second.configuration() == before
    a.ping(b)
    first.do("del mine")
    second.do(f"yours ports p1 set peer={a.port}")
    a.ping(c)
    # Now the other way round.
    simpleforwarder(first, "mine", hook, None, b.port)
    assert first.ctl("mine", "ports", "p1", "set", f"peer={a.port}")[0] == 2
    a.ping(c)
    for daemon in (first, second):
        assert daemon.stop() == 0
        daemon.assert_nothing_left()


GRO_WARNING = "does not take packets from native XDP"


def test_device_that_native_xdp_cannot_send_to_is_named(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    b.run("ethtool", "-K", "eth0", "gro", "off")
    simpleforwarder(daemon, "sf1", "XDP_DRV", a.port, b.port)
    assert [line.count(b.port) for line in daemon.log_text().splitlines() if GRO_WARNING in line] == [1]
    assert not a.reaches(b)
    b.run("ethtool", "-K", "eth0", "gro", "on")
    a.ping(b)
    daemon.do("del sf1")
    b.run("ethtool", "-K", "eth0", "gro", "off")
    for other in ("XDP_SKB", "TC"):
        simpleforwarder(daemon, "sf1", other, a.port, b.port)
        a.ping(b)
        daemon.do("del sf1")
    assert daemon.log_text().count(GRO_WARNING) == 1


# ---- devices that were refused, and are accepted later ---------------------------------------------------------------


def test_device_that_cannot_do_native_xdp_serves_another_hook(lab, daemon):
    a, b = lab.station("a", mtu=9000), lab.station("b", mtu=9000)  # more than native XDP takes of a veth
    simpleforwarder(daemon, "native", "XDP_DRV")
    before = daemon.configuration()
    code, output = daemon.ctl("native", "ports", "p1", "set", f"peer={a.port}")
    assert code == 2 and a.port in output and "XDP_SKB" in output, output
    assert daemon.configuration() == before
    for other in ("XDP_SKB", "TC"):
        simpleforwarder(daemon, "sf1", other, a.port, b.port)
        a.ping(b, size=5000)
        daemon.do("del sf1")
    for station in (a, b):
        lab.host.run("ip", "link", "set", station.port, "mtu", 1500)
        station.run("ip", "link", "set", "eth0", "mtu", 1500)
    daemon.do(f"native ports p1 set peer={a.port}")
    daemon.do(f"native ports p2 set peer={b.port}")
    a.ping(b)


@pytest.fixture(params=["no native XDP", "taken"])
def refused(lab, daemon, request):
    """a - native - b, where the device of a has come back and native XDP cannot have it: the stations, and the cure."""
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "native", "XDP_DRV", a.port, b.port)
    a.ping(b)
    lab.unwire(a)
    eventually(lambda: daemon.port_status("native", "p1") == "DOWN", "the device is gone")
    if request.param == "taken":
        name, a.port = a.port, "elsewhere"
        lab.wire(a)
        foreign = lab.foreign(lab.host, a.port, "xdp_drv")
        lab.host.run("ip", "link", "set", a.port, "down")
        lab.host.run("ip", "link", "set", a.port, "name", name)
        lab.host.run("ip", "link", "set", name, "up")
        lab.host_devices.symmetric_difference_update((a.port, name))
        a.port = foreign.device = name
        cure = foreign.close
    else:
        lab.wire(a, mtu=9000)

        def cure():
            a.run("ip", "link", "set", "eth0", "mtu", 1500)
            lab.host.run("ip", "link", "set", a.port, "mtu", 1500)

    complaint = f"device {a.port} cannot be wired"
    eventually(lambda: complaint in daemon.log_text(), "the refusal is logged")
    assert daemon.port_status("native", "p1") == "DOWN"
    assert daemon.port_status("native", "p2") == "UP"
    yield a, b, cure
    assert daemon.log_text().count(complaint) == 1, "once is enough"


def test_refused_device_is_accepted_later_when_asked_for(lab, daemon, refused):
    a, b, cure = refused
    c, d = lab.station("c"), lab.station("d")
    simpleforwarder(daemon, "other", "TC", c.port, d.port)
    daemon.do("native set loglevel=DEBUG")
    c.ping(d)
    # On another hook.
    daemon.do("native ports p1 set peer=")
    daemon.do("native ports p2 set peer=")
    simpleforwarder(daemon, "sf1", "TC", a.port, b.port)
    a.ping(b)
    daemon.do("del sf1")
    # Still not on this one, until what was in the way is gone.
    daemon.do(f"native ports p2 set peer={b.port}")
    assert daemon.ctl("native", "ports", "p1", "set", f"peer={a.port}")[0] == 2
    cure()
    daemon.do(f"native ports p1 set peer={a.port}")
    a.ping(b)
    c.ping(d)


def test_refused_device_is_tried_again_when_it_changes(lab, daemon, refused):
    a, b, cure = refused
    lab.host.run("ip", "link", "set", a.port, "down")
    lab.host.run("ip", "link", "set", a.port, "up")
    cure()
    lab.host.run("ip", "link", "set", a.port, "down")
    lab.host.run("ip", "link", "set", a.port, "up")
    eventually(lambda: daemon.port_status("native", "p1") == "UP", "the device is wired")
    a.ping(b)


def test_device_of_another_port_is_accepted_when_it_is_free(lab, daemon, hook):
    a, b, c = (lab.station(name) for name in "abc")
    simpleforwarder(daemon, "sf1", hook, a.port, b.port)
    other = "XDP_SKB" if hook == "TC" else "TC"
    simpleforwarder(daemon, "sf2", other, None, c.port)
    before = daemon.configuration()
    code, output = daemon.ctl("sf2", "ports", "p1", "set", f"peer={a.port}")
    assert code == 2 and "in use" in output and a.port in output, output
    assert daemon.configuration() == before
    a.ping(b)
    daemon.do("sf1 ports p1 set peer=")
    daemon.do(f"sf2 ports p1 set peer={a.port}")
    a.ping(c)
    # Both at once, in one request.
    reply = daemon.data("PATCH", body=datastore(simpleforwarder=[ports_value("sf1", p1=a.port),
                                                                 ports_value("sf2", p1="")]))
    assert reply.status == 204, reply.text
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
