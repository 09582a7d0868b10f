# SPDX-License-Identifier: Apache-2.0
"""What Prometheus reads: names, values against real traffic, tables that fill, metrics that models declare."""

import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from chains import helloworld
from network import eventually
from packages import model, package
from remote import RemoteService, renamed


def scrape(daemon, path="/metrics", parse=prometheus, accept="text/plain"):
    """Values by name and labels."""
    reply = daemon.rest("GET", path, headers={"Accept": accept})
    assert reply.status == 200, reply.text
    return {(sample.name, frozenset(sample.labels.items())): sample.value
            for family in parse(reply.text) for sample in family.samples}


def value(samples, name, **labels):
    found = [number for (known, given), number in samples.items()
             if known == name and set(labels.items()) <= given]
    assert len(found) <= 1, f"{name} {labels} is not one sample: {found}"
    return found[0] if found else None


def broadcast(number=0):
    return b"\xff" * 6 + b"\x02\0\0\0\0\x0a" + b"\x88\xb6" + number.to_bytes(4, "big") + bytes(82)


def test_promtool_has_no_objection(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    daemon.do("router add r1")
    daemon.do(f"r1 ports add p1 ip=10.0.0.254/24 peer={a.port}")
    daemon.do(f"simplebridge add b1")
    daemon.do(f"b1 ports add p1 peer={b.port}")
    daemon.do("pbforwarder add pb1")
    daemon.do("transparenthelloworld add t1")
    daemon.do("attach t1 b1:p1")
    done = subprocess.run(["promtool", "check", "metrics"], input=daemon.do("metrics show"), text=True,
                          capture_output=True)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr


def test_both_formats_say_the_same(daemon):
    daemon.do("router add r1")
    daemon.do("r1 ports add p1 ip=10.0.0.254/24")
    plain = scrape(daemon)
    open_ = scrape(daemon, parse=openmetrics, accept="application/openmetrics-text; version=1.0.0")
    # What the scrapes and time changed themselves is left out.
    moving = ("process_", "polycube_api_", "polycube_build")
    steady = [{key: number for key, number in samples.items() if not key[0].startswith(moving)}
              for samples in (plain, open_)]
    assert steady[0] == steady[1] and steady[0]
    assert value(open_, "polycube_build_info", version=daemon.do("version").split()[-1]) == 1
    assert value(plain, "process_resident_memory_bytes") > 1e6
    assert value(plain, "polycube_api_requests_total", method="POST", code="2xx") == 2


def test_traffic_and_drops(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    helloworld(daemon, "h", hook, a.port, b.port)
    at_a, at_b = lab.tap(a), lab.tap(b)
    before = scrape(daemon)
    at_a.send(*[broadcast(i) for i in range(20)])
    assert at_b.count(broadcast(19), within=5) == 1
    after = scrape(daemon)

    def counted(name, **labels):
        return value(after, name, cube="h", **labels) - value(before, name, cube="h", **labels)

    assert counted("polycube_port_packets_total", port="p1", direction="in") >= 20
    assert counted("polycube_port_bytes_total", port="p2", direction="out") >= 20 * len(broadcast())
    assert value(after, "polycube_port_up", cube="h", port="p1") == 1
    daemon.do("h set action=DROP")
    at_a.send(*[broadcast(i) for i in range(5)])
    eventually(lambda: (value(scrape(daemon), "polycube_cube_dropped_packets_total", cube="h", reason="policy")
                        or 0) >= 5, "the drops are counted")
    daemon.do(f"disconnect h:p2 {b.port}")
    now = scrape(daemon)
    assert value(now, "polycube_port_up", cube="h", port="p2") == 0
    assert value(now, "polycube_port_has_peer", cube="h", port="p2") == 0
    # Nothing that is counted goes down.
    for (name, labels), number in before.items():
        if name.endswith("_total") and not name.startswith("process_"):
            assert now[name, labels] >= number, name
    daemon.do("h del")
    assert not [key for key in scrape(daemon) if ("cube", "h") in key[1]]


@pytest.mark.parametrize("remote", [False, True], ids=["in-process", "remote"])
def test_slow_path(lab, remote):
    daemon = lab.daemon(remote=True)
    a, b = lab.station("a"), lab.station("b")
    service = "helloworld"
    if remote:
        running = RemoteService(lab, daemon, renamed(lab.folder, "helloworld", "farworld")).start()
        service = running.name
    helloworld(daemon, "h", "TC", a.port, b.port, action="SLOWPATH", service=service)
    lab.tap(a).send(*[broadcast(i) for i in range(10)])

    def delivered():
        return value(scrape(daemon), "polycube_slow_path_packets_total", cube="h")
    eventually(lambda: delivered() >= 10, "they are delivered")
    assert value(scrape(daemon), "polycube_service_up", service=service) == 1
    if not remote:
        return
    before = delivered()
    running.kill()
    eventually(lambda: value(scrape(daemon), "polycube_service_up", service=service) == 0, "the service is away")
    running.start()
    assert delivered() >= before, "it goes on counting"


def test_tables_that_fill(daemon):
    daemon.do("simplebridge add b1")
    daemon.do("b1 ports add p1")
    empty = scrape(daemon)
    assert value(empty, "polycube_table_entries", cube="b1", table="fdb") == 0
    assert value(empty, "polycube_table_capacity_entries", cube="b1", table="fdb", eviction="none") == 65536
    entries = [{"address": f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}", "port": "p1"} for i in range(1000)]
    reply = daemon.data("PATCH", "simplebridge:simplebridge=b1/fdb", {"simplebridge:fdb": {"entry": entries}})
    assert reply.status == 204, reply.text
    filled = scrape(daemon)
    assert value(filled, "polycube_table_entries", cube="b1", table="fdb") == 1000
    assert value(filled, "polycube_simplebridge_entry_fdb_number_entries", cube="b1") == 1000


def test_learned_entries_count(lab, daemon):
    a = lab.station("a")
    daemon.do("bridge add b1")
    daemon.do(f"b1 ports add p1 peer={a.port}")
    lab.tap(a).send(broadcast())
    eventually(lambda: (value(scrape(daemon), "polycube_bridge_fdb_entries", cube="b1") or 0) >= 1, "it is learned")


def test_metrics_of_the_models_and_the_page_of_the_original(daemon):
    daemon.do("router add r1")
    daemon.do("r1 ports add p1 ip=10.0.1.254/24")
    daemon.do("r1 ports add p2 ip=10.0.2.254/24")
    daemon.do("r1 ports add p3")
    daemon.do("r1 ports p1 secondaryip add 10.0.3.254/24")
    daemon.do("r1 ports p2 secondaryip add 10.0.4.254/24")
    daemon.do("r1 route add 10.5.0.0/16 10.0.1.1")
    daemon.do("r1 arp-table add 10.0.1.1 mac=02:00:00:00:00:01 interface=p1")
    daemon.do("simpleforwarder add sf")
    daemon.do("sf ports add p1")
    daemon.do("sf actions add p1 action=DROP")
    daemon.do("pbforwarder add pb")
    daemon.do("pb rules add 0 action=DROP")
    daemon.do("pb rules add 9 action=DROP")
    new, old = scrape(daemon), scrape(daemon, "/polycube/v1/metrics")
    for name, cube, number in (("router_ports", "r1", 3), ("router_ip_ports", "r1", 2),
                               ("router_secondaryip_ports", "r1", 2), ("router_route_routes", "r1", 5),
                               ("router_arp_table_entries", "r1", 1), ("simpleforwarder_actions_entries", "sf", 1),
                               ("pbforwarder_rules_number_rules", "pb", 2)):
        assert old.pop((name, frozenset({("cubeName", cube)}))) == number, name
        assert sum(count for (known, labels), count in new.items()
                   if known == f"polycube_{name}" and ("cube", cube) in labels) == number, name
    assert not old
    assert value(new, "polycube_router_secondaryip_ports", cube="r1", port="p1") == 1


def test_commits(daemon):
    def commits():
        samples = scrape(daemon)
        return [value(samples, name) for name in ("polycube_commit_duration_seconds_count",
                                                  "polycube_commits_failed_total")]
    assert commits() == [0, 0]
    assert value(scrape(daemon), "polycube_last_commit_timestamp_seconds") is None
    daemon.do("helloworld add h")
    assert commits() == [1, 0]
    code, _ = daemon.ctl("h", "ports", "add", "p1", "peer=nothing")
    assert code == 2 and commits() == [1, 0], "what is refused was not begun"
    samples = scrape(daemon)
    assert value(samples, "polycube_last_commit_timestamp_seconds") > 1e9
    assert value(samples, "polycube_saved_configuration_bytes") > 1000


def test_a_package_whose_metric_has_no_such_name(lab):
    package(lab.folder, "wrong", model("wrong", 'leaf x { type uint8; pcn:metric "wrong-x"; }'))
    daemon = lab.daemon(services=[lab.folder])
    assert "is no name of a metric" in daemon.do("services show wrong")
