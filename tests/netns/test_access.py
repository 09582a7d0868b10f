# SPDX-License-Identifier: Apache-2.0
"""Access control by ietf-netconf-acm (RFC 8341): who may read, change and invoke what."""

import json
import shutil
import subprocess
import threading

import pytest

from daemon import SERVICES
from harness import Lab
from network import eventually

NACM = "ietf-netconf-acm:nacm"
HELLO = "helloworld:helloworld"
BRIDGE = "simplebridge:simplebridge"
GROUP = "daemon"  # a group that every machine has, in the place of `polycube`
NOBODY = 65534

CLIENT = """
import http.client, json, socket, sys
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
connection = Connection("localhost")
connection.request(sys.argv[2], sys.argv[3], sys.argv[4] or None, {"Content-Type": "application/yang-data+json"})
reply = connection.getresponse()
print(json.dumps([reply.status, reply.read().decode()]))
"""


class User:
    """Somebody without privileges who is in the socket's group, and in others."""

    def __init__(self, daemon, *groups, uid=NOBODY):
        self.daemon = daemon
        self.words = ["setpriv", f"--reuid={uid}", f"--regid={GROUP}",
                      f"--groups={','.join((GROUP, *groups))}", "/usr/bin/python3", "-c", CLIENT]
        for folder in (daemon.folder, daemon.lab.folder):
            folder.chmod(0o755)

    def rest(self, method, path, body=None):
        text = json.dumps(body) if body is not None else ""
        done = subprocess.run([*self.words, str(self.daemon.socket), method, path, text], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        status, reply = json.loads(done.stdout)
        return status, json.loads(reply) if reply else {}

    def data(self, method, path="", body=None):
        return self.rest(method, f"/restconf/data/{path}".rstrip("/"), body)

    def rpc(self, name, **values):
        return self.rest("POST", f"/restconf/operations/polycube:{name}", {"polycube:input": values})


def refused(answer, path=None):
    status, reply = answer
    error = reply["ietf-restconf:errors"]["error"][0]
    assert (status, error["error-tag"]) == (403, "access-denied"), answer
    if path is not None:
        assert error["error-path"] == path
    return error["error-message"]


def rule(name, action="permit", **leaves):
    return {"name": name, "action": action, **{leaf.replace("_", "-"): value for leaf, value in leaves.items()}}


def set_rules(daemon, *rules, **leaves):
    """For everybody who is in the socket's group."""
    body = {**{leaf.replace("_", "-"): value for leaf, value in leaves.items()},
            "rule-list": [{"name": "test", "group": [GROUP], "rule": list(rules)}]}
    reply = daemon.data("PUT", NACM, {NACM: body})
    assert reply.status == 204, reply.text


@pytest.fixture
def own(lab):
    daemon = lab.daemon("--group", GROUP)
    daemon.do("helloworld add hw1")
    daemon.do("hw1 ports add p1")
    daemon.do("hw1 ports add p2")
    daemon.do("simplebridge add br1")
    return daemon


def test_as_shipped_the_sockets_group_may_do_everything(lab, own):
    user = User(own)
    assert user.data("POST", body={HELLO: [{"name": "hw2"}]})[0] == 201
    assert user.data("GET", f"{HELLO}=hw1")[0] == 200
    assert user.rpc("rollback", count=1)[0] == 200
    assert user.data("PATCH", NACM, {NACM: {"read-default": "deny"}})[0] == 204


def test_without_rules_a_user_may_read_only(lab, own):
    own.do("br1 ports add p1")
    own.data("DELETE", NACM)
    user = User(own)
    before = own.configuration()
    assert user.data("GET", f"{HELLO}=hw1")[0] == 200
    message = refused(user.data("PATCH", f"{HELLO}=hw1", {HELLO: [{"name": "hw1", "action": "forward"}]}),
                      "/helloworld:helloworld[name='hw1']/action")
    assert "nobody may not create" in message
    refused(user.data("DELETE", f"{HELLO}=hw1"))
    refused(user.data("POST", body={HELLO: [{"name": "hw2"}]}))
    refused(user.rpc("connect", peer1="hw1:p1", peer2="br1:p1"))
    assert user.data("GET", NACM)[0] == 404, "the rules themselves are for who may read them by a rule"
    assert own.configuration() == before
    assert user.data("GET", "polycube:history")[0] == 404
    refused(user.rpc("start-trace"))
    refused(user.rpc("simulate", device="lo"))
    counters = own.data("GET", NACM).json[NACM]
    assert counters["denied-data-writes"] >= 3


def test_root_is_never_locked_out(lab, own):
    assert own.data("PUT", NACM, {NACM: {"read-default": "deny", "exec-default": "deny", "rule-list": [
        {"name": "all", "group": ["*"], "rule": [rule("no", "deny")]}]}}).status == 204
    assert own.data("GET", f"{HELLO}=hw1").status == 200
    own.do("helloworld add hw2")
    assert User(own).data("GET", f"{HELLO}=hw1")[0] == 404


def test_rules_by_module_path_and_access(lab, own):
    user = User(own)
    set_rules(own, rule("keep", "deny", path="/helloworld:helloworld[name='hw1']/ports[name='p1']"),
              rule("own", path="/helloworld:helloworld[name='hw1']", access_operations="read create update delete"),
              rule("look", module_name="simplebridge", access_operations="read"),
              rule("nothing else", "deny", module_name="simplebridge"), read_default="deny")
    shown = user.data("GET", f"{HELLO}=hw1")[1][HELLO][0]
    assert [port["name"] for port in shown["ports"]] == ["p2"], "the other one is left out"
    assert user.data("GET", f"{HELLO}=hw1/ports=p1")[0] == 404
    assert user.data("GET", f"{BRIDGE}=br1")[0] == 200
    assert user.data("GET", "polycube:version")[0] == 404
    everything = user.data("GET")[1]["ietf-restconf:data"]
    assert set(everything) == {HELLO, BRIDGE}
    assert user.data("PATCH", f"{HELLO}=hw1", {HELLO: [{"name": "hw1", "action": "forward"}]})[0] == 204
    refused(user.data("PATCH", f"{HELLO}=hw1/ports=p1/peer", {"helloworld:peer": "br1:p1"}),
            "/helloworld:helloworld[name='hw1']/ports[name='p1']/peer")
    refused(user.data("DELETE", f"{HELLO}=hw1"), "/helloworld:helloworld[name='hw1']/ports[name='p1']")
    assert user.data("DELETE", f"{HELLO}=hw1/ports=p2")[0] == 204
    refused(user.data("POST", f"{BRIDGE}=br1", {"simplebridge:ports": [{"name": "p1"}]}))
    refused(user.data("PATCH", body={"ietf-restconf:data": {HELLO: [{"name": "hw1", "loglevel": "OFF"}],
                                                            BRIDGE: [{"name": "br1", "loglevel": "OFF"}]}}))
    assert own.data("GET", f"{HELLO}=hw1/loglevel").json["helloworld:loglevel"] != "OFF", "all or nothing"


def test_each_node_that_changes_counts_however_it_is_named(lab, own):
    """A PUT of the cube, apply, rollback and connect change the same leaf."""
    user = User(own)
    set_rules(own, rule("wires", "deny", path="/helloworld:helloworld/ports/peer",
                        access_operations="create update delete"), rule("rest"))
    own.do("br1 ports add p1")
    path = "/helloworld:helloworld[name='hw1']/ports[name='p1']/peer"
    cube = {"name": "hw1", "ports": [{"name": "p1", "peer": "br1:p1"}, {"name": "p2"}]}
    refused(user.data("PUT", f"{HELLO}=hw1", {HELLO: [cube]}), path)
    refused(user.rpc("connect", peer1="hw1:p1", peer2="br1:p1"), path)
    document = json.dumps({HELLO: [cube]})
    refused(user.rpc("apply", configuration=document), path)
    refused(user.rpc("apply", **{"configuration": document, "dry-run": True}), path)
    own.do("connect hw1:p1 br1:p1")
    refused(user.rpc("rollback", count=1), path)
    assert user.data("PATCH", f"{HELLO}=hw1", {HELLO: [{"name": "hw1", "action": "forward"}]})[0] == 204


def test_operations_and_actions(lab, own):
    user = User(own)
    own.do("transparenthelloworld add th1")
    set_rules(own, rule("no wiring", "deny", rpc_name="attach"), rule("all"))
    refused(user.rpc("attach", cube="th1", port="hw1:p1"))
    own.do("attach th1 hw1:p1")
    assert user.rpc("detach", cube="th1", port="hw1:p1")[0] == 204
    set_rules(own, rule("keep", "deny", path="/transparenthelloworld:transparenthelloworld", access_operations="update"),
              rule("all"))
    refused(user.rpc("attach", cube="th1", port="hw1:p1"),
            "/transparenthelloworld:transparenthelloworld[name='th1']/parent")
    flush = f"{BRIDGE}=br1/fdb/flush"
    assert user.data("POST", flush)[0] in (200, 204)
    set_rules(own, rule("no actions", "deny", path="/simplebridge:simplebridge/fdb/flush", access_operations="exec"),
              rule("all"))
    refused(user.data("POST", flush))
    assert own.data("GET", NACM).json[NACM]["denied-operations"] >= 2


def test_where_a_transparent_cube_stands(lab, own):
    """In front of what, and behind whom: each way to change that needs the right to update its leaf parent."""
    user = User(own)
    own.do("transparenthelloworld add th1")
    set_rules(own, rule("keep", "deny", path="/transparenthelloworld:transparenthelloworld/parent",
                        access_operations="update"), rule("all"))

    def document(name, parent=None):
        return json.dumps({"transparenthelloworld:transparenthelloworld": [{"name": name, **({"parent": parent} if parent else {})}]})

    path = "/transparenthelloworld:transparenthelloworld[name='{}']/parent"
    refused(user.rpc("apply", configuration=document("th1", "hw1:p1")), path.format("th1"))
    refused(user.rpc("apply", configuration=document("th2", "hw1:p1")), path.format("th2"))
    assert user.rpc("apply", configuration=document("th2"))[0] == 200
    own.do("attach th1 hw1:p1")
    refused(user.rpc("rollback", count=1), path.format("th1"))
    refused(user.data("DELETE", f"{HELLO}=hw1/ports=p1"), path.format("th1"))
    refused(user.data("DELETE", f"{HELLO}=hw1"), path.format("th1"))
    assert own.data("GET", "transparenthelloworld:transparenthelloworld=th1/parent").status == 200
    own.do("transparenthelloworld del th2")
    refused(user.rpc("rollback", count=2))
    assert user.data("DELETE", "transparenthelloworld:transparenthelloworld=th1")[0] == 204
    refused(user.rpc("rollback", count=1), path.format("th1"))
    assert user.data("DELETE", f"{HELLO}=hw1")[0] == 204


def test_groups_of_the_rules_and_of_the_system(lab, own):
    member, other = User(own, "games"), User(own)
    body = {"rule-list": [{"name": "players", "group": ["games"], "rule": [rule("all")]}]}
    assert own.data("PUT", NACM, {NACM: body}).status == 204
    assert member.data("POST", body={HELLO: [{"name": "hw3"}]})[0] == 201
    refused(other.data("POST", body={HELLO: [{"name": "hw4"}]}))
    assert own.data("PATCH", NACM, {NACM: {"enable-external-groups": False}}).status == 204
    refused(member.data("DELETE", f"{HELLO}=hw3"))
    assert own.data("PATCH", NACM, {NACM: {"groups": {"group": [{"name": "games", "user-name": ["nobody"]}]}}}).status == 204
    assert other.data("DELETE", f"{HELLO}=hw3")[0] == 204
    assert own.data("PATCH", NACM, {NACM: {"groups": {"group": [{"name": "x"}]}, "enable-nacm": False}}).status == 204
    assert User(own, uid=4).data("DELETE", f"{HELLO}=hw1")[0] == 204


def test_learned_entries_are_data_as_well(lab, own):
    a, b = lab.station("a"), lab.station("b")
    for name, station in (("p1", a), ("p2", b)):
        own.do(f"br1 ports add {name} peer={station.port}")
    a.ping(b)
    set_rules(own, rule("keep", "deny", path="/simplebridge:simplebridge/fdb/entry", access_operations="delete"),
              rule("all"))
    user = User(own)
    entry = own.data("GET", f"{BRIDGE}=br1/fdb/entry").json["simplebridge:entry"][0]["address"]
    refused(user.data("DELETE", f"{BRIDGE}=br1/fdb/entry={entry.replace(':', '%3A')}"))
    for path in ("/fdb/entry", "/fdb"):
        refused(user.data("DELETE", f"{BRIDGE}=br1{path}"))
    assert own.data("GET", f"{BRIDGE}=br1/fdb/entry").json["simplebridge:entry"]


@pytest.mark.parametrize("below", ["", "/port"])
def test_a_learned_entry_that_a_rule_keeps_does_not_go_with_its_list(lab, own, below):
    a, b = lab.station("a"), lab.station("b")
    for name, station in (("p1", a), ("p2", b)):
        own.do(f"br1 ports add {name} peer={station.port}")
    a.ping(b)
    user = User(own)
    kept, other = [entry["address"] for entry in own.data("GET", f"{BRIDGE}=br1/fdb/entry").json["simplebridge:entry"]]
    kept_path = f"{BRIDGE}=br1/fdb/entry={kept.replace(':', '%3A')}"
    set_rules(own, rule("keep", "deny", path=f"/simplebridge:simplebridge/fdb/entry[address='{kept}']{below}",
                        access_operations="delete"), rule("all"))
    denied = f"/simplebridge:simplebridge[name='br1']/fdb/entry[address='{kept}']{below}"
    refused(user.data("DELETE", kept_path), denied)
    for path in ("/fdb/entry", "/fdb"):
        refused(user.data("DELETE", f"{BRIDGE}=br1{path}"), denied)
    own.do("br1 fdb entry add 02:00:00:00:00:77 port=p1")
    for path in ("/fdb/entry", "/fdb"):
        refused(user.data("DELETE", f"{BRIDGE}=br1{path}"), denied)
    shown = {entry["address"] for entry in own.data("GET", f"{BRIDGE}=br1/fdb/entry").json["simplebridge:entry"]}
    assert shown == {kept, other, "02:00:00:00:00:77"}
    assert own.data("DELETE", kept_path).status == 204
    assert user.data("DELETE", f"{BRIDGE}=br1/fdb/entry")[0] == 204, "the others are not protected"


def test_each_node_of_a_learned_entry_counts(lab, own):
    """That it becomes one of the configuration is a change like any other."""
    a, b = lab.station("a"), lab.station("b")
    for name, station in (("p1", a), ("p2", b)):
        own.do(f"br1 ports add {name} peer={station.port}")
    a.ping(b)
    set_rules(own, rule("ports", "deny", path="/simplebridge:simplebridge/fdb/entry/port",
                        access_operations="create update"), rule("all"))
    user = User(own)
    before = own.data("GET", f"{BRIDGE}=br1/fdb/entry").json["simplebridge:entry"]
    entry = next(entry for entry in before if entry["port"] == "p1")["address"]
    path = f"{BRIDGE}=br1/fdb/entry={entry.replace(':', '%3A')}"
    denied = f"/simplebridge:simplebridge[name='br1']/fdb/entry[address='{entry}']/port"
    refused(user.data("PATCH", path, {"simplebridge:entry": [{"address": entry, "port": "p2"}]}), denied)
    refused(user.data("PATCH", f"{path}/port", {"simplebridge:port": "p2"}), denied)
    assert "entry" not in own.data("GET", f"{BRIDGE}=br1?content=config").text
    set_rules(own, rule("all"))
    assert user.data("PATCH", f"{path}/port", {"simplebridge:port": "p2"})[0] == 204


def test_rules_outlive_the_daemon_and_are_in_the_history(lab):
    daemon = lab.daemon("--group", GROUP, clean=False)
    shipped = daemon.data("GET", f"{NACM}?content=config").json
    rules = [rule(name, path="/helloworld:helloworld") for name in "zay"]
    set_rules(daemon, *rules)
    configured = daemon.data("GET", f"{NACM}?content=config").json
    assert "create ietf-netconf-acm nacm rule-list test" in daemon.do("history")
    daemon.kill()
    daemon.start()
    assert daemon.data("GET", f"{NACM}?content=config").json == configured, "in the same order"
    set_rules(daemon, *reversed(rules))
    daemon.do("rollback")
    assert daemon.data("GET", f"{NACM}?content=config").json == configured
    assert "reorder ietf-netconf-acm nacm" in daemon.do("history")
    daemon.data("DELETE", NACM)
    none = daemon.data("GET", f"{NACM}?content=config").json
    daemon.kill()
    daemon.start()
    assert daemon.data("GET", f"{NACM}?content=config").json == none != shipped, "no rules are not those as shipped"
    assert User(daemon).data("GET", "polycube:version")[0] == 200, "as RFC 8341 has it without rules"
    daemon.do("rollback 4")
    assert daemon.data("GET", f"{NACM}?content=config").json == shipped
    daemon.options.append("--clean-on-exit")
    daemon.stop()
    daemon.start()
    assert daemon.stop() == 0


def test_saved_rules_that_cannot_be_used_let_in_root_alone(lab):
    """With the path of a module that is gone; a rule that is left out could be one that denies."""
    services = lab.folder / "services"
    package = services / "mine"
    package.mkdir(parents=True)
    for file in (SERVICES / "helloworld").iterdir():
        (package / file.name.replace("helloworld", "mine")).write_bytes(file.read_bytes())
    model = package / "mine.yang"
    model.write_text(model.read_text().replace("helloworld", "mine"))
    daemon = lab.daemon("--group", GROUP, services=[services], clean=False)
    set_rules(daemon, rule("x", path="/mine:mine"), rule("rest"))
    assert User(daemon).data("GET", "polycube:version")[0] == 200
    daemon.stop()
    shutil.rmtree(package)
    daemon.options.append("--clean-on-exit")
    daemon.start()
    assert "the saved access rules cannot be used" in daemon.log_text()
    assert User(daemon).data("GET", "polycube:version")[0] == 404
    refused(User(daemon).data("POST", body={HELLO: [{"name": "hw1"}]}))
    daemon.do("helloworld add hw1")
    reply = daemon.data("PATCH", NACM, {NACM: {"groups": {"group": [{"name": "ops"}]}}})
    assert reply.status == 409 and "as a whole" in reply.text, "one rule would take the place of all that were saved"
    assert User(daemon).data("GET", "polycube:version")[0] == 404
    assert daemon.data("GET", f"{NACM}?content=config").json[NACM]["read-default"] == "deny", "what holds is shown"
    assert [problem["kind"] for problem in daemon.data("GET", "polycube:status").json["polycube:status"]["problem"]] == [
        "access-rules-unusable"]
    daemon.options.remove("--clean-on-exit")
    daemon.stop()
    daemon.start()
    assert "the saved access rules cannot be used" in daemon.log_text(), "they are kept"
    daemon.options.append("--clean-on-exit")
    set_rules(daemon, rule("rest"))
    assert User(daemon).data("GET", "polycube:version")[0] == 200
    assert "problem" not in daemon.data("GET", "polycube:status").json["polycube:status"]
    assert daemon.data("PATCH", NACM, {NACM: {"read-default": "deny"}}).status == 204


@pytest.mark.parametrize("path", ["", "helloworld:helloworld", "/helloworld", "//x:y", 
                                  "/helloworld:helloworld[name='1'", "/helloworld:helloworld | /x:y", "/*",
                                  "/helloworld:helloword", "/helloworld:helloworld/prots", "/polycube:helloworld",
                                  "/helloworld:helloworld[nam='hw1']", "/helloworld:helloworld/action[name='x']",
                                  "/simplebridge:simplebridge/fdb/entry[address='02:00']"])
def test_paths_that_are_none_are_refused(lab, own, path):
    before = own.configuration()
    reply = own.data("PUT", NACM, {NACM: {"rule-list": [{"name": "x", "group": ["*"], "rule": [rule("x", path=path)]}]}})
    assert reply.status == 400, reply.text
    assert own.configuration() == before


def test_keys_of_rules_have_many_spellings(lab, own):
    """As those of data do: 02:...:AA is the entry 02:...:aa."""
    own.do("br1 ports add p1")
    user = User(own)
    for written, asked in (("02:00:00:00:00:AA", "02:00:00:00:00:aa"), ("02:00:00:00:00:aa", "02:00:00:00:00:AA")):
        set_rules(own, rule("keep", "deny", path=f"/simplebridge:simplebridge/fdb/entry[address='{written}']"), rule("all"))
        refused(user.data("POST", f"{BRIDGE}=br1/fdb", {"simplebridge:entry": [{"address": asked, "port": "p1"}]}))
        own.do("br1 fdb entry add 02:00:00:00:00:aa port=p1")
        refused(user.data("DELETE", f"{BRIDGE}=br1/fdb/entry={asked.replace(':', '%3A')}"))
        assert user.data("GET", f"{BRIDGE}=br1/fdb/entry={asked.replace(':', '%3A')}")[0] == 404
        own.do("br1 fdb entry del 02:00:00:00:00:aa")
    assert written in own.data("GET", NACM).text, "it is shown as it was written"


def test_the_whole_configuration_can_be_put_back(lab, own):
    set_rules(own, rule("x", path="/helloworld:helloworld"))
    saved = own.data("GET", "?content=config").json
    own.data("DELETE", NACM)
    assert own.data("PUT", body=saved).status == 204
    assert own.data("GET", "?content=config").json == saved
    del saved["ietf-restconf:data"][NACM]
    assert own.data("PUT", body=saved).status == 204
    assert NACM in own.data("GET", "?content=config").json["ietf-restconf:data"], "rules go by name only"


def test_polycubectl_shows_and_sets_rules(lab, own):
    assert "administrators" in own.do("nacm show")
    own.do("nacm groups group add ops")
    own.do("nacm set read-default=deny")
    assert own.do("nacm read-default show").strip() == "deny"
    own.do("nacm rule-list add ops")
    own.do("nacm rule-list ops rule add look action=permit access-operations=read")
    assert "look" in own.do("nacm rule-list ops show")
    own.do("nacm rule-list del ops")


def test_daemons_are_apart(lab, own):
    """The rules of one are not those of another."""
    other = Lab.open()
    try:
        second = other.daemon("--group", GROUP)
        own.data("DELETE", NACM)
        assert User(second).data("POST", body={HELLO: [{"name": "hw1"}]})[0] == 201
    finally:
        other.close()


def test_metrics_are_for_who_may_read_the_status(lab, own):
    user = User(own)
    set_rules(own, rule("status", "deny", module_name="polycube", path="/polycube:status", access_operations="read"))
    assert "who may not read polycube:status" in refused(user.rest("GET", "/metrics"))
    assert user.rest("GET", "/polycube/v1/metrics")[0] == 403
    assert own.rest("GET", "/metrics").status == 200


def test_notifications_follow_the_rules(lab, own):
    """Without a rule for it nobody hears of changes, as nobody may read the history; a rule can hide a port's state, too."""
    station = lab.station("a")
    user = User(own)
    own.data("DELETE", NACM)
    words = user.words[:user.words.index("/usr/bin/python3")]
    with subprocess.Popen([*words, "curl", "-sN", "--unix-socket", str(own.socket), "http://localhost/restconf/streams/NETCONF"],
                          stdout=subprocess.PIPE, text=True) as stream:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(stream.stdout.readline, "")))
        reader.start()
        try:
            def told():
                own.do(f"hw1 ports p1 set peer={station.port}")
                own.do("hw1 ports p1 set peer=")
                return [line for line in lines if line.startswith("data:")]

            eventually(told, "a notification comes")
            assert all("polycube:port-state-change" in line for line in told())
            denied = own.data("GET", f"{NACM}/denied-notifications").json
            assert list(denied.values())[0] >= 1
        finally:
            stream.terminate()
            reader.join()

