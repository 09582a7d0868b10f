# SPDX-License-Identifier: Apache-2.0
"""The configuration as a whole: apply, diff, save, load, history, rollback."""

import json
import time

import pytest
import yaml

from network import eventually

REFUSED, SYNTAX_ERROR = 2, 3

TOPOLOGY = """
simplebridge:
- name: br1
  ports:
  - {name: p1, peer: va}
  - {name: p2, peer: "h1:p1"}
helloworld:
- name: h1
  action: forward
  ports:
  - {name: p1, peer: "br1:p2"}
  - {name: p2, peer: vb}
transparenthelloworld:
- name: t1
  parent: br1:p1
"""


@pytest.fixture
def net(lab, daemon):
    lab.station("a")
    lab.station("b")
    return daemon


def write(lab, text, name="topology.yaml"):
    file = lab.folder / name
    file.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
    return file


def test_a_file_is_applied_as_a_whole(lab, net):
    a, b = lab.stations["a"], lab.stations["b"]
    file = write(lab, TOPOLOGY)
    before = net.configuration()
    planned = net.do(f"diff {file}")
    assert net.do(f"apply -f {file} --dry-run") == planned
    assert net.configuration() == before, "nothing was done"
    for line in ("create simplebridge br1", "create helloworld h1 (action=forward)",
                 "create helloworld h1 ports p2 (peer=vb)", "rewire br1:p1: transparent cubes [] -> [t1]"):
        assert line in planned.splitlines(), planned
    assert net.do(f"apply {file}") == planned
    a.ping(b)
    assert net.data("GET", "transparenthelloworld:transparenthelloworld=t1/parent").json[
        "transparenthelloworld:parent"] == "br1:p1"
    # Again it changes nothing, and is not in the history.
    commits = len(net.data("GET", "polycube:history").json["polycube:history"]["commit"])
    assert net.do(f"apply {file}") == "nothing to change\n" == net.do(f"diff {file}")
    assert len(net.data("GET", "polycube:history").json["polycube:history"]["commit"]) == commits


def test_a_long_chain_comes_and_goes(lab, net, hook):
    """Of cubes that jump to each other many go at once; bridges on XDP have programs at more than one hook."""
    a, b = lab.stations["a"], lab.stations["b"]
    length = 12
    cubes = {"simplebridge": [], "helloworld": []}
    for number in range(length):
        peers = ("va" if number == 0 else f"n{number - 1}:p2", "vb" if number == length - 1 else f"n{number + 1}:p1")
        ports = [{"name": name, "peer": peer} for name, peer in zip(("p1", "p2"), peers)]
        if number % 4:
            cubes["helloworld"].append({"name": f"n{number}", "type": hook, "action": "forward", "ports": ports})
        else:
            cubes["simplebridge"].append({"name": f"n{number}", "type": hook, "ports": ports})
    file = write(lab, cubes)
    objects = None
    for _ in range(2):
        net.do(f"apply {file}")
        a.ping(b)
        assert len(net.data("GET", "polycube:cubes").json["polycube:cubes"]["cube"]) == length
        net.do("rollback")
        assert a.ping(b, check=False) == 5
        if objects is None:  # what is made once is there now
            objects = eventually(lambda: settled(net), "nothing comes or goes any more")
    eventually(lambda: net.count_objects() == objects, f"as many objects as before: {objects}")


def settled(daemon):
    """Its objects, once they are the same for half a second: the kernel frees them later."""
    before = daemon.count_objects()
    time.sleep(0.5)
    return before if daemon.count_objects() == before else None


def test_what_the_file_says_of_a_cube_is_all_that_it_is(lab, net):
    net.do(f"apply {write(lab, TOPOLOGY)}")
    net.do("helloworld add h2")
    net.do("br1 fdb entry add 02:00:00:00:00:77 port=p1")
    document = yaml.safe_load(TOPOLOGY)
    document["helloworld"][0]["ports"][1]["peer"] = ""
    document["helloworld"][0]["loglevel"] = "DEBUG"
    document["transparenthelloworld"][0]["parent"] = ""
    file = write(lab, document)
    lines = net.do(f"apply {file}").splitlines()
    assert sorted(lines) == sorted(["change helloworld h1 loglevel: INFO -> DEBUG",
                                    'rewire helloworld h1 ports p2 peer: vb -> ""',
                                    "remove simplebridge br1 fdb entry 02:00:00:00:00:77",
                                    "rewire br1:p1: transparent cubes [t1] -> []"]), lines
    assert "h2" in net.do("cubes show"), "what is not in the file stays"
    assert net.do(f"apply {file} --prune") == "remove helloworld h2\n"
    assert "h2" not in net.do("cubes show")


