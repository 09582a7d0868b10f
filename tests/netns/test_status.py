# SPDX-License-Identifier: Apache-2.0
"""polycubectl status: well, or what is wrong and what to do, with an exit code for scripts."""

import json
import shutil

from chains import helloworld
from daemon import SERVICES
from network import eventually
from packages import model, package
from remote import RemoteService, renamed


def status(daemon):
    """Exit code, and the document."""
    code, text = daemon.ctl("status", "show", "-json")
    return code, json.loads(text)


def problems(daemon):
    code, document = status(daemon)
    found = {(problem["kind"], problem["subject"]): problem for problem in document.get("problem", [])}
    assert code == (1 if found else 0)
    assert document["condition"] == ("faulty" if found else "well")
    return found


def test_all_is_well(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    helloworld(daemon, "h", "TC", a.port, b.port)
    code, text = daemon.ctl("status")
    assert code == 0 and text.startswith("All is well.\n"), text
    assert "cubes: 1; ports up: 2 of 2; saved revision: " in text and ", up " in text
    _, document = status(daemon)
    assert document["revision"] == json.loads(daemon.do("history show -json"))["commit"][-1]["number"]
    assert document["version"] == daemon.do("version").split()[-1]


def test_ports_that_are_down(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    helloworld(daemon, "h", "TC", a.port, b.port)
    daemon.do("helloworld add g")
    daemon.do("g ports add p1 peer=")
    daemon.do("g ports add lonely")
    lab.host.run("ip", "link", "set", a.port, "down")
    eventually(lambda: ("port-down", "h:p1") in problems(daemon), "the port is down")
    found = problems(daemon)
    assert list(found) == [("port-down", "h:p1")], "ports without a peer are as they should be"
    assert f"{a.port} is down" in found["port-down", "h:p1"]["message"]
    assert f"ip link set {a.port} up" in found["port-down", "h:p1"]["advice"]
    lab.host.run("ip", "link", "del", a.port)
    eventually(lambda: "does not exist" in problems(daemon)["port-down", "h:p1"]["message"], "the device is gone")
    assert f"create {a.port}" in problems(daemon)["port-down", "h:p1"]["advice"]
    code, text = daemon.ctl("status")
    assert code == 1 and text.startswith("One thing is wrong:\n\n  port h:p1 is DOWN"), text
    daemon.do(f"disconnect h:p1 {a.port}")
    assert not problems(daemon)
    # A link that only one side names.
    daemon.do("h ports p1 set peer=g:p1")
    assert "polycubectl connect h:p1 g:p1" in problems(daemon)["port-down", "h:p1"]["advice"]


def test_a_device_of_transparent_cubes_is_missing(lab, daemon):
    a = lab.station("a")
    daemon.do("transparenthelloworld add t")
    daemon.do(f"attach t {a.port}")
    assert not problems(daemon)
    lab.host.run("ip", "link", "del", a.port)
    eventually(lambda: list(problems(daemon)) == [("device-missing", a.port)], "it is missing")
    daemon.do(f"detach t {a.port}")
    assert not problems(daemon)


def test_a_broken_package(lab):
    package(lab.folder, "broken", model("broken", "leaf x { type no-such-type; }"))
    daemon = lab.daemon(services=[lab.folder])
    assert list(problems(daemon)) == [("service-broken", "broken")]


def test_a_service_that_is_away(lab):
    daemon = lab.daemon(remote=True)
    running = RemoteService(lab, daemon, renamed(lab.folder, "helloworld", "farworld")).start()
    daemon.do("farworld add f")
    assert not problems(daemon)
    running.kill()
    eventually(lambda: ("service-detached", "farworld") in problems(daemon), "it is away")
    running.start()
    assert not problems(daemon)
    faults = status(daemon)[1]["fault"]
    assert [(fault["kind"], fault["subject"], fault["state"]) for fault in faults] == [
        ("service-detached", "farworld", "raised"), ("service-detached", "farworld", "cleared")]
    assert [fault["number"] for fault in faults] == [1, 2]


def test_cubes_that_could_not_be_restored(lab):
    services = lab.folder / "services"
    services.mkdir()
    shutil.copytree(SERVICES / "helloworld", services / "ours")
    for file in (services / "ours").iterdir():
        file.rename(file.with_name(file.name.replace("helloworld", "ours")))
    model_file = services / "ours/ours.yang"
    model_file.write_text(model_file.read_text().replace("helloworld", "ours"))
    daemon = lab.daemon(clean=False, services=[services])
    daemon.do("ours add o1")
    daemon.do("helloworld add h1")
    assert daemon.stop() == 0
    shutil.move(services / "ours", lab.folder / "ours")
    daemon.start()
    assert list(problems(daemon)) == [("cube-not-restored", "o1")]
    lost, = status(daemon)[1]["not-restored"]
    assert (lost["name"], lost["service-name"]) == ("o1", "ours") and "there is no service ours" in lost["reason"]
    assert "h1" in daemon.do("cubes show")
    # It stays saved, and is well again with its service.
    assert daemon.stop() == 0
    shutil.move(lab.folder / "ours", services / "ours")
    daemon.start()
    assert not problems(daemon) and "o1" in daemon.do("cubes show")
    # Or another is made under its name.
    assert daemon.stop() == 0
    shutil.move(services / "ours", lab.folder / "ours")
    daemon.start()
    assert list(problems(daemon)) == [("cube-not-restored", "o1")]
    daemon.do("helloworld add o1")
    assert not problems(daemon)
    assert daemon.stop() == 0


def fill(daemon, first, count):
    entries = [{"address": f"02:00:{i >> 24:02x}:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}", "port": "p1"}
               for i in range(first, first + count)]
    reply = daemon.data("PATCH", "simplebridge:simplebridge=b1/fdb", {"simplebridge:fdb": {"entry": entries}})
    assert reply.status == 204, reply.text


def test_tables_that_fill(daemon):
    daemon.do("simplebridge add b1")
    daemon.do("b1 ports add p1")
    fill(daemon, 0, 52000)
    assert not problems(daemon)
    fill(daemon, 52000, 1000)
    filling = problems(daemon)["table-filling", "b1:fdb"]
    assert "53000 of 65536 entries" in filling["message"]
    fill(daemon, 53000, 65536 - 53000)
    assert list(problems(daemon)) == [("table-full", "b1:fdb")]
    assert [(fault["kind"], fault["state"]) for fault in status(daemon)[1]["fault"]] == [("table-full", "raised")]
    daemon.do("b1 fdb entry del")
    assert not problems(daemon)
    assert [fault["state"] for fault in status(daemon)[1]["fault"]] == ["raised", "cleared"]


def test_drops_are_shown_and_are_no_problem(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    helloworld(daemon, "h", "TC", a.port, b.port, action="DROP")
    lab.tap(a).send(b"\xff" * 6 + b"\x02\0\0\0\0\x0a" + b"\x88\xb6" + bytes(60))
    eventually(lambda: "drops" in status(daemon)[1], "it is counted")
    drop, = status(daemon)[1]["drops"]
    assert (drop["cube"], drop["reason"]) == ("h", "policy") and drop["packets"] >= 1
    assert not problems(daemon)
    assert "policy" in daemon.do("status")


def test_words_and_flags(daemon):
    assert daemon.ctl("status", "add")[0] == 3
    assert daemon.ctl("metrics", "show", "-json")[0] == 3
    assert daemon.ctl("events", "show", "-yaml")[0] == 3
    assert "exit code 0 when all is well" in daemon.do("status ?")
    for word in ("status", "events", "metrics"):
        code, text = daemon.ctl("helloworld", "add", word)
        assert code == 2 and "word of the command line" in text
