# SPDX-License-Identifier: Apache-2.0
"""Daemons that want the same: one has it, and the other says who, and ends, without harm to what the first does."""

import random
import socket

import pytest

from chains import helloworld, two_forwarders
from daemon import Daemon
from network import eventually

SHARED = ("socket", "state", "pins")


def rival(lab, first, *shared):
    """A daemon that would have these of the first one's."""
    other = Daemon(lab, clean=False)
    if "socket" in shared:
        other.socket = first.socket
    if "state" in shared:
        other.state = first.state
    if "pins" in shared:
        other.options[other.options.index("--pin-dir") + 1] = str(first.pins)
        other.pins = first.pins
    return other


def end_everything(*daemons):
    """The last one takes everything down."""
    for daemon in daemons:
        if daemon.running():
            daemon.stop()
    last = daemons[0]
    last.options.append("--clean-on-exit")
    last.start()
    assert last.stop() == 0
    last.assert_nothing_left()


def held(daemon):
    return (daemon.configuration(), sorted(map(str, daemon.pins.rglob("*"))),
            daemon.socket.stat().st_ino)


@pytest.mark.parametrize("shared", [SHARED, ("socket", "state"), ("socket", "pins"), ("state", "pins"), ("socket",),
                                    ("state",), ("pins",)], ids="-".join)
def test_the_second_says_who_has_what(lab, shared):
    first = lab.daemon(clean=False)
    a, b = two_forwarders(lab, first, "TC")
    before = held(first)
    flow = lab.flow(a, b)
    second = rival(lab, first, *shared)
    second.spawn()
    assert second.process.wait(20) == 1
    said = second.log_text()
    if "state" in shared:
        assert f"the state folder {first.state} is used by another daemon (pid {first.pid}); give --state-dir" in said
    elif "pins" in shared:
        assert f"{first.pins} is used by another daemon; give --pin-dir another folder" in said
    else:
        assert f"another daemon serves {first.socket}; stop it or choose another socket" in said
    eventually(lambda: held(first) == before, "the first has all that it had")
    first.do("sf1 ports add more")
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    if "pins" not in shared and second.pins.exists():
        successor = rival(lab, second, "state" if "state" not in shared else "", "pins")
        end_everything(successor)
    end_everything(first)


def test_the_second_begins_with_the_same_devices(lab, hook):
    """Its saved cubes want them; the first one's packets and links stay."""
    first = lab.daemon(clean=False)
    a, b = lab.station("a"), lab.station("b")
    helloworld(first, "h", hook, a.port, b.port)
    assert first.stop() == 0
    with_a_copy = Daemon(lab, clean=False)
    with_a_copy.state.mkdir()
    for file in first.state.iterdir():
        (with_a_copy.state / file.name).write_bytes(file.read_bytes())
    first.start()
    before = held(first)
    flow = lab.flow(a, b)
    with_a_copy.start()
    said = with_a_copy.log_text()
    assert f"device {a.port}" in said and "cannot be wired" in said, said
    words = ("another polycube daemon has device", "already carries an XDP program")
    assert any(text in said for text in words)
    code, status = with_a_copy.ctl("status")
    assert code == 1 and any(text in status for text in words)
    assert held(first) == before
    a.ping(b)
    assert with_a_copy.stop() == 0
    with_a_copy.options.append("--clean-on-exit")
    with_a_copy.start()
    assert with_a_copy.stop() == 0
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    end_everything(first)


def survivor(daemons):
    """That of the daemons, which begin at the same time, which has everything; the others have said why they end."""
    for daemon in daemons:
        daemon.spawn()
    eventually(lambda: sum(daemon.running() for daemon in daemons) == 1, "one is left", timeout=30)
    [one] = [daemon for daemon in daemons if daemon.running()]
    eventually(one._answers, "it answers", timeout=20)
    for daemon in daemons:
        if daemon is not one:
            assert daemon.process.returncode == 1 and "another daemon" in daemon.log_text(), daemon.log_text()
    return one


def test_several_begin_at_the_same_time(lab):
    """And again after kill -9, under traffic, which none of them disturbs."""
    first = lab.daemon(clean=False)
    a, b = two_forwarders(lab, first, "TC")
    before = first.configuration()[0]
    flow = lab.flow(a, b)
    order = random.Random(1)
    for _ in range(4):
        first.kill()
        daemons = [first, *(rival(lab, first, *SHARED) for _ in range(3))]
        order.shuffle(daemons)
        first = survivor(daemons)
        assert first.configuration()[0] == before
        a.ping(b)
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    end_everything(first)


def test_a_socket_that_is_not_a_daemons(lab):
    """Somebody else's file is not taken away."""
    daemon = Daemon(lab)
    daemon.socket.write_text("mine")
    daemon.spawn()
    assert daemon.process.wait(20) == 1
    assert "exists and is not a socket" in daemon.log_text() and daemon.socket.read_text() == "mine"
    daemon.socket.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(daemon.socket))
        other.listen()
        daemon.spawn()
        assert daemon.process.wait(20) == 1
        assert f"another daemon serves {daemon.socket}" in daemon.log_text()
    daemon.start()
    assert daemon.stop() == 0