def test_forms_of_documents(lab, net):
    listed = [{"service-name": "helloworld", "name": "h1", "action": "drop", "ports": [{"name": "p1", "peer": ""}]}]
    net.do(f"apply {write(lab, listed)}")
    assert net.do(f"diff {write(lab, json.dumps(listed))}") == "nothing to change\n"
    shown = net.do("cubes show -yaml")
    assert net.do(["diff", "--prune"], stdin=shown) == "nothing to change\n"
    saved = net.do("save")
    assert net.do(["diff", "--prune", "-f", "-"], stdin=saved) == "nothing to change\n"
    assert "remove helloworld h1 ports p1" in net.do(["apply"], stdin="helloworld: [{name: h1}]")


@pytest.mark.parametrize("text, message", [
    ("helloworld: [{name: h1, ports: [{name: p1, peer: nosuch}]}]", "Interface nosuch does not exist"),
    ("helloworld: [{name: h1}, {name: h1}]", "cube h1 is given twice"),
    ("helloworld: [{action: drop}]", "key 'name'"),
    ("nosuch: [{name: x}]", "no service 'nosuch'"),
    ("helloworld: [{name: h1, actoin: drop}]", "actoin"),
    ("helloworld: [{name: h1, action: no}]", "action"),
    ("helloworld: {name: h1}", "holds no list"),
    ("transparenthelloworld: [{name: t1, parent: 'nosuch:p1'}]", "nosuch does not exist"),
    ("{", "input"), ("", "document"), ("helloworld: [{name: diff}]", "word of the command line"),
], ids=lambda value: value[:24])
def test_what_cannot_be_applied_changes_nothing(lab, net, text, message):
    net.do("simplebridge add br1")
    before = net.configuration()
    good = "simplebridge: [{name: br2}]\n" if text and not text.startswith("{") else ""
    file = write(lab, good + text)
    for command in ("apply", "diff"):
        code, output = net.ctl(command, file)
        assert code in (REFUSED, SYNTAX_ERROR) and message in output, output
    assert net.configuration() == before


def test_save_and_load(lab, net):
    a, b = lab.stations["a"], lab.stations["b"]
    net.do(f"apply {write(lab, TOPOLOGY)}")
    net.do("pbforwarder add pb1")
    net.do("pb1 ports add x1")
    net.do("pb1 rules add 7 in_port=x1 action=DROP")
    a.ping(b)
    file = lab.folder / "saved.yaml"
    net.do(f"save {file}")
    before = net.configuration()[0]
    for name in ("t1", "h1", "pb1"):
        net.do(f"{name} del")
    net.do("helloworld add other")
    assert "remove helloworld other" in net.do(f"diff --prune {file}")
    net.do(f"load {file}")
    assert net.configuration()[0] == before
    assert net.do(f"diff --prune {file}") == "nothing to change\n"
    a.ping(b)
    code, output = net.ctl("save", lab.folder / "no/such/folder")
    assert code == REFUSED and "cannot write" in output


