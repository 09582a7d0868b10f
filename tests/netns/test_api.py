# SPDX-License-Identifier: Apache-2.0
"""RESTCONF: resources, entity tags, transactions, bad input, and clients that are many, slow or hostile."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chains import datastore, hello_value
from harness import Lab
from network import eventually

BRIDGE = "simplebridge:simplebridge"
FORWARDER = "simpleforwarder:simpleforwarder"
HELLO = "helloworld:helloworld"


@pytest.fixture
def populated(lab, daemon):
    """Bridge br1 (p1 on device va, p2 to sf1:p1), forwarder sf1, helloworld hw1 with two ports; device vb is free."""
    a = lab.station("a")
    lab.station("b")
    reply = daemon.data("POST", body={
        BRIDGE: [{"name": "br1", "ports": [{"name": "p1", "peer": a.port}, {"name": "p2", "peer": "sf1:p1"}],
                  "fdb": {"entry": [{"address": "02:00:00:00:00:aa", "port": "p1"}]}}],
        FORWARDER: [{"name": "sf1", "ports": [{"name": "p1", "peer": "br1:p2"}, {"name": "p2"}],
                     "actions": [{"inport": "p1", "action": "forward", "outport": "p2"}]}],
        HELLO: [{"name": "hw1", "ports": [{"name": "p1"}, {"name": "p2"}]}],
    })
    assert reply.status == 201, reply.text
    return daemon


def settled_objects(daemon):
    """Numbers of BPF objects, once what the kernel frees after a grace period is gone: twice the same."""
    seen = [None]

    def twice():
        seen.append(daemon.count_objects())
        return seen[-1] == seen[-2]

    eventually(twice, "the number of objects settles", interval=0.05)
    return seen[-1]


def names(daemon):
    return {cube["name"] for cubes in daemon.configuration()[0]["ietf-restconf:data"].values()
            if isinstance(cubes, list) for cube in cubes}


def many_entries():
    return [{"address": f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}", "port": "p1"} for number in range(10_000)]


# ---- resources -------------------------------------------------------------------------------------------------------


def test_discovery(daemon):
    reply = daemon.rest("GET", "/.well-known/host-meta", headers={"Accept": "application/xrd+xml"})
    assert reply.status == 200 and "restconf" in reply.text and "/restconf" in reply.text
    api = daemon.rest("GET", "/restconf").json["ietf-restconf:restconf"]
    assert {"data", "operations", "yang-library-version"} <= set(api)
    assert daemon.rest("GET", "/restconf/yang-library-version").status == 200
    operations = daemon.rest("GET", "/restconf/operations").text
    assert "polycube:connect" in operations and "polycube:detach" in operations
    source = daemon.rest("GET", "/restconf/yang/simplebridge.yang", headers={"Accept": "*/*"})
    assert source.status == 200 and "module simplebridge" in source.text
    assert daemon.rest("GET", "/restconf/yang/nothing.yang", headers={"Accept": "*/*"}).status == 404


def test_schema_resource(daemon):
    reply = daemon.rest("GET", "/polycube/schema", headers={"Accept": "application/json"})
    assert reply.status == 200 and reply.etag
    services = reply.json["services"]
    assert {"helloworld", "simplebridge", "simpleforwarder"} <= set(services)
    assert services["simplebridge"]["kind"] == "list" and services["simplebridge"]["keys"] == ["name"]
    assert {rpc["name"] for rpc in reply.json["polycube"]["rpcs"]} == {"connect", "disconnect", "attach", "detach",
                                                                  "apply", "rollback", "start-trace",
                                                                  "read-trace", "stop-trace", "simulate"}


def test_life_of_a_cube(daemon):
    created = daemon.data("POST", body={HELLO: [{"name": "hw1"}]})
    assert created.status == 201
    assert created.headers["location"].endswith("/restconf/data/helloworld:helloworld=hw1")
    [cube] = daemon.data("GET", f"{HELLO}=hw1").json[HELLO]
    assert (cube["type"], cube["loglevel"], cube["action"]) == ("TC", "INFO", "drop"), "defaults are shown"
    assert cube["service-name"] == "helloworld" and len(cube["uuid"]) == 36
    assert daemon.data("PATCH", f"{HELLO}=hw1", {HELLO: [{"name": "hw1", "action": "forward"}]}).status == 204
    assert daemon.data("GET", f"{HELLO}=hw1/action").json == {"helloworld:action": "forward"}
    assert daemon.data("PUT", f"{HELLO}=hw1/action", {"helloworld:action": "drop"}).status == 204
    assert daemon.data("PUT", f"{HELLO}=hw1/ports=p1", {"helloworld:ports": [{"name": "p1"}]}).status == 201
    assert daemon.data("PUT", f"{HELLO}=hw1/ports=p1", {"helloworld:ports": [{"name": "p1"}]}).status == 204
    assert daemon.data("POST", f"{HELLO}=hw1", {"helloworld:ports": [{"name": "p2"}]}).status == 201
    assert daemon.data("DELETE", f"{HELLO}=hw1/ports=p1").status == 204
    [again] = daemon.data("GET", f"{HELLO}=hw1").json[HELLO]
    assert [port["name"] for port in again["ports"]] == ["p2"] and again["uuid"] == cube["uuid"]
    assert daemon.data("DELETE", f"{HELLO}=hw1").status == 204
    assert daemon.data("GET", f"{HELLO}=hw1").status == 404


def test_query_parameters(populated):
    def get(query):
        return populated.rest("GET", f"/restconf/data/{BRIDGE}=br1?{query}").json[BRIDGE][0]

    assert "uuid" not in get("content=config") and "loglevel" in get("content=config")
    assert "uuid" in get("content=nonconfig") and "loglevel" not in get("content=nonconfig")
    assert "loglevel" not in get("with-defaults=trim")
    assert "loglevel" not in get("with-defaults=explicit")
    assert get("with-defaults=report-all")["loglevel"] == "INFO"
    assert "peer" not in json.dumps(get("depth=2"))
    assert "peer" in json.dumps(get("depth=unbounded"))


def test_xml(populated):
    reply = populated.rest("GET", f"/restconf/data/{BRIDGE}=br1", headers={"Accept": "application/yang-data+xml"})
    assert reply.status == 200 and reply.headers["content-type"].startswith("application/yang-data+xml")
    assert "<name>br1</name>" in reply.text and "urn:polycube:simplebridge" in reply.text
    body = '<action xmlns="urn:polycube:helloworld">forward</action>'
    changed = populated.data("PATCH", f"{HELLO}=hw1/action", body, {"Content-Type": "application/yang-data+xml"})
    assert changed.status == 204, changed.text
    assert populated.data("GET", f"{HELLO}=hw1/action").json == {"helloworld:action": "forward"}


def test_head_and_options(populated):
    head = populated.data("HEAD", f"{BRIDGE}=br1")
    assert head.status == 200 and head.text == "" and head.etag
    options = populated.data("OPTIONS", f"{BRIDGE}=br1")
    allowed = set(options.headers["allow"].replace(" ", "").split(","))
    assert options.status in (200, 204) and {"GET", "PATCH", "DELETE"} <= allowed


def test_actions_and_operations(populated):
    flushed = populated.data("POST", f"{BRIDGE}=br1/fdb/flush")
    assert flushed.status == 200 and flushed.json == {"simplebridge:output": {"flushed": True}}
    fdb = populated.data("GET", f"{BRIDGE}=br1/fdb").json["simplebridge:fdb"]
    assert not fdb.get("entry"), "configured entries go, too"
    body = {"polycube:input": {"peer1": "hw1:p1", "peer2": "sf1:p2"}}
    assert populated.rest("POST", "/restconf/operations/polycube:connect", body).status == 204
    ports = populated.data("GET", f"{HELLO}=hw1/ports=p1").json["helloworld:ports"]
    assert (ports[0]["peer"], ports[0]["status"]) == ("sf1:p2", "UP")
    assert populated.rest("POST", "/restconf/operations/polycube:disconnect", body).status == 204


# ---- entity tags -----------------------------------------------------------------------------------------------------


def test_entity_tags(populated):
    path = f"{HELLO}=hw1"
    first = populated.data("GET", path)
    assert first.etag and first.etag.startswith('"')
    assert populated.data("GET", path, headers={"If-None-Match": first.etag}).status == 304
    assert populated.data("GET", path, headers={"If-None-Match": '"other"'}).status == 200
    change = {HELLO: [{"name": "hw1", "action": "forward"}]}
    assert populated.data("PATCH", path, change, {"If-Match": first.etag}).status == 204
    second = populated.data("GET", path)
    assert second.etag != first.etag

    before = populated.configuration()
    refused = populated.data("DELETE", path, headers={"If-Match": first.etag})
    assert refused.status == 412 and refused.tag == "operation-failed"
    assert populated.configuration() == before
    assert populated.data("DELETE", path, headers={"If-Match": f'"x", {second.etag}'}).status == 204


def test_lost_update_is_prevented_between_clients(populated):
    path = f"{BRIDGE}=br1/fdb/aging-time"
    won = []

    def client(number):
        for attempt in range(20):
            tag = populated.data("GET", path).etag
            value = 1000 + 20 * number + attempt  # every success is a change
            reply = populated.data("PUT", path, {"simplebridge:aging-time": value}, {"If-Match": tag})
            assert reply.status in (204, 412), reply.text
            if reply.status == 204:
                won.append(tag)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    assert won and len(won) == len(set(won)), "a tag lets one change through"


# ---- transactions ----------------------------------------------------------------------------------------------------


def test_several_cubes_at_once(daemon):
    reply = daemon.data("POST", body={HELLO: [{"name": f"h{number}"} for number in range(10)], BRIDGE: [{"name": "b"}]})
    assert reply.status == 201 and "location" not in reply.headers
    assert names(daemon) == {f"h{number}" for number in range(10)} | {"b"}


@pytest.mark.parametrize("last", [
    pytest.param({"name": "h9", "ports": [{"name": "p", "peer": "no-such-device"}]}, id="missing-device"),
    pytest.param({"name": "h9", "ports": [{"name": "p", "peer": "vb"}]}, id="taken-device"),
    pytest.param({"name": "h9", "action": "explode"}, id="bad-value"),
    pytest.param({"name": "br1"}, id="name-in-use-by-another-service"),
    pytest.param({"name": "h0"}, id="twice-in-the-body"),
])
def test_failing_last_cube_undoes_all(populated, last):
    # Made and deleted once, so that what is created with the first cube of a service is there.
    populated.do("helloworld add h0")
    populated.do("del h0")
    before, objects = populated.configuration(), settled_objects(populated)
    cubes = [{"name": f"h{number}", "ports": [{"name": "p1"}]} for number in range(8)]
    cubes[0]["ports"][0]["peer"] = "vb"
    reply = populated.data("POST", body={HELLO: [*cubes, last]})
    assert reply.status in (400, 409), reply.text
    assert populated.configuration() == before
    eventually(lambda: populated.count_objects() == objects, f"as many objects as before: {objects}")
    populated.do("hw1 ports p1 set peer=vb")


def test_ten_thousand_entries_in_one_request(populated):
    entries = many_entries()
    begin = time.monotonic()
    reply = populated.data("PATCH", f"{BRIDGE}=br1/fdb", {"simplebridge:fdb": {"entry": entries}})
    print(f"10,000 entries written in {time.monotonic() - begin:.3f} s")
    assert reply.status == 204, reply.text
    shown = populated.data("GET", f"{BRIDGE}=br1/fdb").json["simplebridge:fdb"]["entry"]
    assert {entry["address"] for entry in entries} <= {entry["address"] for entry in shown}
    assert populated.data("POST", f"{BRIDGE}=br1/fdb/flush").status == 200


# ---- bad input -------------------------------------------------------------------------------------------------------

MALFORMED, INVALID, UNKNOWN = (400, "malformed-message"), (400, "invalid-value"), (400, "unknown-element")
MISSING, EXISTS, ABSENT, IN_USE = (400, "missing-element"), (409, "data-exists"), (409, "data-missing"), (409, "in-use")
LINK = {"polycube:input": {"peer1": "hw1:p1"}}


def cube(**members):
    return {HELLO: [{"name": "new", **members}]}


def port(peer, name="p1"):
    return {"helloworld:ports": [{"name": name, "peer": peer}]}


BAD = {
    # bodies
    "truncated json": ("POST", "", '{"helloworld:helloworld":[{"name":"x"', MALFORMED),
    "no json": ("POST", "", "hello", MALFORMED),
    "empty body": ("POST", "", "", MALFORMED),
    "not utf-8": ("POST", "", b'{"helloworld:helloworld":[{"name":"\xff\xfe"}]}', (400, None)),
    "array": ("POST", "", "[1]", MALFORMED),
    "deep arrays": ("POST", "", "[" * 100_000, (400, None)),
    "deep objects": ("POST", "", '{"a":' * 50_000 + "1" + "}" * 50_000, (400, None)),
    "two resources in PUT": ("PUT", f"{HELLO}=x", {HELLO: [{"name": "x"}, {"name": "y"}]}, (400, None)),
    # unknown things
    "unknown service": ("POST", "", {"nosuch:nosuch": [{"name": "x"}]}, UNKNOWN),
    "unknown leaf": ("POST", "", cube(nosuch=1), UNKNOWN),
    "unknown leaf in path": ("PUT", f"{HELLO}=hw1/nosuch", {"helloworld:nosuch": 1}, UNKNOWN),
    "unknown resource": ("GET", "nosuch:nosuch", None, (404, "unknown-element")),
    "unknown leaf in read": ("GET", f"{HELLO}=hw1/nosuch", None, (404, "unknown-element")),
    "absent cube": ("GET", f"{HELLO}=absent", None, (404, "invalid-value")),
    "absent port": ("GET", f"{HELLO}=hw1/ports=absent", None, (404, "invalid-value")),
    "unknown action": ("POST", f"{BRIDGE}=br1/fdb/explode", {}, (400, None)),
    "unknown rpc": ("POST", "/restconf/operations/polycube:explode", {}, (404, None)),
    # values
    "wrong type": ("PUT", f"{BRIDGE}=br1/fdb/aging-time", {"simplebridge:aging-time": "soon"}, INVALID),
    "out of range": ("PUT", f"{BRIDGE}=br1/fdb/aging-time", {"simplebridge:aging-time": 4294967296}, INVALID),
    "negative": ("PUT", f"{BRIDGE}=br1/fdb/aging-time", {"simplebridge:aging-time": -1}, INVALID),
    "bad enumeration": ("POST", "", cube(action="explode"), INVALID),
    "bad hook": ("POST", "", cube(type="TCX"), INVALID),
    "bad mac": ("POST", f"{BRIDGE}=br1/fdb", {"simplebridge:entry": [{"address": "zz", "port": "p1"}]}, INVALID),
    "object for a leaf": ("POST", "", cube(action={"a": 1}), (400, None)),
    "name with slash": ("POST", "", {HELLO: [{"name": "../../etc/passwd"}]}, INVALID),
    "name with colon": ("POST", "", {HELLO: [{"name": "a:b"}]}, INVALID),
    "name of dots": ("POST", "", {HELLO: [{"name": ".."}]}, INVALID),
    "empty name": ("POST", "", {HELLO: [{"name": ""}]}, INVALID),
    "long name": ("POST", "", {HELLO: [{"name": "x" * 65}]}, INVALID),
    "very long name": ("POST", "", {HELLO: [{"name": "x" * 1_000_000}]}, INVALID),
    "name with NUL": ("POST", "", '{"helloworld:helloworld":[{"name":"a\\u0000b"}]}', (400, None)),
    "port name with slash": ("POST", f"{HELLO}=hw1", {"helloworld:ports": [{"name": "a/b"}]}, INVALID),
    "key differs from path": ("PUT", f"{HELLO}=x", {HELLO: [{"name": "y"}]}, (400, None)),
    "init-only leaf changed": ("PATCH", f"{HELLO}=hw1", {HELLO: [{"name": "hw1", "type": "XDP_SKB"}]}, INVALID),
    "state leaf written": ("PATCH", f"{HELLO}=hw1",
                           {HELLO: [{"name": "hw1", "uuid": "0c2f7d6e-0000-4000-8000-000000000000"}]}, (400, None)),
    "shadow cube": ("POST", "", cube(shadow=True), INVALID),
    # missing and present things
    "no key": ("POST", "", {HELLO: [{"action": "drop"}]}, MISSING),
    "mandatory leaf": ("POST", f"{FORWARDER}=sf1", {"simpleforwarder:actions": [{"inport": "p2"}]}, MISSING),
    "forward without outport": ("POST", f"{FORWARDER}=sf1",
                                {"simpleforwarder:actions": [{"inport": "p2", "action": "forward"}]}, INVALID),
    "cube exists": ("POST", "", {HELLO: [{"name": "hw1"}]}, EXISTS),
    "cube of another service exists": ("POST", "", {HELLO: [{"name": "br1"}]}, EXISTS),
    "port exists": ("POST", f"{HELLO}=hw1", {"helloworld:ports": [{"name": "p1"}]}, EXISTS),
    "delete absent cube": ("DELETE", f"{HELLO}=absent", None, (409, "data-missing")),
    "delete absent port": ("DELETE", f"{HELLO}=hw1/ports=absent", None, (409, "data-missing")),
    "patch absent cube": ("PATCH", f"{HELLO}=absent/action", {"helloworld:action": "drop"}, (409, "data-missing")),
    "entry for absent port": ("POST", f"{BRIDGE}=br1/fdb", {"simplebridge:entry": [{"address": "02:00:00:00:00:01",
                                                                                      "port": "absent"}]}, ABSENT),
    "third port": ("POST", f"{HELLO}=hw1", {"helloworld:ports": [{"name": "p3"}]}, (400, None)),
    "port in use by an action": ("DELETE", f"{FORWARDER}=sf1/ports=p2", None, (409, None)),
    # peers
    "absent device": ("PATCH", f"{HELLO}=hw1/ports=p1", port("nosuchdevice"), ABSENT),
    "loopback": ("PATCH", f"{HELLO}=hw1/ports=p1", port("lo"), ABSENT),
    "device in use": ("PATCH", f"{HELLO}=hw1/ports=p1", port("va"), IN_USE),
    "absent cube as peer": ("PATCH", f"{HELLO}=hw1/ports=p1", port("nosuch:p1"), ABSENT),
    "absent port as peer": ("PATCH", f"{HELLO}=hw1/ports=p1", port("sf1:nosuch"), ABSENT),
    "own peer": ("PATCH", f"{HELLO}=hw1/ports=p1", port("hw1:p1"), INVALID),
    "peer in the same cube": ("PATCH", f"{HELLO}=hw1/ports=p1", port("hw1:p2"), INVALID),
    "long peer": ("PATCH", f"{HELLO}=hw1/ports=p1", port("x" * 200), INVALID),
    "xdp port with tc port": ("POST", "", cube(type="XDP_SKB", ports=[{"name": "p", "peer": "sf1:p2"}]), INVALID),
    "loop": ("PATCH", "", datastore(
        simpleforwarder=[{"name": "sf1", "ports": [{"name": "p2", "peer": "new:p2"}]}],
        simplebridge=[{"name": "br1", "ports": [{"name": "p3", "peer": "new:p1"}]}],
        helloworld=[hello_value("new", "br1:p3", "sf1:p2")]), INVALID),
    # operations
    "connect without peer": ("POST", "/restconf/operations/polycube:connect", LINK, MISSING),
    "connect nothing": ("POST", "/restconf/operations/polycube:connect", "", (400, None)),
    "connect absent": ("POST", "/restconf/operations/polycube:connect",
                       {"polycube:input": {"peer1": "hw1:p1", "peer2": "nosuch:p1"}}, ABSENT),
    "connect two devices": ("POST", "/restconf/operations/polycube:connect",
                            {"polycube:input": {"peer1": "va", "peer2": "vb"}}, (400, None)),
    "connect what has a peer": ("POST", "/restconf/operations/polycube:connect",
                                {"polycube:input": {"peer1": "hw1:p1", "peer2": "sf1:p1"}}, IN_USE),
    "disconnect what is not connected": ("POST", "/restconf/operations/polycube:disconnect",
                                         {"polycube:input": {"peer1": "hw1:p1", "peer2": "sf1:p2"}}, (409, None)),
    "unknown input": ("POST", "/restconf/operations/polycube:connect",
                      {"polycube:input": {"peer1": "hw1:p1", "peer2": "sf1:p2", "speed": 1}}, UNKNOWN),
    "attach": ("POST", "/restconf/operations/polycube:attach",
               {"polycube:input": {"cube": "hw1", "port": "vb"}}, INVALID),
    # addresses and parameters
    "bad percent": ("GET", f"{HELLO}=%zz", None, MALFORMED),
    "depth zero": ("GET", f"{HELLO}=hw1?depth=0", None, INVALID),
    "depth word": ("GET", f"{HELLO}=hw1?depth=deep", None, INVALID),
    "content": ("GET", f"{HELLO}=hw1?content=some", None, INVALID),
    "unknown parameter": ("GET", f"{HELLO}=hw1?colour=red", None, INVALID),
    "repeated parameter": ("GET", f"{HELLO}=hw1?depth=1&depth=2", None, INVALID),
    "method on api": ("DELETE", "/restconf", None, (405, "operation-not-supported")),
    "delete everything": ("DELETE", "", None, (405, "operation-not-supported")),
}


@pytest.fixture(scope="module")
def shared():
    """One populated daemon for the whole battery: each refused request leaves it as it was, so order is no matter."""
    lab = Lab.open()
    try:
        lab.station("a")
        lab.station("b")
        daemon = lab.daemon()
        reply = daemon.data("POST", body={
            BRIDGE: [{"name": "br1", "ports": [{"name": "p1", "peer": "va"}, {"name": "p2", "peer": "sf1:p1"},
                                               {"name": "p3"}]}],
            FORWARDER: [{"name": "sf1", "ports": [{"name": "p1", "peer": "br1:p2"}, {"name": "p2"}],
                         "actions": [{"inport": "p1", "action": "forward", "outport": "p2"}]}],
            HELLO: [{"name": "hw1", "ports": [{"name": "p1"}, {"name": "p2"}]}],
        })
        assert reply.status == 201, reply.text
        yield daemon
        assert daemon.stop() == 0
        daemon.assert_nothing_left()
    finally:
        lab.close()


@pytest.mark.parametrize("what", BAD)
def test_bad_input(shared, what):
    method, path, body, (status, tag) = BAD[what]
    before, objects = shared.configuration(), settled_objects(shared)
    reply = shared.rest(method, path, body) if path.startswith("/") else shared.data(method, path, body)
    assert reply.status == status, reply.text
    error = reply.error
    assert error["error-message"] and error["error-type"] in ("transport", "rpc", "protocol", "application"), reply.text
    if tag:
        assert error["error-tag"] == tag, reply.text
    assert shared.configuration() == before
    eventually(lambda: shared.count_objects() == objects, f"as many objects as before: {objects}")


def test_wrong_media_type(shared):
    reply = shared.data("POST", "", "name: x", {"Content-Type": "text/yaml"})
    assert reply.status == 415
    assert shared.data("GET", "", headers={"Accept": "image/png"}).status == 406


def test_path_outside(shared):
    for path in ("/", "/nonsense", "/restconf/nonsense", "/restconf/../etc/passwd",
                 "/restconf/yang/..%2f..%2fetc%2fpasswd"):
        assert shared.rest("GET", path, headers={"Accept": "*/*"}).status in (400, 404), path


# ---- clients ---------------------------------------------------------------------------------------------------------


def test_hundred_parallel_clients(daemon):
    def client(number):
        path = f"{HELLO}=c{number}"
        statuses = [daemon.data("POST", body={HELLO: [{"name": f"c{number}"}]}).status,
                    daemon.data("PATCH", path, {HELLO: [{"name": f"c{number}", "action": "forward"}]}).status,
                    daemon.data("GET", path).status]
        if number % 2:
            statuses.append(daemon.data("DELETE", path).status)
        return statuses

    with ThreadPoolExecutor(100) as pool:
        results = list(pool.map(client, range(100)))
    for number, statuses in enumerate(results):
        assert statuses == [201, 204, 200] + [204] * (number % 2), number
    assert names(daemon) == {f"c{number}" for number in range(0, 100, 2)}


def test_only_one_of_many_creators_wins(daemon):
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: daemon.data("POST", body={HELLO: [{"name": "same"}]}).status, range(50)))
    assert sorted(replies) == [201] + [409] * 49


def connection(daemon):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(daemon.socket))
    return client


def test_slow_clients_block_nobody(daemon):
    beginnings = (b"", b"G", b"GET /restconf HTTP/1.1\r\nHost: x\r\n",
                  b"POST /restconf/data HTTP/1.1\r\nHost: x\r\nContent-Type: application/yang-data+json\r\n"
                  b"Content-Length: 1000\r\n\r\n{")
    slow = []
    try:
        for number in range(100):
            client = connection(daemon)
            slow.append(client)
            client.sendall(beginnings[number % len(beginnings)])
        for number in range(20):
            assert daemon.rest("GET", "/restconf/data?depth=1", timeout=10).status == 200
        assert daemon.data("POST", body={HELLO: [{"name": "quick"}]}).status == 201
    finally:
        for client in slow:
            client.close()
    assert names(daemon) == {"quick"}


def test_client_that_does_not_read_blocks_nobody(populated):
    entries = many_entries()
    assert populated.data("PATCH", f"{BRIDGE}=br1/fdb", {"simplebridge:fdb": {"entry": entries}}).status == 204
    deaf = [connection(populated) for _ in range(20)]
    try:
        for client in deaf:
            client.sendall(b"GET /restconf/data HTTP/1.1\r\nHost: x\r\n\r\n")
        assert populated.rest("GET", "/restconf", timeout=10).status == 200
        assert populated.data("PATCH", f"{HELLO}=hw1/action", {"helloworld:action": "forward"}).status == 204
    finally:
        for client in deaf:
            client.close()


def test_truncated_and_garbage_requests(shared):
    before = shared.configuration()
    head = b"POST /restconf/data HTTP/1.1\r\nHost: x\r\nContent-Type: application/yang-data+json\r\n"
    body = b'{"helloworld:helloworld":[{"name":"cut"}]}'
    for text in (head + b"Content-Length: 1000\r\n\r\n" + body, head + b"Content-Length: -1\r\n\r\n" + body,
                 head + b"Content-Length: 99999999999999999999\r\n\r\n" + body,
                 head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50,
                 b"\0" * 10_000, b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n", b"\r\n" * 1000,
                 b"GET /restconf HTTP/1.1\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\n"):
        client = connection(shared)
        try:
            client.settimeout(10)
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        except OSError:
            pass  # the daemon may close at once
        finally:
            client.close()
    assert shared.running()
    assert shared.configuration() == before


def test_huge_body_is_refused(shared):
    before = shared.configuration()
    body = b'{"helloworld:helloworld":[{"name":"' + b"x" * (128 << 20) + b'"}]}'
    try:
        reply = shared.data("POST", "", body)
        assert reply.status == 413 and reply.tag == "too-big"
    except (OSError, http.client.HTTPException):
        pass  # closed before the body was sent
    assert shared.running()
    assert shared.configuration() == before


def test_readers_see_whole_transactions(populated):
    """Two leaves that always change together are never seen apart."""
    stop = threading.Event()
    torn = []

    def writer():
        value = 0
        while not stop.is_set():
            value = (value + 1) % 2
            level = ("DEBUG", "ERR")[value]
            body = datastore(helloworld=[{"name": "hw1", "loglevel": level}],
                             simpleforwarder=[{"name": "sf1", "loglevel": level}])
            assert populated.data("PATCH", body=body).status == 204

    populated.data("PATCH", body=datastore(helloworld=[{"name": "hw1", "loglevel": "ERR"}],
                                           simpleforwarder=[{"name": "sf1", "loglevel": "ERR"}]))
    thread = threading.Thread(target=writer)
    thread.start()
    try:
        for _ in range(200):
            data = populated.rest("GET", "/restconf/data?content=config").json["ietf-restconf:data"]
            if data[HELLO][0]["loglevel"] != data[FORWARDER][0]["loglevel"]:
                torn.append(data)
    finally:
        stop.set()
        thread.join()
    assert not torn
