# SPDX-License-Identifier: Apache-2.0
"""The harness itself: what it counts as lost is lost, what it calls left behind is left behind. No daemon is needed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from bpfobjects import bpftool, existing_objects, related_objects, unpin
from network import eventually, run


@pytest.fixture
def bridged(lab):
    """Stations a and b, joined by a bridge of the kernel."""
    a, b = lab.station("a"), lab.station("b")
    lab.host.run("ip", "link", "add", "br0", "type", "bridge")
    lab.host.run("ip", "link", "set", "br0", "up")
    for station in (a, b):
        lab.host.run("ip", "link", "set", station.port, "master", "br0")
    eventually(lambda: a.reaches(b), "the bridge forwards")
    a.neighbours(b)
    b.neighbours(a)
    return a, b


def id_of_pin(pin):
    entry = bpftool("prog", "show", "pinned", str(pin))
    return (entry[0] if isinstance(entry, list) else entry)["id"]


def test_nothing_is_lost_on_a_sound_wire(lab, bridged):
    a, b = bridged
    flow, ping = lab.flow(a, b), lab.ping(a, b, count=50)
    assert ping.result() == (50, 0)
    sent, lost, duplicated = flow.stop()
    assert sent > 100 and (lost, duplicated) == (0, 0)


def test_losses_are_counted(lab, bridged):
    a, b = bridged
    flow = lab.flow(a, b)
    lab.host.run("ip", "link", "set", b.port, "nomaster")
    assert lab.ping(a, b, count=20).result()[1] > 0
    lab.host.run("ip", "link", "set", b.port, "master", "br0")
    assert flow.stop()[1] > 0
    with pytest.raises(AssertionError):
        a.ping("10.0.0.77", count=1)


def test_frames_arrive_as_they_were_sent(lab, bridged):
    a, b = bridged
    sender, receiver = lab.tap(a), lab.tap(b)
    frame = Ether(src=a.mac, dst=b.mac) / Dot1Q(vlan=5, prio=3) / IP(src=a.ip, dst=b.ip) / UDP(dport=9) / Raw(b"x" * 40)
    sender.send(frame, frame)
    receiver.expect(frame)
    assert receiver.count(frame, within=0.1) == 1
    other = Ether(src=a.mac, dst=b.mac) / Dot1Q(vlan=6) / IP(src=a.ip, dst=b.ip) / UDP(dport=9) / Raw(b"x" * 40)
    with pytest.raises(AssertionError):
        receiver.expect(other, timeout=0.05)


@pytest.mark.parametrize("how", ["tcx", "clsact", "xdp_drv", "xdp_skb"])
def test_foreign_programs_count_and_go_away(lab, bridged, how):
    a, b = bridged
    foreign = lab.foreign(lab.host, a.port, how)
    a.ping(b, count=5)
    assert foreign.packets() >= 5
    objects = related_objects({("prog", id_of_pin(foreign.pins / "program"))})
    assert {kind for kind, _ in objects} >= {"prog", "map"} and objects <= existing_objects()
    assert ("link" in {kind for kind, _ in objects}) == (how == "tcx")
    foreign.close()
    eventually(lambda: not objects & existing_objects(), "its objects are gone")


def test_pins_are_found_by_what_they_pin(lab, bridged):
    foreign = lab.foreign(lab.host, bridged[0].port, "clsact")
    pin = foreign.pins / "program"
    number = id_of_pin(pin)
    unpin({("prog", number + 1_000_000)})
    assert pin.exists()
    unpin({("prog", number)})
    assert not pin.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_run_leaves_nothing(tmp_path, number):
    """A run that is told to stop in the middle of a test takes its namespaces and files with it."""
    here = Path(__file__).parent
    path = f"import sys\nsys.path.insert(0, {str(here)!r})\n"
    (tmp_path / "conftest.py").write_text(path + (here / "conftest.py").read_text())
    (tmp_path / "test_long.py").write_text("import time\n\n\ndef test_long(lab):\n    lab.station('a')\n"
                                           "    print('waiting', lab.folder, flush=True)\n    time.sleep(600)\n")
    process = subprocess.Popen([sys.executable, "-B", "-m", "pytest", "-s", "-p", "no:cacheprovider", str(tmp_path)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
    try:
        for line in process.stdout:
            if "waiting" in line:
                break
        folder = line.split("waiting ")[1].split()[0]
        assert os.path.exists(folder) and f"pcnt{process.pid}-" in run("ip", "netns", "list")
        process.send_signal(number)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert not os.path.exists(folder)
    assert f"pcnt{process.pid}-" not in run("ip", "netns", "list")
