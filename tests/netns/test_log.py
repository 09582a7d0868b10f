# SPDX-License-Identifier: Apache-2.0
"""What fast paths log: in the daemon's log, at the level of the cube, without harm to anybody else."""

import itertools
import re

from chains import helloworld
from network import eventually

RECEIVED = "packet of 60 bytes on port"
MISSING = re.compile(r"\[(\w+)\] the fast path logs too much, (\d+) lines are missing")


def frame(number=0):
    return b"\xff" * 6 + b"\x02\0\0\0\0\x0a" + b"\x88\xb6" + number.to_bytes(4, "big") + bytes(42)


def lines(daemon, text):
    return [line for line in daemon.log_text().splitlines() if text in line]


def forwarder(lab, daemon, hook, name, stations):
    a, b = (lab.station(station) for station in stations)
    helloworld(daemon, name, hook, a.port, b.port, action="FORWARD")
    return a, b


def test_lines_are_in_the_log_with_the_name_of_the_cube(lab, daemon, hook):
    a, b = forwarder(lab, daemon, hook, "h", "ab")
    at_a, at_b = lab.tap(a), lab.tap(b)
    at_a.send(frame(1))
    at_b.expect(frame(1))
    daemon.do("h set loglevel=DEBUG")
    at_a.send(frame(2))
    eventually(lambda: lines(daemon, RECEIVED), "a line for the second packet")
    daemon.do("h set loglevel=TRACE")
    at_b.send(frame(3))
    eventually(lambda: lines(daemon, "[h] it leaves by port 0"), "what becomes of the third packet")
    received = lines(daemon, RECEIVED)
    assert len(received) == 2, "the first packet came at level INFO"
    assert re.fullmatch(r"\d+-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d debug +\[h\] packet of 60 bytes on port 0", received[0])
    assert received[1].endswith("debug    [h] packet of 60 bytes on port 1")


def test_the_level_changes_under_traffic_without_loss(lab, daemon, hook):
    a, b = forwarder(lab, daemon, hook, "h", "ab")
    a.neighbours(b)
    b.neighbours(a)
    flow = lab.flow(a, b)
    for level in itertools.islice(itertools.cycle(("TRACE", "OFF", "DEBUG", "INFO")), 40):
        daemon.do(f"h set loglevel={level}")
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    assert lines(daemon, "[h] packet of"), "something was logged"


def test_the_level_applies_at_once(lab, daemon, hook):
    a, b = forwarder(lab, daemon, hook, "h", "ab")
    at_a, at_b = lab.tap(a), lab.tap(b)
    for number in range(10):
        daemon.do(f"h set loglevel={'INFO' if number % 2 else 'DEBUG'}")
        at_a.send(frame(number))
        at_b.expect(frame(number))
    daemon.do("h set loglevel=TRACE")
    at_a.send(frame(10))
    eventually(lambda: lines(daemon, "[h] it leaves by port 1"), "the last packet's line")
    assert len(lines(daemon, RECEIVED)) == 6, "of every second packet and the last"


def test_a_flood_of_lines_drowns_nobody(lab, daemon, hook):
    a, b = forwarder(lab, daemon, hook, "loud", "ab")
    c, d = forwarder(lab, daemon, hook, "quiet", "cd")
    for cube in ("loud", "quiet"):
        daemon.do(f"{cube} set loglevel=DEBUG")
    at_a, at_c = lab.tap(a), lab.tap(c)
    rounds, burst = 40, 500
    for number in range(rounds):
        at_a.send(*(frame(i) for i in range(burst)))
        if number % 10 == 0:
            at_c.send(frame(number))
    in_packets = "loud ports p1 statistics in-pkts show"
    eventually(lambda: int(daemon.do(in_packets)) == rounds * burst, "all packets have come")

    def accounted():
        missing = sum(int(match[2]) for match in map(MISSING.search, lines(daemon, "lines are missing")))
        return len(lines(daemon, "[loud] packet of ")) + missing

    eventually(lambda: accounted() == 2 * rounds * burst,
               "each packet has its lines, on the way in and out, or they are said to be missing")
    assert {match[1] for match in map(MISSING.search, lines(daemon, "lines are missing"))} == {"loud"}
    eventually(lambda: len(lines(daemon, f"[quiet] {RECEIVED}")) == rounds // 10, "every line of the other cube")
    assert len(lines(daemon, "[loud]")) < 4000, "the log stays readable"
    daemon.do("del loud")
    daemon.do("del quiet")


def test_the_level_of_the_daemon_is_not_that_of_cubes(lab, hook):
    daemon = lab.daemon("--loglevel", "err")
    a, b = forwarder(lab, daemon, hook, "h", "ab")
    daemon.do("h set loglevel=DEBUG")
    lab.tap(a).send(frame())
    eventually(lambda: lines(daemon, f"[h] {RECEIVED} 0"), "the line of a packet")
    assert not lines(daemon, "cube h"), "the daemon's own lines"
