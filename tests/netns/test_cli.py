# SPDX-License-Identifier: Apache-2.0
"""polycubectl: forms of the grammar, output formats and exit codes."""

import json
import os
import re
import subprocess

import pytest
import yaml

from daemon import POLYCUBECTL

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
