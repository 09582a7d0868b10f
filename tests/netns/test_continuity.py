# SPDX-License-Identifier: Apache-2.0
"""Packets are forwarded while there is no daemon, and while the next one takes over: none is lost, and no table."""

import http.client
import json
import os
import random
import subprocess
import threading
import time
from pathlib import Path

import pytest

from chains import helloworld, simplebridge
from daemon import ROOT, Daemon
from network import eventually, run
from packages import package

SEED = int(os.environ.get("POLYCUBE_TEST_SEED", "1"))
ROUNDS = int(os.environ.get("POLYCUBE_TEST_KILLS", "10"))


@pytest.fixture
def keeper(lab):
    """A daemon that leaves everything behind."""
    daemon = lab.daemon(clean=False)
    lab.closing(lambda: end_everything(daemon))
    return daemon


def end_everything(daemon):
    """A last daemon that takes over, and takes it all down."""
    if daemon.running():
        daemon.stop()
    daemon.options.append("--clean-on-exit")
    daemon.start()
    daemon.stop()


def pinned(daemon):
    return sorted(str(path.relative_to(daemon.pins)).rpartition("~")[0] for path in daemon.pins.rglob("*")
                  if not path.is_dir())


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_forwarding_goes_on(lab, keeper, hook, kill):
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    daemon = keeper
    simplebridge(daemon, "br1", hook, a.port)
    helloworld(daemon, "h1", hook, None, b.port)
    daemon.do("br1 ports add p2 peer=h1:p1")
    daemon.do("h1 ports p1 set peer=br1:p2")
    a.ping(b)
    before, devices = pinned(daemon), set(lab.host.devices())
    flow = lab.flow(a, b)
    for _ in range(3):
        if kill:
            daemon.kill()
        else:
            assert daemon.stop() == 0
        a.ping(b)
        daemon.start()
        a.ping(b)
        assert pinned(daemon) == before
        assert len(lab.host.devices()) == len(devices), "the injectors of daemons before are gone"
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    # It can be changed, and rewired, as ever.
    daemon.do("h1 set action=drop")
    assert a.ping(b, check=False) == 5
    daemon.do("h1 set action=forward")
    a.ping(b)
    daemon.do("h1 del")
    assert a.ping(b, check=False) == 5
    daemon.do("br1 del")
    eventually(lambda: not [name for name in pinned(daemon) if not name.startswith(("programs", "devices"))],
               "nothing is left of the cubes")


def test_what_was_learnt_stays(lab, keeper, hook):
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    simplebridge(daemon, "br1", hook, a.port, b.port)
    daemon.do("br1 fdb entry add 02:00:00:00:00:77 port=p1")
    a.ping(b)

    def entries():
        return sorted((entry["address"], entry["port"]) for entry in
                      daemon.data("GET", "simplebridge:simplebridge=br1/fdb/entry").json["simplebridge:entry"])

    before = entries()
    assert (a.mac, "p1") in before and (b.mac, "p2") in before, before
    daemon.do("br1 fdb entry del 02:00:00:00:00:77")
    before.remove(("02:00:00:00:00:77", "p1"))
    for kill in (True, False):
        daemon.kill() if kill else daemon.stop()
        daemon.start()
        assert entries() == before
    daemon.do("br1 del")
    daemon.do(f"simplebridge add br1 type={hook}")
    daemon.stop()
    daemon.start()
    assert "02:00" not in daemon.do("br1 fdb show"), "another cube by the same name has nothing of it"


def test_counters_go_on(lab, keeper, hook):
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    helloworld(daemon, "h1", hook, a.port, b.port)
    a.ping(b, count=20)

    def received():
        return daemon.data("GET", "polycube:cubes/cube=h1/ports=p1/in-pkts").json["polycube:in-pkts"]

    before = int(received())
    assert before >= 20
    daemon.kill()
    a.ping(b, count=20)
    daemon.start()
    assert int(received()) >= before + 20, "those that came while there was no daemon count"


def test_counters_of_a_port_that_took_the_place_of_another_go_on(lab, keeper, hook):
    """They begin with zero, also for the daemon that comes next."""
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    helloworld(daemon, "h1", hook, a.port, b.port)
    a.ping(b, count=100, interval=0.01)
    daemon.do("h1 ports del p1")
    daemon.do(f"h1 ports add new peer={a.port}")
    a.ping(b)

    def received():
        return int(daemon.data("GET", "polycube:cubes/cube=h1/ports=new/in-pkts").json["polycube:in-pkts"])

    before = received()
    assert before < 100
    daemon.kill()
    daemon.start()
    assert before <= received() < 100


def test_what_is_not_wanted_any_more_goes(lab, keeper, hook):
    """A daemon that begins empty takes down what the one before left."""
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    simplebridge(daemon, "br1", hook, a.port, b.port)
    a.ping(b)
    devices = set(lab.host.devices())
    daemon.kill()
    a.ping(b)
    assert set(lab.host.devices()) == devices
    daemon.options.append("--clean")
    daemon.start()
    assert a.ping(b, check=False) == 5
    assert not [name for name in pinned(daemon) if not name.startswith("programs/pcn_panel")]
    assert set(lab.host.devices()) == lab.host_devices
    daemon.options.remove("--clean")


