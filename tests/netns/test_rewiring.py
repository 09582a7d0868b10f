# SPDX-License-Identifier: Apache-2.0
"""A thousand changes of every kind, in random order, under traffic both ways: nothing lost, nothing leaked.

The order is that of a seed; POLYCUBE_TEST_SEED=n repeats or varies it.
"""

import os
import random

from chains import datastore
from network import eventually

SEED = int(os.environ.get("POLYCUBE_TEST_SEED", "1"))
STEPS = 1000
LONGEST = 6


class Chain:
    """Cubes in a row between two devices, each leading both ways between its ports p1 and p2: there is always a way.

    Besides, there are spare cubes, which are not wired at the moment.
    """

    SERVICES = ("helloworld", "simpleforwarder", "simplebridge")

    def __init__(self, daemon, hook, left, right, choose):
        self.daemon, self.hook, self.left, self.right, self.choose = daemon, hook, left, right, choose
        self.services = {}
        self.peers = {}
        self.row = []
        self.spare = []
        self.extra = set()
        self.made = 0
        self.log = []

    def send(self, method, path, body=None):
        reply = self.daemon.data(method, path, body)
        assert reply.status in (201, 204), f"{self.log[-1]}: {reply.text}"

    def wanted_peers(self, row):
        """The peers of both ports of every cube."""
        ends = [self.left, *(f"{name}:p2" for name in row[:-1])], [*(f"{name}:p1" for name in row[1:]), self.right]
        return {**{name: ("", "") for name in self.services}, **dict(zip(row, zip(*ends)))}

    def value(self, name, peers):
        """What a request says of a cube: all of a new one, only the ports of another."""
        value = {"name": name, "ports": [{"name": port, "peer": peer} for port, peer in zip(("p1", "p2"), peers)]}
        if name in self.peers:
            return value
        value["type"] = self.hook
        if self.services[name] == "helloworld":
            value["action"] = "forward"
        elif self.services[name] == "simpleforwarder":
            value["actions"] = [{"inport": one, "action": "forward", "outport": other}
                                for one, other in (("p1", "p2"), ("p2", "p1"))]
        return value

    def rewire(self, row, spare):
        """One request that makes this row of the one there is."""
        services, peers = {}, self.wanted_peers(row)
        for name, wanted in peers.items():
            if self.peers.get(name) != wanted:
                services.setdefault(self.services[name], []).append(self.value(name, wanted))
        self.send("PATCH", "", datastore(**services))
        self.peers, self.row, self.spare = peers, row, spare

    def new(self, service):
        self.made += 1
        # Requests treat cubes in the order of their names, so these must be on all sides of each other.
        name = f"{self.choose.choice('abcdefgh')}{self.made}"
        self.services[name] = service or self.choose.choice(self.SERVICES)
        return name

    # What can happen. Inserting and removing at the ends moves a device from cube to cube.

    def insert(self, service=None):
        name = self.new(service)
        at = self.choose.randint(0, len(self.row))
        self.log.append(f"insert {self.services[name]} {name} at {at} of {self.row}")
        self.rewire([*self.row[:at], name, *self.row[at:]], self.spare)

    def insert_spare(self):
        name = self.choose.choice(self.spare)
        at = self.choose.randint(0, len(self.row))
        self.log.append(f"insert the spare {name} at {at} of {self.row}")
        self.rewire([*self.row[:at], name, *self.row[at:]], [other for other in self.spare if other != name])

    def remove(self):
        name = self.choose.choice(self.row)
        self.log.append(f"remove {name} from {self.row}")
        self.rewire([other for other in self.row if other != name], [*self.spare, name])

    def exchange(self):
        """A spare cube takes the place, and the peers, of another."""
        at, name = self.choose.randrange(len(self.row)), self.choose.choice(self.spare)
        self.log.append(f"{name} in place of {self.row[at]} in {self.row}")
        self.rewire([*self.row[:at], name, *self.row[at + 1:]],
                    [self.row[at], *(other for other in self.spare if other != name)])

    def delete_spare(self):
        name = self.choose.choice(self.spare)
        self.log.append(f"delete {name}")
        self.send("DELETE", f"{self.services[name]}:{self.services[name]}={name}")
        self.spare.remove(name)
        self.extra.discard(name)
        for known in (self.services, self.peers):
            del known[name]

    def level(self):
        name = self.choose.choice(self.row)
        level = self.choose.choice(("TRACE", "DEBUG", "INFO", "WARN", "ERR", "CRITICAL", "OFF"))
        self.log.append(f"log level {level} of {name}")
        self.send("PATCH", "", datastore(**{self.services[name]: [{"name": name, "loglevel": level}]}))

    def table(self):
        """Rows that the traffic does not meet, beside a port that comes and goes."""
        name = self.choose.choice([name for name in self.row if self.services[name] != "helloworld"] or self.row)
        service = self.services[name]
        self.log.append(f"rows of {service} {name}")
        if service == "helloworld":
            return
        if name in self.extra:
            if service == "simpleforwarder":
                self.send("DELETE", f"{service}:{service}={name}/actions=extra")
            self.send("DELETE", f"{service}:{service}={name}/ports=extra")
            self.extra.remove(name)
            return
        rows = {"simpleforwarder": {"actions": [{"inport": "extra", "action": "forward", "outport": "p1"}]},
                "simplebridge": {"fdb": {"entry": [{"address": f"02:00:00:00:99:{number:02x}", "port": "extra"}
                                                   for number in range(self.choose.randint(1, 20))]}}}
        self.send("PATCH", "", datastore(**{service: [{"name": name, "ports": [{"name": "extra"}], **rows[service]}]}))
        self.extra.add(name)

    def step(self):
        possible = [self.level, self.table]
        if len(self.row) < LONGEST:
            possible += [self.insert, self.insert] + [self.insert_spare] * bool(self.spare)
        if len(self.row) > 1:
            possible += [self.remove, self.remove]
        if self.spare:
            possible += [self.exchange, self.exchange, self.delete_spare]
        if len(self.spare) > 4:
            possible = [self.delete_spare]
        self.choose.choice(possible)()

    def reset(self, name):
        """Back to one forwarder `name`, alone."""
        self.log.append("reset")
        if name not in self.services:
            self.services[name] = "simpleforwarder"
        self.rewire([name], [other for other in self.services if other != name])
        while self.spare:
            self.delete_spare()


