# SPDX-License-Identifier: Apache-2.0
"""Cubes as tests need them: made with polycubectl, and the same as RESTCONF bodies."""

import json


def simpleforwarder(daemon, name, hook, first=None, second=None):
    """Two ports p1 and p2, each forwarding to the other, with these peers."""
    daemon.do(f"simpleforwarder add {name} type={hook}")
    for port, peer in (("p1", first), ("p2", second)):
        daemon.do(f"{name} ports add {port}" + (f" peer={peer}" if peer else ""))
    daemon.do(f"{name} actions add p1 action=FORWARD outport=p2")
    daemon.do(f"{name} actions add p2 action=FORWARD outport=p1")


def helloworld(daemon, name, hook, first=None, second=None, action="FORWARD", service="helloworld"):
    daemon.do(f"{service} add {name} type={hook} action={action}")
    for port, peer in (("p1", first), ("p2", second)):
        daemon.do(f"{name} ports add {port}" + (f" peer={peer}" if peer else ""))


def simplebridge(daemon, name, hook, *peers):
    """Ports p1, p2, ... with these peers."""
    daemon.do(f"simplebridge add {name} type={hook}")
    for number, peer in enumerate(peers, 1):
        daemon.do(f"{name} ports add p{number}" + (f" peer={peer}" if peer else ""))


def hello_value(name, first, second, hook="TC", action="forward"):
    return {"name": name, "type": hook, "action": action,
            "ports": [{"name": "p1", "peer": first}, {"name": "p2", "peer": second}]}


def ports_value(name, **peers):
    return {"name": name, "ports": [{"name": port, "peer": peer} for port, peer in peers.items()]}


def cubes_document(**services):
    """Standard input of `cubes add` and `cubes set`: cubes_document(helloworld=[{...}])."""
    return json.dumps([{"service-name": service, **cube} for service, cubes in services.items() for cube in cubes])


def datastore(**services):
    """Body of PATCH on the datastore."""
    return {"ietf-restconf:data": {f"{service}:{service}": cubes for service, cubes in services.items()}}


def inserted(hook):
    """Rewiring that puts helloworld `hw` between sf1:p2 and sf2:p1, and its undoing, as services of cubes."""
    return ({"helloworld": [hello_value("hw", "sf1:p2", "sf2:p1", hook)],
             "simpleforwarder": [ports_value("sf1", p2="hw:p1"), ports_value("sf2", p1="hw:p2")]},
            {"simpleforwarder": [ports_value("sf1", p2="sf2:p1"), ports_value("sf2", p1="sf1:p2")]})


def two_forwarders(lab, daemon, hook):
    """a - sf1 - sf2 - b; returns the stations. They know each other's addresses."""
    a, b = lab.station("a"), lab.station("b")
    simpleforwarder(daemon, "sf1", hook, a.port)
    simpleforwarder(daemon, "sf2", hook, None, b.port)
    daemon.do("connect sf1:p2 sf2:p1")
    a.neighbours(b)
    b.neighbours(a)
    a.ping(b)
    return a, b
