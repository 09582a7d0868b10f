# SPDX-License-Identifier: Apache-2.0
"""What somebody else does to pins, attachments and the state folder: polycubed says so, mends what it can, and goes on."""

import json
import os
import shutil

import pytest

from bpfobjects import bpftool
from chains import simplebridge
from daemon import Daemon
from faults import Fault
from network import eventually, run

MENDED = 30  # seconds; it looks every 10


@pytest.fixture
def bridged(lab):
    """A bridge between two stations with a flow; it must lose nothing unless the test says otherwise."""
    daemon = lab.daemon(clean=False)
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    simplebridge(daemon, "br1", "TC", a.port, b.port)
    daemon.do("br1 fdb entry add 02:00:00:00:00:77 port=p1")
    a.ping(b)
    yield daemon, a, b
    if daemon.running():
        daemon.stop()
    daemon.options.append("--clean-on-exit")
    daemon.start()
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


def problems(daemon):
    code, text = daemon.ctl("status", "show", "-json")
    found = {problem["kind"]: problem for problem in json.loads(text).get("problem", [])}
    assert code == (1 if found else 0)
    return found


def pins(daemon, name=""):
    return sorted(path for path in daemon.pins.rglob("*") if not path.is_dir() and path.name.startswith(name))


def entries(daemon):
    return sorted((entry["address"], entry["port"]) for entry in
                  daemon.data("GET", "simplebridge:simplebridge=br1/fdb/entry").json["simplebridge:entry"])


def link_pins(daemon):
    return sorted((daemon.pins / "links").iterdir())


def another_map(path):
    path.unlink()
    run("bpftool", "map", "create", path, "type", "array", "key", 4, "value", 8, "entries", 1, "name", "foreign")


def remove_one_link(lab, daemon, a):
    link_pins(daemon)[0].unlink()


def remove_a_table(lab, daemon, a):
    pins(daemon, "fdb")[0].unlink()


def remove_all(lab, daemon, a):
    shutil.rmtree(daemon.pins)


def replace_by_a_map(lab, daemon, a):
    another_map(pins(daemon, "fdb")[0])
    another_map(link_pins(daemon)[0])


def replace_by_a_program(lab, daemon, a):
    foreign = lab.foreign(a.ns, "eth0", "tcx")
    for path in (pins(daemon, "fdb")[0], link_pins(daemon)[0]):
        path.unlink()
        run("bpftool", "prog", "pin", "pinned", foreign.pins / "program", path)


def replace_by_a_link(lab, daemon, a):
    """Of another device."""
    mine, other = link_pins(daemon)
    mine.unlink()
    run("bpftool", "link", "pin", "id", bpftool("link", "show", "pinned", str(other))["id"], mine)


def replace_by_a_folder(lab, daemon, a):
    path = link_pins(daemon)[0]
    path.unlink()
    path.mkdir()
    (daemon.pins / "strange").mkdir()
    (daemon.pins / "strange/thing").mkdir()


WAYS = [remove_one_link, remove_a_table, remove_all, replace_by_a_map, replace_by_a_program, replace_by_a_link,
        replace_by_a_folder]


def names(daemon):
    return sorted(str(path.relative_to(daemon.pins)) for path in pins(daemon))


@pytest.mark.parametrize("tamper", WAYS)
def test_a_daemon_that_goes_on(lab, bridged, tamper):
    daemon, a, b = bridged
    before, learned = names(daemon), entries(daemon)
    flow = lab.flow(a, b, rate=500)
    assert not problems(daemon)
    tamper(lab, daemon, a)
    found = problems(daemon)
    assert list(found) == ["pins-missing"] and str(daemon.pins) in found["pins-missing"]["message"], found
    a.ping(b)
    daemon.do("br1 ports add p9")
    daemon.do("br1 ports del p9")
    if tamper is replace_by_a_folder:
        eventually(lambda: "is in the way" in daemon.log_text(), "it says what is in the way", timeout=MENDED)
        assert problems(daemon)
        next(path for path in (daemon.pins / "links").iterdir() if path.is_dir()).rmdir()
    eventually(lambda: not problems(daemon), "it is pinned again", timeout=MENDED, interval=0.2)
    assert names(daemon) == before
    daemon.kill()
    a.ping(b)
    daemon.start()
    assert entries(daemon) == learned
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"


# With its last descriptor and its pin, an attachment goes.
CUT = {remove_one_link, remove_all, replace_by_a_map, replace_by_a_program, replace_by_a_link, replace_by_a_folder}


@pytest.mark.parametrize("tamper", WAYS)
def test_a_daemon_that_is_killed_then(lab, bridged, tamper):
    daemon, a, b = bridged
    flow = lab.flow(a, b, rate=500)
    tamper(lab, daemon, a)
    daemon.kill()
    daemon.start()
    a.ping(b)
    assert not problems(daemon)
    assert ("02:00:00:00:00:77", "p1") in entries(daemon), "what was configured is there"
    lost = flow.lost()
    assert lost == 0 or tamper in CUT, f"{lost} lost"
    assert "strange" not in os.listdir(daemon.pins)
    daemon.do("br1 ports add p9")
    a.ping(b)


