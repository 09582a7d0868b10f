# SPDX-License-Identifier: Apache-2.0
"""polycubectl: forms of the grammar, output formats and exit codes."""

import json
import os
import re
import subprocess

import pytest
import yaml

from daemon import POLYCUBECTL
from network import eventually

SYNTAX_ERROR, UNREACHABLE, REFUSED = 3, 1, 2


@pytest.fixture
def net(lab, daemon):
    """A daemon, with devices va and vb."""
    lab.station("a")
    lab.station("b")
    return daemon


def refused(daemon, line, *parts, code=REFUSED):
    actual, output = daemon.ctl(*line.split())
    assert actual == code, f"{line}: {actual}\n{output}"
    for part in parts:
        assert part in output, f"{line}: {output}"
    return output


def rows(text):
    return [line.split() for line in text.splitlines() if line.strip()]


def test_success_is_silent(net):
    for line in ("simplebridge add sb1", "sb1 ports add p1 peer=va", "sb1 ports add p2", "connect sb1:p2 vb",
                 "sb1 ports p2 set peer=", "sb1 fdb set aging-time=60", "sb1 fdb entry add 02:00:00:00:00:01 port=p1",
                 "sb1 fdb entry del 02:00:00:00:00:01", "sb1 ports del p2", "del sb1"):
        assert net.do(line).strip() == "", line


def test_static_entries_are_of_stations(net):
    net.do("simplebridge add sb1")
    net.do("sb1 ports add p1")
    before = net.configuration()
    for address in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"):
        refused(net, f"sb1 fdb entry add {address} port=p1", "A station's address is unicast")
    assert net.configuration() == before


@pytest.mark.parametrize("line", ["helloworld add hw1", "helloworld hw1 add", "add helloworld hw1"])
def test_word_orders_of_add(net, line):
    net.do(line)
    assert net.do("hw1 name show").strip() == "hw1"


def test_without_a_command_is_add(net):
    net.do("helloworld hw1")
    net.do("hw1 ports p1 peer=va")
    assert net.do("hw1 ports p1 peer show").strip() == "va"


def test_errors_go_to_standard_output_and_error(net):
    net.do("helloworld add h")
    for line, code in (("helloworld add h", REFUSED), ("h ports add p peer=nosuch", REFUSED), ("nosuch show", REFUSED),
                       ("h show -json -yaml", SYNTAX_ERROR), ("nosuch show -json", REFUSED)):
        status, output = net.ctl(*line.split())
        assert status == code and output.endswith("\n") and net.last_stderr == output, line
    nowhere = {"POLYCUBECTL_URL": "http+unix:///nowhere/at/all"}
    status, output = net.ctl("version", environment=nowhere)
    assert status == UNREACHABLE
    assert output.startswith("polycubectl:\n version: ") and output.endswith(net.last_stderr)
    assert "Cannot contact" in net.last_stderr
    net.do("h show")
    assert net.last_stderr == ""
    both = subprocess.run([POLYCUBECTL, "nosuch", "show"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "POLYCUBECTL_URL": f"http+unix://{net.socket}"})
    assert both.stdout.count("nosuch") == 1, "where both lead to one place it is there once"


def test_misspelt_commands(net):
    net.do("helloworld add h")
    for line, verb in (("helloworld create hw1", "add"), ("h ports dl p1", "del"), ("h shwo", "show"),
                       ("shwo h", "show")):
        refused(net, line, f"did you mean the command {verb} instead of")
    refused(net, "helloworld ad", "did you mean the command add instead of ad?", code=SYNTAX_ERROR)
    refused(net, "helloworld shwo", "did you mean the command show instead of", code=SYNTAX_ERROR)


def test_word_orders_of_show_and_del(net):
    net.do("helloworld add hw1")
    net.do("hw1 ports add p1")
    assert net.do("hw1 show ports") == net.do("hw1 ports show") == net.do("helloworld hw1 ports show")
    for line in ("hw1 ports del p1", "hw1 del ports p1", "del hw1 ports p1"):
        net.do(line)
        net.do("hw1 ports add p1")
    for line in ("del hw1", "hw1 del", "helloworld del hw1"):
        net.do(line)
        net.do("helloworld add hw1")


