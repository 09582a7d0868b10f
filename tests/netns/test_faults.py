# SPDX-License-Identifier: Apache-2.0
"""Every system call of a change that can fail does, one after the other, under traffic.

Either the change is done all the same, or it is refused with a reason and everything is as before: configuration, topology,
what is in the kernel and pinned, packets, and what is saved. The next change is done.
"""

import http.client
import os
import re
from collections import Counter

import pytest

from chains import datastore, inserted, two_forwarders
from faults import Fault, Strace, errors_of
from network import eventually

RPC = "RPC"  # in place of a method
REQUEST_ERRORS = (OSError, http.client.HTTPException)

# Errors that reach users in other words than strerror()'s.
WORDS = {"ENOSPC": ("disk is full", "is full", "No space"), "EIO": ("disk I/O error", "Input/output error"),
         "ENOMEM": ("memory",), "ENOBUFS": ("memory", "No buffer space")}


class Cycle:
    """Requests of which the last leads back to where the first began, and what is to be seen between them."""

    def __init__(self, lab, daemon, requests):
        self.lab, self.daemon, self.requests = lab, daemon, requests
        self.at = 0
        self.go_round()
        self.calls = []
        for _ in requests:
            with Strace(daemon) as watched:
                self.ask()
            self.calls.append(watched.calls())
        self.look()

    def go_round(self):
        """Until the next request is the first."""
        self.ask()
        while self.at != 0:
            self.ask()

    def look(self):
        """Notes what is to be seen before each request, once all that is made once is there."""
        self.go_round()
        settled(self.lab, self.daemon, times=8)
        self.pictures = []
        for _ in self.requests:
            self.pictures.append(settled(self.lab, self.daemon))
            self.ask()

    def ask(self):
        """The next request, which must succeed."""
        reply = self.daemon.rest(*rest_of(self.requests[self.at]))
        assert reply.status < 300, f"{self.requests[self.at]}: {reply.text}"
        self.at = (self.at + 1) % len(self.requests)

    def same_but_for_objects(self, what):
        """After a restart, when what is made only once it is needed is not there."""
        expected, found = self.pictures[self.at], picture(self.lab, self.daemon)
        for seen in (expected, found):
            seen["pins"] = [pin for pin in seen["pins"] if not pin.startswith("devices")]
        for key in ("configuration", "cubes", "pins"):
            assert found[key] == expected[key], what
        assert found["devices"] <= expected["devices"], what
        at = self.at
        while self.at != 0:
            self.ask()
        self.look()
        while self.at != at:
            self.ask()

    def seen(self, what, before, answered):
        """Waits until it is as before the request, or as after it."""
        expected = self.pictures[self.at if before else (self.at + 1) % len(self.requests)]
        found = picture(self.lab, self.daemon)
        if found["configuration"] != expected["configuration"] and not answered:
            before = not before  # nobody heard what became of it
            expected = self.pictures[self.at if before else (self.at + 1) % len(self.requests)]
        try:
            eventually(lambda: picture(self.lab, self.daemon) == expected, what, interval=0.01)
        except AssertionError:
            now = picture(self.lab, self.daemon)
            different = {key: (expected[key], now[key]) for key in expected if expected[key] != now[key]}
            raise AssertionError(f"{what}: as {'before' if before else 'after'} it, but: {different}") from None
        if not before:
            self.at = (self.at + 1) % len(self.requests)


def without_identities(value):
    if isinstance(value, dict):
        return {key: without_identities(one) for key, one in value.items()
                if key != "uuid" and not key.endswith(("-pkts", "-octets", "packets", "bytes"))}
    return [without_identities(one) for one in value] if isinstance(value, list) else value


def picture(lab, daemon):
    """What a change that is refused must leave as it was."""
    pins = sorted(re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|~\d+", "", str(path.relative_to(daemon.pins)))
                  for path in daemon.pins.rglob("*"))
    cubes = daemon.data("GET", "polycube:cubes")
    return {"configuration": without_identities(daemon.configuration()[0]),
            "cubes": without_identities(cubes.json) if cubes.status == 200 else cubes.text,
            "pins": pins, "objects": daemon.count_objects(),
            "devices": {re.sub(r"(pcn[a-z]+)\d+[b-z]?$", r"\1N", name) for name in lab.host.devices()},
            "descriptors": descriptors(daemon)}


def descriptors(daemon):
    """How many of each kind."""
    kinds = Counter()
    folder = f"/proc/{daemon.pid}/fd"
    for name in os.listdir(folder):
        try:
            kinds[re.sub(r"\d+", "N", os.readlink(f"{folder}/{name}"))] += 1
        except FileNotFoundError:
            pass
    return kinds