def test_devices_that_went_meanwhile(lab, keeper, hook):
    a, b, c = lab.station("a"), lab.station("b"), lab.station("c")
    daemon = keeper
    simplebridge(daemon, "br1", hook, a.port, b.port, c.port)
    a.ping(b)
    daemon.kill()
    lab.unwire(b)
    a.ping(c)
    lab.wire(b)
    daemon.start()
    a.ping(b)
    a.ping(c)
    assert not [name for name in pinned(daemon) if name.startswith("links")
                and lab.host.run("ip", "-o", "link").count(name.split("/")[1].split("-")[0] + ":") == 0]


def test_pins_that_somebody_removed_or_replaced(lab, keeper, hook):
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    simplebridge(daemon, "br1", hook, a.port, b.port)
    a.ping(b)
    files = [path for path in daemon.pins.rglob("*") if not path.is_dir()]
    entry = next(path for path in files if path.name.startswith("fdb"))
    link = next(path for path in files if path.parent.name == "links")
    entry.unlink()
    run("bpftool", "map", "create", entry, "type", "array", "key", 4, "value", 8, "entries", 1, "name", "foreign")
    link.unlink()
    a.ping(b)
    daemon.kill()
    daemon.start()
    a.ping(b)
    assert "begins empty" in daemon.log_text()
    (daemon.pins / "strange").mkdir()
    daemon.kill()
    for path in [path for path in daemon.pins.rglob("*") if not path.is_dir()]:
        path.unlink()
    daemon.start()
    a.ping(b)


def test_one_daemon_has_the_pins(lab, keeper):
    other = Daemon(lab, clean=False)
    other.options[other.options.index("--pin-dir") + 1] = str(keeper.pins)
    other.spawn()
    assert other.process.wait(20) == 1
    assert f"{keeper.pins} is used by another daemon" in other.log_text()


def test_pins_need_their_file_system(lab):
    daemon = Daemon(lab, clean=False)
    daemon.options[daemon.options.index("--pin-dir") + 1] = str(lab.folder / "pins")
    daemon.spawn()
    assert daemon.process.wait(20) == 1
    assert "is not in a BPF file system" in daemon.log_text() and "--transient" in daemon.log_text()


def test_killed_at_random(lab, keeper, hook):
    """In the middle of transactions and of taking over; what was answered is there again, and no packet is lost."""
    choose = random.Random(f"{SEED} {hook}")
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    daemon = keeper
    simplebridge(daemon, "br1", hook, a.port)
    helloworld(daemon, "h1", hook, None, b.port)
    daemon.do("br1 ports add p2 peer=h1:p1")
    daemon.do("h1 ports p1 set peer=br1:p2")
    flow = lab.flow(a, b)
    wanted, unsure = set(), None
    for number in range(ROUNDS):
        stop = threading.Event()

        def change():
            nonlocal unsure
            while not stop.is_set():
                name = f"x{choose.randrange(8)}"
                unsure = name
                try:
                    if name in wanted:
                        status = daemon.data("DELETE", f"simpleforwarder:simpleforwarder={name}").status
                    else:
                        status = daemon.data("POST", "", {"simpleforwarder:simpleforwarder": [
                            {"name": name, "type": hook, "ports": [{"name": "p1"}, {"name": "p2"}],
                             "actions": [{"inport": "p1", "action": "forward", "outport": "p2"}]}]}).status
                except (OSError, http.client.HTTPException):
                    return
                assert status in (201, 204)
                wanted.symmetric_difference_update({name})
                unsure = None

        writer = threading.Thread(target=change)
        writer.start()
        time.sleep(choose.uniform(0, 0.1))
        daemon.kill()
        stop.set()
        writer.join()
        if choose.random() < 0.5:  # and again, while it takes over
            daemon.spawn()
            time.sleep(choose.uniform(0, 0.3))
            daemon.kill()
        daemon.start()
        cubes = daemon.data("GET", "simpleforwarder:simpleforwarder")
        there = {cube["name"] for cube in cubes.json["simpleforwarder:simpleforwarder"]} if cubes.status == 200 else set()
        assert there in (wanted, wanted ^ {unsure}), f"round {number}"
        wanted, unsure = there, None
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"
    a.ping(b)
    for name in list(wanted):
        daemon.do(f"{name} del")
    assert sorted(set(name.split("/")[1] for name in pinned(daemon) if name.startswith("tables"))) == sorted(
        cube["uuid"] for cube in daemon.data("GET", "polycube:cubes").json["polycube:cubes"]["cube"])


def other_version(folder, header):
    """A simplebridge whose header was changed by these replacements."""
    text = (ROOT / "cubes/simplebridge/abi/simplebridge.h").read_text()
    for old, new in header.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "abi").mkdir(parents=True)
    (folder / "abi/simplebridge.h").write_text(text)
    source = folder / "simplebridge.bpf.c"
    source.write_text((ROOT / "cubes/simplebridge/bpf/simplebridge.bpf.c").read_text())
    package(folder / "services", "simplebridge", (ROOT / "cubes/simplebridge/simplebridge.yang").read_text(), source)
    return folder / "services"