def test_history_and_rollback(lab, net):
    a, b = lab.stations["a"], lab.stations["b"]
    file = write(lab, TOPOLOGY)
    net.do(["apply", str(file), "-comment=the first light"])
    states = [net.configuration()[0]]
    for line in ("h1 set action=drop", "h1 ports del p2", "simplebridge add br2", "detach t1 br1:p1", "h1 del",
                 "br1 fdb entry add 02:00:00:00:00:77 port=p1"):
        net.do(line)
        states.append(net.configuration()[0])
    history = net.do("history").splitlines()
    assert history[0].split()[0] == "7" and history[0].split()[2] == "root"
    assert history[1] == "    create simplebridge br1 fdb entry 02:00:00:00:00:77 (port=p1)"
    assert any(line.endswith("root: the first light") for line in history)
    assert "    remove helloworld h1" in history and "    change helloworld h1 action: forward -> drop" in history
    assert "    rewire br1:p1: transparent cubes [t1] -> []" in history
    assert net.do("rollback --dry-run") == "remove simplebridge br1 fdb entry 02:00:00:00:00:77\n"
    assert net.configuration()[0] == states[-1]
    net.do("rollback")
    assert net.configuration()[0] == states[-2]
    # It is a change like others.
    assert net.do("rollback 2") == "nothing to change\n", "the rollback and what it took back"
    net.do("rollback")
    assert net.configuration()[0] == states[-1]
    net.do("rollback 8")
    assert net.configuration()[0] == states[0]
    a.ping(b)
    assert "parent" in json.dumps(net.data("GET", "transparenthelloworld:transparenthelloworld=t1").json)
    assert "rollback 8" in net.do("history")
    code, output = net.ctl("rollback", "1000")
    assert code == REFUSED and "only 10 changes" in output
    for words, message in (("rollback x", "is not a number"), ("rollback 0", "1..1000"), ("rollback 1 2", "usage"),
                           ("history add", "usage"), ("apply", "document"), ("apply /no/such", "Cannot read"),
                           ("rollback --prune", "--prune"), ("h1 show --dry-run", "--dry-run")):
        code, output = net.ctl(*words.split())
        assert code in (REFUSED, SYNTAX_ERROR) and message in output, output


def test_as_much_of_the_history_as_is_asked_for(lab, daemon):
    for number in range(12):
        daemon.do(f"helloworld add h{number}")

    def numbers(path, key="polycube:history"):
        reply = daemon.data("GET", path)
        assert reply.status == 200, reply.text
        return [commit["number"] for commit in reply.json[key]["commit"]]

    assert numbers("polycube:history") == [str(number) for number in range(12, 0, -1)]
    assert numbers("polycube:history?depth=3") and "commit" not in daemon.data("GET", "polycube:history?depth=1").text
    one, = daemon.data("GET", "polycube:history/commit=3").json["polycube:commit"]
    assert (one["number"], one["changes"]) == ("3", "create helloworld h2")
    everything = daemon.data("GET").json["ietf-restconf:data"]["polycube:history"]["commit"]
    assert [commit["number"] for commit in everything] == [str(number) for number in range(12, 2, -1)]


def test_history_of_a_transient_daemon(lab):
    daemon = lab.daemon("--transient")
    daemon.do("helloworld add h1")
    assert daemon.do("history") == ""
    code, output = daemon.ctl("rollback")
    assert code == REFUSED and "--transient" in output


@pytest.mark.parametrize("around", ["{}", '{{"ietf-restconf:data":{}}}', '{{"simplebridge":[{{"name":"x","fdb":{}}}]}}'])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'], ids=["arrays", "objects"])
def test_a_document_as_deep_as_the_sea_is_refused(daemon, around, brackets):
    begin, end = brackets[:-1], brackets[-1]
    for depth in (70, 200_000):
        document = around.format(begin * depth + ("1" if begin != "[" else "") + end * depth)
        reply = daemon.rest("POST", "/restconf/operations/polycube:apply",
                            {"polycube:input": {"configuration": document, "dry-run": True}})
        assert reply.status == 400 and "nested more than 64 levels deep" in reply.text, reply.text[:300]
    assert daemon.ctl("cubes", "show")[0] == 0


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_a_body_as_deep_as_the_sea_is_refused(daemon, kind):
    depth = 100_000
    body = ('{"simplebridge:simplebridge":[{"name":"x","fdb":' + '{"a":' * depth + "1" + "}" * depth + "}]}" if kind == "json" else
            '<simplebridge xmlns="urn:polycube:simplebridge"><name>x</name>' + "<fdb>" * depth + "</fdb>" * depth + "</simplebridge>")
    reply = daemon.rest("POST", "/restconf/data", body, {"Content-Type": f"application/yang-data+{kind}"})
    assert reply.status == 400, reply.text[:300]
    assert daemon.ctl("cubes", "show")[0] == 0