def settled(lab, daemon, times=2):
    """What was replaced is gone after a grace period."""
    seen = [picture(lab, daemon)]

    def same_again():
        seen.append(picture(lab, daemon))
        return len(seen) >= times and all(one == seen[-1] for one in seen[-times:])

    eventually(same_again, "the daemon is settled", interval=0.1)
    return seen[-1]


def explained(reply, fault):
    """The reply says what failed and why; a client of whom nobody knows who they are hears of the transport alone."""
    if reply.status == 503 and "getsockopt" in fault.name:
        return
    message = reply.error["error-message"]
    words = WORDS.get(fault.error, ()) + (fault.reason(), "did not take the types", "an unknown user",
                                            "cannot make the folder")
    assert any(word in message for word in words), f"{fault.name}: {message}"
    assert "inside the daemon" not in message and len(message) > len(fault.reason()) + 10, f"{fault.name}: {message}"


def one_fault(cycle, flow, call, error, number):
    """Makes the cycle's next request with a fault; whether there was one."""
    daemon = cycle.daemon
    reply = None
    with Fault(daemon, call, error, number) as fault:
        try:
            reply = daemon.rest(*rest_of(cycle.requests[cycle.at]), timeout=10)
        except TimeoutError as late:
            raise AssertionError(f"{fault.name}: no answer within 10 s") from late
        except REQUEST_ERRORS:
            pass
    what = f"{cycle.requests[cycle.at][:2]} with {fault.name}"
    assert daemon.running(), f"{what}: polycubed ended\n{daemon.log_text()[-2000:]}"
    if reply is not None and reply.status >= 300:
        assert fault.injected(), f"{what}: {reply.text}"
        explained(reply, fault)
    replaced = any(re.search("BPF_PROG_(BIND_MAP|LOAD)", line) for line in fault.injected())
    if replaced and reply is not None and reply.status < 300:
        # Constants that are in the code need not be bound as well, and a program of a port's own is replaced by a common one
        # and a jump: other objects, until the next load.
        cycle.at = (cycle.at + 1) % len(cycle.requests)
        cycle.go_round()
        return True
    try:
        cycle.seen(what, before=reply is None or reply.status >= 300, answered=reply is not None)
    except AssertionError as wrong:
        raise AssertionError(f"{wrong}\n{fault.injected()[:1]}\n{reply and reply.text}") from None
    assert flow.lost() == 0, f"{what}: packets were lost"
    return bool(fault.injected())


def rest_of(request):
    method, path, body = (*request, None)[:3]
    if method == RPC:
        return "POST", f"/restconf/operations/polycube:{path}", body
    return method, f"/restconf/data/{path}".rstrip("/"), body


def every_fault(cycle, flow, calls=None, restart=None):
    """Lets each call of each request fail at each of its occurrences, with a request that does not fail between them."""
    rounds = []
    for made in cycle.calls:
        rounds.append([(call, number) for call, count in sorted(made.items()) for number in range(1, count + 2)
                       if calls is None or call in calls])
    while any(rounds):
        todo = rounds[cycle.at]
        place = cycle.at
        if todo:
            call, number = todo.pop(0)
            errors = errors_of(call)
            happened = one_fault(cycle, flow, call, errors[number % len(errors)], number)
            if happened and restart and call in restart:
                restart_and_compare(cycle)
            if happened and not (todo and todo[0][0] == call):
                todo.insert(0, (call, number + 1))  # there is one more than the first time
        if cycle.at == place:
            cycle.ask()


def restart_and_compare(cycle):
    """What is saved is what was answered."""
    before = cycle.daemon.configuration()[0]
    cycle.daemon.kill()
    cycle.daemon.start()
    assert cycle.daemon.configuration()[0] == before
    cycle.same_but_for_objects("restarted")


@pytest.fixture
def keeper(lab):
    daemon = lab.daemon(clean=False)
    yield daemon
    # A last one takes everything down.
    daemon.stop()
    daemon.options.append("--clean-on-exit")
    daemon.start()
    assert daemon.stop() == 0
    daemon.assert_nothing_left()
    assert not daemon.pins.exists(), list(daemon.pins.rglob("*"))


def forwarding(lab, daemon, hook):
    """Two stations, a flow between them, and a third one."""
    a, b = two_forwarders(lab, daemon, hook)
    c = lab.station("c")
    return lab.flow(a, b, rate=500), c


# Those that fail alike in all changes are tried with one of them.
SAVING = {"fdatasync", "pwrite64"}
TALKING = {"accept4", "clone3", "getsockopt", "read", "recvfrom", "sendto", "write"}