def test_create_with_leaves_and_in_any_letter_case(net):
    net.do("helloworld add hw1 type=XDP_SKB loglevel=debug action=Forward")
    assert net.do("hw1 type show").strip() == "XDP_SKB"
    assert net.do("hw1 loglevel show").strip() == "DEBUG", "base enumerations are shown in upper case"
    assert net.do("hw1 action show").strip() == "forward", "those of services in lower case"


def test_set_forms(net):
    net.do("simplebridge add sb1")
    net.do("sb1 ports add p1 peer=va")
    net.do("sb1 set loglevel=TRACE fdb.aging-time=77")
    assert net.do("sb1 fdb aging-time show").strip() == "77"
    assert net.do("sb1 ports p1 peer show").strip() == "va"
    net.do("sb1 ports p1 set peer=")
    assert net.do("sb1 ports p1 peer show").strip() == ""
    assert net.port_status("sb1", "p1") == "DOWN"
    net.do("set sb1 ports p1 peer=vb")
    assert net.port_status("sb1", "p1") == "UP"


def test_values_are_typed_by_the_model(net):
    """What looks like a number or a truth is a name where the model says so."""
    for name in ("1", "true", "1e5", "0x10", "inf"):
        net.do(f"helloworld add {name}")
        net.do(f"helloworld {name} ports add 10")
        assert net.do(f"helloworld {name} name show").strip() == name
        net.do(f"helloworld del {name}")


def test_delete_of_a_list_and_a_cube(net):
    net.do("simpleforwarder add sf1")
    for name in "ab":
        net.do(f"sf1 ports add {name}")
        net.do(f"sf1 actions add {name} action=DROP")
    assert len(rows(net.do("sf1 actions show"))) == 3, "a heading and a row an entry"
    net.do("sf1 actions del")
    assert json.loads(net.do("sf1 show -json")).get("actions", []) == []
    net.do("sf1 ports a set peer=va")
    net.do("del sf1")
    refused(net, "sf1 show")
    net.do("helloworld add hw1")
    net.do("hw1 ports add p peer=va")
    net.do("hw1 ports add q")
    for line in ("hw1 ports ?", "hw1 ports del ?", "helloworld del ?"):
        assert "Without a key, all entries are deleted." in net.do(line), line
    net.do("hw1 ports del")
    assert net.do("hw1 ports show -json").strip() == "[]"


def test_actions(net):
    net.do("simplebridge add sb1")
    assert "true" in net.do("sb1 fdb flush")


def test_connect_and_disconnect(net):
    net.do("helloworld add h1")
    net.do("helloworld add h2")
    net.do("h1 ports add p")
    net.do("h2 ports add p")
    net.do("connect h1:p h2:p")
    assert net.do("h1 ports p peer show").strip() == "h2:p"
    assert net.do("h2 ports p peer show").strip() == "h1:p"
    assert net.port_status("h1", "p") == net.port_status("h2", "p") == "UP"
    refused(net, "connect h1:p va", "already has a peer")
    net.do("disconnect h1:p h2:p")
    assert net.port_status("h1", "p") == net.port_status("h2", "p") == "DOWN"
    refused(net, "disconnect h1:p h2:p", "is not connected to")
    net.do("h1 ports p set peer=h2:p")
    assert net.port_status("h1", "p") == "DOWN", "one side is not enough"
    net.do("h2 ports p set peer=h1:p")
    assert net.port_status("h1", "p") == "UP"


def test_connect_undoes_the_first_side_when_the_second_fails(net):
    net.do("helloworld add h1")
    net.do("h1 ports add p")
    before = net.configuration()
    refused(net, "connect h1:p nosuch:p", "nosuch")
    refused(net, "connect h1:p nosuch", "nosuch")
    refused(net, "connect va vb")
    assert net.configuration() == before


YAML = """
- service-name: simplebridge
  name: br1
  ports:
    - name: up
      peer: h1:down
    - name: a
      peer: va
- service-name: helloworld
  name: h1
  action: FORWARD
  ports:
    - name: down
      peer: br1:up
"""


