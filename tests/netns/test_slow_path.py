# SPDX-License-Identifier: Apache-2.0
"""Packets that go through user space: the slow path of helloworld, and control planes of packages."""

import os
import shutil
import threading
import time

import pytest

from chains import helloworld
from daemon import SERVICES
from network import eventually
from remote import RemoteService, renamed

ARRIVED = "packet arrived to the slowpath from port"


@pytest.fixture
def daemon(lab):
    """A daemon to which services may connect."""
    running = lab.daemon(remote=True)
    yield running
    if running.running():
        assert running.stop() == 0
        running.assert_nothing_left()


def frame(number=0):
    return b"\xff" * 6 + b"\x02\0\0\0\0\x0a" + b"\x88\xb6" + number.to_bytes(4, "big") + bytes(46)


def lines(daemon, cube, port):
    return daemon.log_text().count(f"[{cube}] {ARRIVED} {port}\n")


@pytest.fixture(params=["in-process", "remote"])
def service(lab, daemon, request):
    """Name of a service that is helloworld, whose control planes run in the daemon or in a process of their own."""
    if request.param == "in-process":
        return "helloworld"
    return RemoteService(lab, daemon, renamed(lab.folder, "helloworld", "farworld")).start().name


def two_ports(lab, daemon, hook, action, service):
    a, b = lab.station("a"), lab.station("b")
    helloworld(daemon, "h", hook, a.port, b.port, action=action, service=service)
    return a, b


def mapped_rings(daemon):
    with open(f"/proc/{daemon.pid}/maps") as maps:
        return sum("bpf-map" in line for line in maps)


def test_a_ring_takes_memory_of_the_daemon_from_the_first_packet_on(lab, daemon, hook):
    before = mapped_rings(daemon)
    a, _ = two_ports(lab, daemon, hook, "SLOWPATH", "helloworld")
    for number in range(20):
        daemon.do(f"helloworld add idle{number} type={hook}")
    assert mapped_rings(daemon) == before
    lab.tap(a).send(frame(1))
    eventually(lambda: lines(daemon, "h", "p1") == 1, "the packet")
    assert mapped_rings(daemon) > before


def test_packets_are_shown_to_the_slow_path(lab, daemon, hook, service):
    a, b = two_ports(lab, daemon, hook, "SLOWPATH", service)
    assert daemon.do("h action show").strip() == "slowpath"
    at_a, at_b = lab.tap(a), lab.tap(b)
    at_a.send(frame(1), frame(2))
    eventually(lambda: lines(daemon, "h", "p1") == 2, "two packets from p1")
    at_b.send(frame(3))
    eventually(lambda: lines(daemon, "h", "p2") == 1, "one packet from p2")
    assert at_b.count(frame(1), within=0.2) == 0, "the packet itself ends there"
    daemon.do("h set action=FORWARD")
    at_a.send(frame(4))
    at_b.expect(frame(4))
    assert lines(daemon, "h", "p1") == 2


def test_log_level_applies_to_the_control_plane(lab, daemon, hook, service):
    a, _ = two_ports(lab, daemon, hook, "SLOWPATH", service)
    daemon.do("h set loglevel=WARN")
    at_a = lab.tap(a)
    at_a.send(frame(1))
    eventually(lambda: daemon.do("h ports p1 statistics in-pkts show").strip() == "1", "the packet is counted")
    time.sleep(0.2)  # enough for a line that must not come
    daemon.do("h set loglevel=INFO")
    at_a.send(frame(2))
    eventually(lambda: lines(daemon, "h", "p1") > 0, "the second packet")
    assert lines(daemon, "h", "p1") == 1


def test_a_cube_goes_while_its_slow_path_is_flooded(lab, daemon, hook, service):
    a, b = two_ports(lab, daemon, hook, "SLOWPATH", service)
    stop = threading.Event()
    at_a = lab.tap(a)

    def flood():
        while not stop.is_set():
            at_a.send(*(frame(i) for i in range(100)))

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        for _ in range(5):
            daemon.do("del h")
            helloworld(daemon, "h", hook, a.port, b.port, action="SLOWPATH", service=service)
    finally:
        stop.set()
        flooding.join()
    assert daemon.running()


@pytest.fixture
def services(tmp_path):
    """A copy of helloworld's package, to be spoilt."""
    shutil.copytree(SERVICES / "helloworld", tmp_path / "helloworld")
    os.chmod(tmp_path / "helloworld", 0o755)
    return tmp_path


def reason(lab, services):
    daemon = lab.daemon(services=[services])
    code, output = daemon.ctl("helloworld", "add", "h")
    assert code == 2 and "h" not in daemon.do("cubes show")
    return output


def test_a_control_plane_that_is_missing(lab, services):
    (services / "helloworld/helloworld.so").unlink()
    assert "helloworld.so does not exist" in reason(lab, services)


def test_a_package_whose_packets_are_logged_has_no_control_plane(lab, services):
    model = services / "helloworld/helloworld.yang"
    model.write_text(model.read_text().replace("  description", "  pcn:logs-packets;\n  description", 1))
    assert "pcn:logs-packets" in reason(lab, services)
    (services / "helloworld/helloworld.so").unlink()
    daemon = lab.daemon(services=[services])
    daemon.do("helloworld add h")


def test_a_control_plane_that_is_no_library(lab, services):
    (services / "helloworld/helloworld.so").write_text("nonsense")
    assert "cannot load a control plane" in reason(lab, services)


def test_a_control_plane_that_others_may_write(lab, services):
    os.chmod(services / "helloworld/helloworld.so", 0o666)
    assert "must belong to root, and nobody else may write it" in reason(lab, services)


def test_a_control_plane_of_another_user(lab, services):
    os.chown(services / "helloworld/helloworld.so", 12345, -1)
    assert "must belong to root" in reason(lab, services)