def test_an_unmounted_file_system(lab):
    folder = lab.folder / "bpf"
    folder.mkdir()
    run("mount", "-t", "bpf", "bpf", folder)
    lab.closing(lambda: run("umount", "-l", folder, check=False))
    daemon = Daemon(lab, clean=False)
    daemon.pins = folder / "polycube"
    daemon.options[daemon.options.index("--pin-dir") + 1] = str(daemon.pins)
    daemon.start()
    a, b = lab.station("a"), lab.station("b")
    simplebridge(daemon, "br1", "TC", a.port, b.port)
    a.ping(b)
    before = names(daemon)
    flow = lab.flow(a, b, rate=500)
    run("umount", "-l", folder)
    advice = problems(daemon)["pins-missing"]["advice"]
    assert f"mount -t bpf bpf {folder}" in advice
    # Nothing new can be pinned, and a change that needs none is done.
    daemon.do("br1 fdb set aging-time=77")
    code, text = daemon.ctl("helloworld", "add", "h1")
    assert code == 2 and str(folder) in text, text
    eventually(lambda: "is not in a BPF file system" in daemon.log_text(), "it says why", timeout=MENDED)
    run("mount", "-t", "bpf", "bpf", folder)
    eventually(lambda: not problems(daemon), "it is pinned again", timeout=MENDED, interval=0.2)
    assert names(daemon) == before
    daemon.do("helloworld add h1")
    daemon.kill()
    a.ping(b)
    daemon.start()
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    assert daemon.stop() == 0
    daemon.options.append("--clean-on-exit")
    daemon.start()
    assert daemon.stop() == 0


@pytest.mark.parametrize("mended_by", ["time", "change", "successor"])
def test_a_detached_program(lab, bridged, mended_by):
    daemon, a, b = bridged
    run("bpftool", "link", "detach", "pinned", link_pins(daemon)[0])
    found = problems(daemon)
    assert list(found) == ["device-detached"], found
    assert a.port in found["device-detached"]["message"] or b.port in found["device-detached"]["message"]
    if mended_by == "change":
        daemon.do("br1 ports add p9")
    elif mended_by == "successor":
        daemon.kill()
        daemon.start()
    eventually(lambda: not problems(daemon), "it is attached again", timeout=MENDED, interval=0.2)
    a.ping(b)
    assert len(link_pins(daemon)) == 2


def test_what_others_cannot_detach(lab, hook):
    """The kernel keeps links from those who do not own them."""
    daemon = lab.daemon()
    a, b = lab.station("a"), lab.station("b")
    simplebridge(daemon, "br1", hook, a.port, b.port)
    flow = lab.flow(a, b, rate=500)
    lab.host.run("tc", "qdisc", "add", "dev", a.port, "clsact")
    lab.host.run("tc", "qdisc", "del", "dev", a.port, "clsact")
    for mode in ("xdp", "xdpgeneric", "xdpdrv"):
        lab.host.run("ip", "link", "set", "dev", a.port, mode, "off", check=False)
    assert not problems(daemon)
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"


@pytest.mark.parametrize("what", ["folder", "database", "log of the database"])
def test_a_state_folder_that_is_removed(lab, bridged, what):
    daemon, a, b = bridged
    flow = lab.flow(a, b, rate=500)
    before = daemon.configuration()
    if what == "folder":
        shutil.rmtree(daemon.state)
    else:
        (daemon.state / ("configuration.db" + ("-wal" if what.startswith("log") else ""))).unlink()
    found = problems(daemon)["not-saved"]
    assert "was removed or replaced while polycubed runs" in found["message"]
    code, text = daemon.ctl("br1", "ports", "add", "p9")
    assert code == 2 and "was removed or replaced" in text and "polycubectl save" in text, text
    assert daemon.configuration() == before
    # What it advises is the way out.
    kept = lab.folder / "kept.yaml"
    daemon.do(f"save {kept}")
    assert flow.lost() == 0
    daemon.stop()
    daemon.start()
    daemon.do(f"apply {kept}")
    assert daemon.configuration()[0]["ietf-restconf:data"].keys() == before[0]["ietf-restconf:data"].keys()
    assert not problems(daemon)
    a.ping(b)
    daemon.do("br1 ports add p9")


def test_a_file_system_that_becomes_read_only(lab, bridged):
    daemon, a, b = bridged
    flow = lab.flow(a, b, rate=500)
    before = daemon.configuration()
    with Fault(daemon, "pwrite64", "EROFS", 1, forever=True):
        reply = daemon.data("DELETE", "simplebridge:simplebridge=br1")
    assert reply.status == 500 and "the file system is read-only" in reply.error["error-message"], reply.text
    assert "read-only" in problems(daemon)["not-saved"]["message"]
    assert daemon.configuration() == before
    daemon.do("br1 ports add p9")
    assert not problems(daemon)
    assert flow.lost() == 0


def test_a_state_folder_that_is_read_only(lab):
    daemon = lab.daemon(clean=False)
    assert daemon.stop() == 0
    run("mount", "--bind", daemon.state, daemon.state)
    lab.closing(lambda: run("umount", daemon.state, check=False))
    run("mount", "-o", "remount,bind,ro", daemon.state)
    daemon.spawn()
    assert daemon.process.wait(20) == 1
    assert f"{daemon.state}" in daemon.log_text() and "Read-only file system" in daemon.log_text()
    run("umount", daemon.state)
    daemon.options.append("--clean-on-exit")
    daemon.start()
    assert daemon.stop() == 0