@pytest.mark.parametrize("text", [YAML, json.dumps(yaml.safe_load(YAML))], ids=["yaml", "json"])
def test_cubes_add_from_a_pipe(net, text):
    assert net.do("cubes add", stdin=text).strip() == ""
    assert net.port_status("br1", "up") == net.port_status("h1", "down") == "UP"
    assert net.do("h1 action show").strip() == "forward"
    before = net.configuration()
    code, output = net.ctl("cubes", "add", stdin=text)
    assert code == REFUSED and "br1" in output
    assert net.configuration() == before


def test_cube_from_a_pipe(net):
    net.do("simplebridge add br1", stdin="loglevel: DEBUG\nports:\n  - name: p1\n    peer: va\n")
    assert net.port_status("br1", "p1") == "UP"


def shell(net, script, program="bash"):
    """A script in a folder of the test's: (exit code, what it wrote)."""
    environment = {**os.environ, "HOME": str(net.folder), "POLYCUBECTL_URL": f"http+unix://{net.socket}",
                   "PATH": f"{POLYCUBECTL.parent}:{os.environ['PATH']}"}
    done = subprocess.run([program, "-c", script], cwd=net.folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.returncode, done.stdout


def ports_of(net, cube):
    return [port["name"] for port in json.loads(net.do(f"{cube} ports show -json"))]


@pytest.mark.parametrize("program", ["bash", "dash"])
@pytest.mark.parametrize("loop", ["while read -r p; do {command} || exit; done < list",
                                  "cat list | while read -r p; do {command} || exit; done",
                                  "{{ read -r p; {command}; read -r p; {command}; read -r p; {command}; }} < list"])
@pytest.mark.parametrize("command", ["polycubectl br1 ports add $p", "timeout 60 polycubectl br1 ports add $p"])
def test_a_loop_keeps_its_standard_input(net, program, loop, command):
    net.do("simplebridge add br1")
    (net.folder / "list").write_text("p1\np2\np3\n")
    assert shell(net, loop.format(command=command), program) == (0, "")
    assert ports_of(net, "br1") == ["p1", "p2", "p3"]


@pytest.mark.parametrize("line", ["polycubectl simplebridge add br1 < file",
                                  "cat file | polycubectl simplebridge add br1",
                                  "timeout 60 polycubectl simplebridge add br1 < file",
                                  "cat file | timeout 60 polycubectl simplebridge add br1",
                                  "polycubectl simplebridge add br1 <<EOF\nports: [{name: p1}]\nEOF\n",
                                  "polycubectl simplebridge add br1 <<< 'ports: [{name: p1}]'",
                                  "polycubectl simplebridge add br1 -f file",
                                  "polycubectl simplebridge add br1 -f <(cat file)",
                                  "cat file | (sleep 0; polycubectl simplebridge add br1 -f -)",
                                  "polycubectl cubes add cubes", "cat cubes | (sleep 0; polycubectl cubes add)",
                                  "echo br1 | while read -r b; do cat file | polycubectl simplebridge add $b; done"])
def test_ways_to_give_a_document(net, line):
    (net.folder / "file").write_text("ports:\n  - name: p1\n")
    (net.folder / "cubes").write_text("- service-name: simplebridge\n  name: br1\n  ports: [{name: p1}]\n")
    assert shell(net, line) == (0, "")
    assert ports_of(net, "br1") == ["p1"]


def test_files_that_cannot_be_used(net):
    before = net.configuration()
    missing, empty, bad = (net.folder / name for name in ("missing", "empty", "bad"))
    empty.write_text("")
    bad.write_text("a: [")
    refused(net, f"cubes add {missing}", f"Cannot read the file {missing}: No such file", code=SYNTAX_ERROR)
    refused(net, f"cubes set -f {net.folder}", "Is a directory", code=SYNTAX_ERROR)
    refused(net, f"simplebridge add b -f {empty}", f"{empty} holds no document", code=SYNTAX_ERROR)
    refused(net, f"simplebridge add b -f {bad}", f"{bad}: The input is neither JSON nor YAML", code=SYNTAX_ERROR)
    refused(net, f"simplebridge add b -f {bad} type=TC", "cannot be used together", code=SYNTAX_ERROR)
    refused(net, "simplebridge add b -f", "-f needs the name of a file", code=SYNTAX_ERROR)
    assert net.configuration() == before


@pytest.mark.parametrize("text", ["{", "- a: [", "a: b: c", "\t- x", "just words", "- 1\n- 2"])
def test_bad_documents_are_syntax_errors(net, text):
    before = net.configuration()
    code, output = net.ctl("cubes", "add", stdin=text)
    assert code not in (0, UNREACHABLE) and output.strip()
    assert net.configuration() == before


def test_output_formats(net):
    net.do("cubes add", stdin=YAML)
    value = json.loads(net.do("br1 show -json"))
    assert value["name"] == "br1" and [port["name"] for port in value["ports"]] == ["up", "a"]
    assert yaml.safe_load(net.do("br1 show -yaml"))["name"] == "br1"
    text = net.do("br1 show")
    assert re.search(r"^name: br1$", text, re.M) and re.search(r"^service-name: simplebridge$", text, re.M)
    assert re.search(r"^ports:$", text, re.M) and re.search(r"^ name +uuid +status +peer", text, re.M)
    assert re.search(r"^fdb:$", text, re.M) and re.search(r"^ aging-time: 300$", text, re.M)
    assert "uuid" not in net.do("br1 show -hide=uuid,ports.uuid")
    assert re.search(r"ports: \[2 items\]", net.do("br1 show -brief"))
    assert len(rows(net.do("br1 ports show"))) == 3
    assert "up" in net.do("br1 ports show -brief")
    assert net.do("br1 ports a peer show") in ("va\n", "va\n\n")
    shown = json.loads(net.do("br1 ports a show -json"))
    assert (shown["name"], shown["peer"], shown["status"]) == ("a", "va", "UP")


def test_global_views(net):
    net.do("cubes add", stdin=YAML)
    for line in ("cubes show", "cubes"):
        text = net.do(line)
        assert "br1" in text and "h1" in text
    assert "br1" in net.do("cubes show br1") and "h1:down" in net.do("cubes show br1 -verbose")
    assert "br1" in net.do("simplebridge show")
    services = net.do("services show")
    assert all(name in services for name in ("helloworld", "simplebridge", "simpleforwarder"))
    assert "module simplebridge" in net.do("services show simplebridge")
    assert "va" in net.do("netdevs show") and "va" in net.do("netdevs")
    assert "va" in net.do("netdevs va show")
    for line in ("topology", "topology show"):
        text = net.do(line)
        assert all(word in text for word in ("br1", "h1", "va")), text
    assert net.do("topology br1") == net.do("topology show br1") != net.do("topology h1 -json")
    version = net.do("version")
    for block in ("polycubectl", "polycubed"):
        assert re.search(rf"^{block}:\n version: \S+", version, re.M), version


def test_version_without_a_daemon(net):
    nowhere = {"POLYCUBECTL_URL": "http+unix:///nowhere/at/all"}
    code, output = net.ctl("--version", environment=nowhere)
    assert code == 0 and re.fullmatch(r"polycubectl \d+\.\d+\.\d+\n", output)


def test_help(net):
    net.do("cubes add", stdin=YAML)
    for line in (["?"], [], ["-h"], ["--help"]):
        code, output = net.ctl(*line)
        assert code == 0 and "helloworld" in output and "connect" in output, line
    text = net.do("br1 ports add ?")
    assert "<name>" in text and "peer=value" in text and "Example:" in text
    assert "aging-time=value" in net.do("br1 fdb set ?")
    assert "flush" in net.do("br1 fdb ?")
    assert "up" in net.do("br1 ports del ?")


def lists_of(node, words=()):
    """(words, node) of each list below a service's that can be configured, outer ones first."""
    for child in node["children"]:
        if not child.get("config", True):
            continue
        if child["kind"] == "list":
            yield [*words, child["name"]], child
            keys = {leaf["name"]: leaf.get("example", "1") for leaf in child["children"]}
            yield from lists_of(child, [*words, child["name"], *(keys[key] for key in child["keys"])])
        elif child["kind"] == "container":
            yield from lists_of(child, [*words, child["name"]])


def example_of(text):
    return text.split("Example:\n")[1].strip().removeprefix("polycubectl ")


def test_examples_of_help_are_accepted(net):
    """Given what they name: ports of these names."""
    net.do("helloworld add r0")
    net.do("r0 ports add port1")
    tried = []
    for service, node in net.rest("GET", "/polycube/schema").json["services"].items():
        line = example_of(net.do(f"{service} add ?"))
        assert line.startswith(f"{service} add cube1"), line
        net.do(line)
        if any(child["name"] == "ports" for child in node["children"]):
            net.do("cube1 ports add port2")
            for words, _ in lists_of(node):
                if "trunk" in words:
                    net.do("cube1 ports port1 set mode=trunk")
                line = example_of(net.do(f"cube1 {' '.join(words)} add ?"))
                code, output = net.ctl(*line.split())
                assert code == 0, f"{line}: {output}"
                tried.append(line)
        net.do("del cube1")
    assert sum(line.startswith("cube1 ports add port1 peer=r0:port1") for line in tried) >= 5, tried
    assert any("l4_proto=tcp" in line and "action=forward" in line for line in tried), tried


def test_example_goes_on_from_what_is_typed(net):
    net.do("pbforwarder add pb1")
    for port in ("port1", "port2", "other"):
        net.do(f"pb1 ports add {port}")
    text = net.do("pb1 rules add 1 in_port=other src_port=7 ?")
    line = example_of(text)
    assert line.startswith("pb1 rules add 1 in_port=other src_port=7 src_mac="), line
    net.do(line)
    for words in ("pb1 set ?", "pbforwarder add x ?", "pb1 add ?"):
        assert "shadow=" not in net.do(words) and "span=" not in net.do(words), words
    net.do("pbforwarder add pb2 shadow=false span=false")
    shown = net.do("pb1 ports port1 statistics ?")
    assert "show" in shown and not re.search("^(add|set|del) ", shown, re.M), shown


def test_flags_are_in_the_general_help(net):
    text = net.do("?")
    for flag in ("-f FILE", "-json, -yaml", "-brief", "-verbose", "-hide=", "-interval=", "-log", "-h, --help",
                 "--version"):
        assert re.search(f"^{flag}", text, re.M), flag


def test_misspelt_names(net):
    """What is not there is answered with what is."""
    for line in ("router add r1", "helloworld add hw1", "r1 ports add port1 ip=10.0.0.1/24",
                 "hw1 ports add left peer=va", "transparenthelloworld add thw1", "simpleforwarder add sf1", "sf1 ports add p1"):
        net.do(line)
    before = net.configuration()
    for line, meant in (("r11 show", "r1"), ("router r11 show", "r1"), ("routr add r2", "router"), ("del hw11", "hw1"),
                        ("router del r11", "r1"), ("r1 ports por1 show", "port1"), ("r1 ports del prt1", "port1"),
                        ("r1 ports prt1 set ip=10.0.0.2/24", "port1"), ("r1 ports port1 set per=x", "peer"),
                        ("r1 ports add port2 peer=hw1:lef", "left"), ("r1 ports add port2 peer=hw2:left", "hw1"),
                        ("r1 ports add port2 peer=vaa", "va"), ("connect r1:prt1 vb", "port1"),
                        ("connect r11:port1 vb", "r1"), ("attach thw va", "thw1"), ("attach thw1 vaa", "va"),
                        ("attach thw1 hw1:letf", "left"), ("detach thw va", "thw1"), ("topology hw11", "hw1"),
                        ("netdevs vbb show", "vb"), ("services show ruoter", "router"), ("cubes show r11", "r1"),
                        ("sf1 actions add pl action=drop", "p1")):
        assert re.search(rf"did you mean .*\b{meant}\b.*\?", refused(net, line)), line
    assert "did you mean" not in refused(net, "r1 ports add port2 peer=zzzzzzzz")
    assert net.configuration() == before


def test_a_side_of_a_link_that_is_missing_is_shown(net):
    for cube in ("h1", "h2"):
        net.do(f"helloworld add {cube}")
        net.do(f"{cube} ports add p")
    reason = "h2:p has no peer: h1:p is to be set there, too"
    net.do("h1 ports p set peer=h2:p")
    assert net.port_status("h1", "p") == "DOWN"
    assert net.do("h1 ports p status-reason show") == reason + "\n"
    assert reason in net.do("h1 ports show") and reason in net.do("h1 show")
    assert f"h2:p (one-sided: {reason})" in net.do("topology")
    net.do("h2 ports p set peer=va")
    assert net.do("h1 ports p status-reason show") == "the peer of h2:p is va, not h1:p\n"
    net.do("h2 ports p set peer=h1:p")
    assert net.port_status("h1", "p") == "UP"
    assert "status-reason" not in net.do("h1 ports show") + net.do("h2 show")
    net.do("h2 ports p set peer=vb")
    net.lab.host.run("ip", "link", "set", "vb", "down")
    eventually(lambda: net.port_status("h2", "p") == "DOWN", "the port is down")
    assert net.do("h2 ports p status-reason show") == "vb is down\n"
    net.do("del h2")
    assert net.do("h1 ports p status-reason show") == "there is no cube h2\n"


def test_entries_are_in_the_order_of_their_numbers(net):
    net.do("pbforwarder add pb1")
    numbers = [7, 100, 20, 3, 1000, 0]
    for number in numbers:
        net.do(f"pb1 rules add {number} vlan={number % 7}")
    assert [row[0] for row in rows(net.do("pb1 rules show"))[1:]] == [str(number) for number in sorted(numbers)]
    for line in ("pb1 rules show -json", "pb1 show -json", "pb1 show -yaml"):
        shown = yaml.safe_load(net.do(line))
        shown = shown if isinstance(shown, list) else shown["rules"]
        assert [rule["id"] for rule in shown] == sorted(numbers), line
    net.do("bridge add br1")
    net.do("br1 ports add p1 mode=trunk")
    for vlan in (300, 20, 1000):
        net.do(f"br1 ports p1 trunk allowed add {vlan}")
    assert rows(net.do("br1 ports p1 trunk allowed show"))[1:][-3:] == [["20"], ["300"], ["1000"]]


def test_usage_and_forms(net):
    net.do("router add r1")
    net.do("r1 ports add p1")
    refused(net, "detach a", "Bad syntax, usage: detach cube port", code=SYNTAX_ERROR)
    for value in ("10.0.0.1", "10.0.0.1/", "10.0.0/24", "10.0.0.1/33", "", "x/24"):
        refused(net, f"r1 ports p1 set ip={value}", "it is ADDRESS/LENGTH, such as 10.0.0.254/24")
    refused(net, "r1 ports set ip=10.0.0.1/24", "router r1 ports <name> set ...")
    refused(net, "r1 route add 10.9.0.0/16 10.0.0.300", "for example 10.0.0.1")


SYNTAX = [["add", "set", "x"], ["helloworld", "add", "h", "loglevel=INFO", "extra"],
          ["helloworld", "add", "h", "a=b=c"],
          ["helloworld", "add", "h", "loglevel=INFO", "loglevel=INFO"], ["connect", "a"], ["connect", "a", "b", "c"],
          ["disconnect", "a"], ["attach", "x"], ["detach"], ["attach", "a", "b", "colour=red"],
          ["attach", "a", "b", "position=middle"], ["version", "x"], ["br1", "show", "-loud"], ["br1", "-json"],
          ["br1", "show", "-json", "-yaml"], ["br1", "show", "-json", "-hide=x"], ["?", "br1"], [""],
          ["br1", "", "show"]]


@pytest.mark.parametrize("words", SYNTAX, ids=lambda words: " ".join(words) or "empty")
def test_syntax_errors_are_never_zero(net, words):
    net.do("simplebridge add br1")
    before = net.configuration()
    code, output = net.ctl(*words)
    assert code not in (0, UNREACHABLE), output
    assert output.strip()
    assert net.configuration() == before


WRONG = ["nosuchservice add x", "nosuchcube show", "helloworld add br1", "simplebridge add br1",
         "br1 ports nosuch show",
         "br1 ports add p1", "br1 ports add p2 peer=nosuch", "br1 ports add p2 peer=lo", "br1 ports add p2 colour=red",
         "br1 fdb set aging-time=soon", "br1 fdb set aging-time=-1", "br1 fdb set aging-time=99999999999",
         "br1 fdb entry add nonsense port=p1", "br1 fdb entry add 02:00:00:00:00:01",
         "br1 fdb entry add 02:00:00:00:00:01 port=no",
         "br1 set loglevel=LOUD", "br1 set type=XDP_SKB", "br1 explode", "br1 fdb explode", "del nosuchcube",
         "br1 ports del nosuch", "br1 set uuid=x", "helloworld add a/b", "helloworld add -5",
         "helloworld add x type=FAST"]


@pytest.mark.parametrize("line", WRONG)
def test_refusals_are_never_zero_and_change_nothing(net, line):
    net.do("simplebridge add br1")
    net.do("br1 ports add p1 peer=va")
    before = net.configuration()
    code, output = net.ctl(*line.split())
    assert code not in (0, UNREACHABLE), output
    assert output.strip()
    assert net.configuration() == before


def test_messages_name_what_is_wrong(net):
    net.do("helloworld add h1")
    net.do("h1 ports add p1 peer=va")
    refused(net, "h1 ports add p2 peer=nosuch", "Interface nosuch does not exist\n")
    net.lab.host.run("ip", "link", "set", "vb", "down")
    refused(net, "h1 ports add p2 peer=vb", "Interface vb is down")
    refused(net, "h1 ports add p2 peer=lo", "Interface lo is the loopback interface")
    refused(net, "h1 set span=perhaps", "'perhaps' is not a value of span: expected true or false")
    refused(net, "h1 ports add p2 peer=va", "Iface already in use")
    refused(net, "h1 ports add p2 peer=nosuch:p", "Cube nosuch does not exist")
    net.do("simpleforwarder add x1 type=XDP_SKB")
    net.do("x1 ports add p1")
    net.do("h1 ports add p2")
    refused(net, "connect h1:p2 x1:p1", "It is not possible to connect TC and XDP ports")


def test_daemon_that_is_not_there(net):
    url = {"POLYCUBECTL_URL": "http+unix:///nowhere/at/all"}
    code, output = net.ctl("cubes", "show", environment=url)
    assert code == UNREACHABLE and "Cannot contact the polycubed daemon" in output


def test_standard_input_that_is_open_and_silent_does_not_block(net):
    reader, writer = os.pipe()
    try:
        code, output = net.ctl("helloworld", "add", "hw1", "action=FORWARD", stdin=reader)
    finally:
        os.close(reader)
        os.close(writer)
    assert code == 0, output
    assert net.do("hw1 action show").strip() == "forward"


def test_topology_draws_transparent_cubes_in_the_line(net):
    net.do("helloworld add h1")
    net.do("h1 ports add p peer=va")
    net.do("h1 ports add q")
    for name in ("t1", "t2", "t3", "t4", "t5", "t6", "t7"):
        net.do(f"transparenthelloworld add {name}")
    for line in ("t2 va", "t1 va position=first", "t3 h1:p", "t4 h1:p position=first", "t5 vb", "t6 h1:q"):
        net.do(f"attach {line}")
    code, text = net.ctl("topology", environment={"LC_ALL": "C"})
    lines = [line.strip() for line in text.replace(" transparenthelloworld TC", "").splitlines()]
    assert code == 0 and lines == ["va --[t1]--[t2]--[t3]--[t4]--* p [h1 helloworld TC]", "`- q o--[t6] not connected",
                                   "vb --[t5]-- host", "[t7] not attached"], text
    assert net.do("topology t3") == net.do("topology h1") != net.do("topology t5") == net.do("topology vb")