def test_random_rewirings_lose_and_leak_nothing(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    chain = Chain(daemon, hook, a.port, b.port, random.Random(f"{SEED} {hook}"))
    # A first forwarder, and each kind of cube once: what the engine makes on first use is no leak.
    chain.log.append("first")
    chain.services["first"] = "simpleforwarder"
    chain.rewire(["first"], [])
    for service in Chain.SERVICES:
        chain.insert(service)
    chain.reset("first")
    a.ping(b)

    def holdings():
        return daemon.count_objects(), daemon.descriptors()

    settled = []
    eventually(lambda: settled.append(holdings()) or len(settled) > 1 and settled[-1] == settled[-2],
               "the kernel has freed what was replaced", interval=0.3)
    flows = lab.flow(a, b, rate=1500), lab.flow(b, a, rate=1500)
    begun = []
    for _ in range(STEPS):
        begun.append([flow.sent for flow in flows])
        chain.step()
    steps = chain.log[-STEPS:]
    begun.append([flow.sent for flow in flows])
    chain.reset("first")
    for number, flow in enumerate(flows):
        sent, lost, duplicated = flow.stop()
        missing = set(range(sent)) - flow.seen
        during = [step for step, start, end in zip([*steps, "reset"], begun, [*begun[1:], [sent, sent]])
                  if any(start[number] - 1 <= one <= end[number] for one in missing)]
        assert (lost, duplicated) == (0, 0), f"of {sent}, seed {SEED}, during: {during[:5]}"
    eventually(lambda: holdings() == settled[-1], f"as many objects and descriptors as before: {settled[-1]}",
               interval=0.3)