# The same, then with other offsets, sizes and one field more.
VERSIONS = [{"#define FDB_ENTRIES 65536": "#define FDB_ENTRIES 32768"},
            {"__u64 last_seen;": "__u32 port;", "__u32 port; /* port index */": "__u64 packets; __u64 last_seen;",
             "__u32 reserved;": "__u16 reserved;", "== 16, \"no padding\"": "== 32, \"padding\""}]


def test_upgraded_to_other_fast_paths(lab, keeper, hook):
    """What was learnt is found in the tables of the new version; packets meet the old one or the new one."""
    a, b = lab.station("a"), lab.station("b")
    a.neighbours(b)
    b.neighbours(a)
    daemon = keeper
    simplebridge(daemon, "br1", hook, a.port, b.port)
    daemon.do("br1 fdb set aging-time=1000")
    daemon.do("br1 fdb entry add 02:00:00:00:00:77 port=p1")
    a.ping(b)

    def entries():
        return sorted((entry["address"], entry["port"]) for entry in
                      daemon.data("GET", "simplebridge:simplebridge=br1/fdb/entry").json["simplebridge:entry"])

    before = entries()
    assert len(before) == 3
    flow = lab.flow(a, b)
    for number, header in enumerate([*VERSIONS, *VERSIONS]):
        services = other_version(lab.folder / f"version{number}", header)
        daemon.options = [word for word in daemon.options if word != "--services-dir" and "version" not in word]
        daemon.options += ["--services-dir", str(services)]
        daemon.kill() if number % 2 else daemon.stop()
        daemon.start()
        assert entries() == before
        assert "table fdb of the master of cube br1 has another form than before: 3 entries were taken over" in \
            daemon.log_text().rpartition("is ready")[0]
    sent, lost, duplicated = flow.stop()
    assert (lost, duplicated) == (0, 0), f"of {sent}"


def kill_at(daemon, call, request):
    """kill -9 as soon as a request makes the daemon do this system call."""
    with subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                           f"inject={call}:signal=KILL", "-p", str(daemon.pid)]) as tracer:
        threads = Path(f"/proc/{daemon.pid}/task")
        eventually(lambda: all("TracerPid:\t0" not in (thread / "status").read_text() for thread in threads.iterdir()),
                   "strace is there")
        with pytest.raises((OSError, http.client.HTTPException)):
            request()
        assert daemon.process.wait(20) == -9
        tracer.wait(20)


def test_what_was_written_and_never_saved_is_put_back(lab, keeper):
    """Killed when the tables are written, and the database is about to be."""
    a, b = lab.station("a"), lab.station("b")
    daemon = keeper
    simplebridge(daemon, "br1", "TC", a.port, b.port)
    daemon.do("br1 fdb entry add 02:00:00:00:00:77 port=p1")
    before = daemon.configuration()[0]
    fdb = daemon.do("br1 fdb show")
    daemon.objects()
    change = {"simplebridge:fdb": {"entry": [{"address": "02:00:00:00:00:77", "port": "p2"},
                                             {"address": "02:00:00:00:00:78", "port": "p2"}]}}
    kill_at(daemon, "pwrite64", lambda: daemon.data("PATCH", "simplebridge:simplebridge=br1/fdb", change))
    note = daemon.state / "configuration.db-intent"
    intent = json.loads(note.read_text())
    assert len(intent["elements"]) == 2
    table = next(path for path in (daemon.pins / "tables").rglob("fdb~*"))

    def addresses():
        """Last octets of the addresses that the kernel's table has."""
        return [entry["key"][-1] for entry in json.loads(run("bpftool", "-j", "map", "dump", "pinned", table))]

    def changed(**values):
        return json.dumps({**intent, **values})

    written = [[cube, table, "another" + layout, key, value] for cube, table, layout, key, value in intent["elements"]]
    assert sorted(addresses()) == ["0x77", "0x78"], "what was written is in the table"
    for text, why in ((changed(boot="of another run of the machine"), "that was long ago, and its tables are gone"),
                      (changed(revision=intent["revision"] - 1), "the transaction was saved"),
                      (changed(elements=written), "the table had another form")):
        note.write_text(text)
        daemon.start()
        assert "02:00:00:00:00:78" in daemon.do("br1 fdb show"), why
        assert daemon.stop() == 0
    assert "table fdb of cube br1 had another form" in daemon.log_text()
    note.write_text(json.dumps(intent))
    daemon.start()
    assert daemon.configuration()[0] == before and daemon.do("br1 fdb show") == fdb
    daemon.do("br1 fdb entry add 02:00:00:00:00:78 port=p2")
    assert daemon.stop() == 0
    daemon.start()
    assert "02:00:00:00:00:78" in daemon.do("br1 fdb show"), "it is put back once"