@pytest.mark.parametrize("hook", ["TC", "XDP_DRV"])
def test_a_cube_in_a_chain(lab, keeper, hook):
    """Created and wired between two others, taken out, and deleted."""
    flow, _ = forwarding(lab, keeper, hook)
    put, take = inserted(hook)
    cycle = Cycle(lab, keeper, [("PATCH", "", datastore(**put)), ("PATCH", "", datastore(**take)),
                                ("DELETE", "helloworld:helloworld=hw")])
    every_fault(cycle, flow, set().union(*cycle.calls) - SAVING - TALKING)


@pytest.mark.parametrize("hook", ["TC", "XDP_SKB"])
def test_a_device(lab, keeper, hook):
    """A cube that is attached to a device, and goes again."""
    flow, c = forwarding(lab, keeper, hook)
    cube = {"name": "h2", "type": hook, "action": "forward", "ports": [{"name": "p1", "peer": c.port}, {"name": "p2"}]}
    cycle = Cycle(lab, keeper, [("POST", "", {"helloworld:helloworld": [cube]}),
                                ("DELETE", "helloworld:helloworld=h2")])
    every_fault(cycle, flow, set().union(*cycle.calls) - SAVING - TALKING)


def test_an_entry(lab, keeper):
    """Of a table; and all that has to do with the request itself."""
    flow, _ = forwarding(lab, keeper, "TC")
    keeper.do("simplebridge add br")
    keeper.do("br ports add p1")
    entry = {"address": "02:00:00:00:00:77", "port": "p1"}
    fdb = "simplebridge:simplebridge=br/fdb"
    cycle = Cycle(lab, keeper, [("POST", fdb, {"simplebridge:entry": [entry]}),
                                ("DELETE", f"{fdb}/entry=02%3A00%3A00%3A00%3A00%3A77")])
    every_fault(cycle, flow, restart=SAVING)


def test_rules(lab, keeper):
    """A set of rules, which is made in memory of its own and swapped."""
    flow, _ = forwarding(lab, keeper, "TC")
    keeper.do("pbforwarder add pb")
    keeper.do("pb ports add p1")
    cycle = Cycle(lab, keeper, [("POST", "pbforwarder:pbforwarder=pb",
                                 {"pbforwarder:rules": [{"id": 7, "in_port": "p1", "action": "drop"}]}),
                                ("DELETE", "pbforwarder:pbforwarder=pb/rules=7")])
    every_fault(cycle, flow, set().union(*cycle.calls) - SAVING - TALKING)


def test_a_transparent_cube(lab, keeper):
    """Attached to a port, and detached."""
    flow, _ = forwarding(lab, keeper, "TC")
    keeper.do("transparenthelloworld add t1")
    both = [{"polycube:input": {"cube": "t1", "port": "sf1:p1"}}] * 2
    cycle = Cycle(lab, keeper, [(RPC, "attach", both[0]), (RPC, "detach", both[1])])
    every_fault(cycle, flow, {"bpf"})


def test_what_cannot_be_taken_back(lab, keeper):
    """Everything fails from one call on, so that taking back does as well: it is said, and a restart mends it."""
    a, b = two_forwarders(lab, keeper, "TC")
    put, take = inserted("TC")
    cycle = Cycle(lab, keeper, [("PATCH", "", datastore(**put)), ("PATCH", "", datastore(**take)),
                                ("DELETE", "helloworld:helloworld=hw")])
    said = 0
    for place, made in enumerate(cycle.calls):
        last = made["bpf"]
        for number in sorted({*range(1, last, 9), *range(max(1, last - 9), last + 1)}):
            while cycle.at != place:
                cycle.ask()
            mark = len(keeper.log_text())
            with Fault(keeper, "bpf", "ENOMEM", number, forever=True) as fault:
                reply = keeper.rest(*rest_of(cycle.requests[place]))
            what = f"{cycle.requests[place][:2]} with {fault.name}"
            assert keeper.running(), what
            if reply.status < 300:
                cycle.at = (cycle.at + 1) % len(cycle.requests)
                cycle.go_round()  # what it could not remove goes with the next change
            else:
                explained(reply, fault)
            remains = reply.status >= 300 and "could not be made again what it was" in reply.error["error-message"]
            code, status = keeper.ctl("status")
            assert code == (1 if remains else 0), f"{what}: {reply.text}\n{status}"
            said += remains
            # A change that was done says in the log what it could not remove.
            kept = "until it is used again" in keeper.log_text()[mark:]
            if remains:
                assert "restart polycubed" in status and "restart polycubed" in reply.error["error-message"]
            if remains or kept:
                keeper.kill()
                keeper.start()
                cycle.same_but_for_objects(what)
            else:
                cycle.seen(what, before=True, answered=True)
            a.ping(b, count=2)
    assert said > 3
