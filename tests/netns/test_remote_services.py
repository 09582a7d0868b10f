# SPDX-License-Identifier: Apache-2.0
"""Services whose control planes run in processes of their own: coming, dying, stalling, coming back, and being refused."""

import shutil
import socket
import subprocess
import threading
import time

import pytest
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from bpfobjects import fatal
from daemon import OBJECT_CHECK, SERVICES
from network import eventually, run
from remote import POLYCUBE_SERVICE, SAMPLE, RemoteService, cube_place, place, renamed, services_socket


@pytest.fixture
def daemon(lab):
    running = lab.daemon(remote=True)
    yield running
    if running.running():
        assert running.stop() == 0
        running.assert_nothing_left()


@pytest.fixture
def sample(lab, daemon):
    return RemoteService(lab, daemon).start()


def path(cube, *steps):
    return "/".join([f"sample:sample={cube}", *steps])


def create(daemon, name, **leaves):
    reply = daemon.data("POST", "", {"sample:sample": [{"name": name, **leaves}]})
    assert reply.status == 201, reply.text


def change(daemon, name, **leaves):
    return daemon.data("PATCH", path(name), {"sample:sample": [{"name": name, **leaves}]})


def state(daemon, cube):
    reply = daemon.data("GET", path(cube))
    assert reply.status == 200, reply.text
    return reply.json["sample:sample"][0]


def refused(daemon, service, reason):
    """The service ends by itself, with the reason, and the daemon goes on as before."""
    before = daemon.configuration()
    service.spawn()
    assert service.process.wait(30) == 1
    assert reason in service.log_text(), service.log_text()
    assert daemon.configuration() == before
    return service


# ---- coming ----------------------------------------------------------------------------------------------------------

def test_a_service_comes_at_run_time(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    daemon.do("simpleforwarder add f")
    for port, station in (("p1", a), ("p2", b)):
        daemon.do(f"f ports add {port} peer={station.port}")
    daemon.do("f actions add p1 action=FORWARD outport=p2")
    daemon.do("f actions add p2 action=FORWARD outport=p1")
    before = daemon.configuration()
    assert daemon.data("POST", "", {"sample:sample": [{"name": "s"}]}).status == 400, "there is no such service yet"
    service = RemoteService(lab, daemon).start()
    assert daemon.configuration() == before, "the configuration is the same in the new schema"
    assert "sample" in daemon.do("services show")
    assert "sample" in daemon.rest("GET", "/polycube/schema").json["services"]
    create(daemon, "s", level=3)
    assert (place(daemon, "sample"), cube_place(daemon, "s")) == ("remote", "remote")
    assert place(daemon, "helloworld") == "in-process" and place(daemon, "simplebridge") is None
    # What was there before can be read, changed and deleted as ever; its tables, too.
    daemon.do("f actions del p1")
    assert daemon.do("f actions show").split() == ["inport", "action", "outport", "p2", "forward", "p1"]
    daemon.do("f actions add p1 action=FORWARD outport=p2")
    a.ns.run("ping", "-c", "1", "-W", "2", b.ip)
    daemon.do("del f")
    assert service.stop() == 0
    service.detached()


def test_it_may_come_before_the_daemon_and_survive_it(lab, daemon, sample):
    create(daemon, "s")
    assert daemon.stop() == 0
    eventually(lambda: "not connected" in sample.log_text(), "the service notices")
    assert sample.process.poll() is None
    daemon.start()
    sample.attached()
    create(daemon, "s")


def test_what_it_sent_belongs_to_the_daemon(daemon, sample):
    folder = daemon.state / "services/sample"
    assert sorted(file.name for file in folder.iterdir()) == ["sample.tc.o", "sample.xdp.o", "sample.yang"]
    assert folder.stat().st_mode & 0o077 == 0 and folder.stat().st_uid == 0
    sample.stop()
    sample.detached()
    reply = daemon.data("POST", "", {"sample:sample": [{"name": "s"}]})
    assert reply.status == 500 and "service sample is detached" in reply.error["error-message"]


def test_what_it_sent_is_known_after_a_restart(lab):
    daemon = lab.daemon(remote=True, clean=False)
    sample = RemoteService(lab, daemon).start()
    sample.stop()
    assert daemon.stop() == 0
    daemon.start()
    assert place(daemon, "sample") == "detached"
    reply = daemon.data("POST", "", {"sample:sample": [{"name": "s"}]})
    assert reply.status == 500 and "has not connected yet" in reply.error["error-message"]
    sample.start()
    create(daemon, "s")
    assert daemon.stop() == 0


def test_cubes_that_wait_for_their_service(lab):
    """What it sent is gone; it comes back, and they do."""
    daemon = lab.daemon(remote=True, clean=False)
    sample = RemoteService(lab, daemon).start()
    a = lab.station("a")
    create(daemon, "s", ports=[{"name": "p1", "peer": a.port}], level=3, entry=[{"name": "x", "number": 7}])
    daemon.do("simplebridge add other")
    before = daemon.configuration()[0]
    sample.stop()
    assert daemon.stop() == 0
    shutil.rmtree(daemon.state / "services/sample")
    daemon.start()

    def missing():
        return [one["name"] for one in daemon.data("GET", "polycube:status").json["polycube:status"].get("not-restored", [])]

    assert missing() == ["s"] and "other" in daemon.do("cubes show")
    sample.start()
    eventually(lambda: missing() == [], "the cube is there again")
    assert daemon.configuration()[0] == before
    assert daemon.port_status("s", "p1") == "UP"
    assert state(daemon, "s")["level"] == 3
    assert daemon.stop() == 0


# ---- dying, stalling, coming back ------------------------------------------------------------------------------------

def wired(lab, daemon, **leaves):
    a = lab.station("a")
    create(daemon, "s", ports=[{"name": "p1", "peer": a.port}], **leaves)
    return a


def assert_detached(daemon):
    """Reads work, changes do not, and the reason is told."""
    assert (place(daemon, "sample"), cube_place(daemon, "s")) == ("detached", "detached")
    before = daemon.configuration()
    assert state(daemon, "s")["level"] == 3
    for reply in (change(daemon, "s", level=9), daemon.data("DELETE", path("s", "ports=p1")),
                  daemon.data("POST", path("s", "plus"), {"sample:input": {"a": 1}})):
        assert reply.status == 500 and reply.tag == "operation-failed", reply.text
        assert "service sample is detached" in reply.error["error-message"] and "cube s" in reply.error["error-message"]
    assert daemon.configuration() == before


def assert_back(daemon):
    """It was told of the whole configuration, and takes changes again."""
    assert cube_place(daemon, "s") == "remote"
    told = [line.split(" ", 1)[1] for line in state(daemon, "s")["history"]]
    assert told == ["cube ->+", "ports p1 ->+", "entry x ->7"], "as created, without what was before"
    eventually(lambda: state(daemon, "s")["ports"][0]["up"], "links are told anew")
    assert change(daemon, "s", level=4).status == 204
    reply = daemon.data("POST", path("s", "stored"))
    assert reply.json == {"sample:output": {"level": 4}}


def test_killed_and_back(lab, daemon, sample):
    wired(lab, daemon, level=3, entry=[{"name": "x", "number": 7}])
    daemon.do("simplebridge add other")
    known = daemon.count_objects()
    sample.kill()
    sample.detached()
    assert_detached(daemon)
    assert daemon.count_objects() == known, "the data path stays"
    daemon.do("other fdb set aging-time=7")
    sample.start()
    assert_back(daemon)
    daemon.do("del s")


def test_killed_while_packets_flow(lab, daemon, hook):
    far = RemoteService(lab, daemon, renamed(lab.folder, "helloworld", "farworld")).start()
    a, b = lab.station("a"), lab.station("b")
    daemon.do(f"farworld add h type={hook} action=FORWARD")
    daemon.do(f"h ports add p1 peer={a.port}")
    daemon.do(f"h ports add p2 peer={b.port}")
    ping = lab.ping(a, b, count=400)
    far.kill()
    far.detached()
    far.start()
    sent, lost = ping.result()
    assert sent == 400 and lost == 0


def test_a_flood_of_packets_holds_up_no_call(lab, daemon, sample):
    """4,000 packets that take 10 ms each wait; changes and state do not wait behind them."""
    a = wired(lab, daemon, level=3)
    assert daemon.data("POST", path("s", "pace"), {"sample:input": {"busy": 10}}).status == 204
    tap = lab.tap(a)
    frame = Ether(src=a.mac, dst="ff:ff:ff:ff:ff:ff") / Raw(b"x" * 50)
    for _ in range(40):
        tap.send(*[frame] * 100)
    for level in range(10):
        reply = change(daemon, "s", level=level)
        assert reply.status == 204, reply.text
    assert 0 < state(daemon, "s")["packets"] < 4000
    assert (place(daemon, "sample"), cube_place(daemon, "s")) == ("remote", "remote")
    daemon.do("del s")


def test_what_is_lost_on_the_way_is_counted(lab, daemon, sample):
    """The service does not keep up: each packet reaches it, or is counted as lost by the fast path."""
    a = wired(lab, daemon, level=3)
    assert daemon.data("POST", path("s", "pace"), {"sample:input": {"busy": 10}}).status == 204
    tap = lab.tap(a)
    frame = Ether(src=a.mac, dst="ff:ff:ff:ff:ff:ff") / Raw(b"x" * 50)
    sent = 10000
    for _ in range(sent // 100):
        tap.send(*[frame] * 100)
    assert daemon.data("POST", path("s", "pace"), {"sample:input": {"busy": 0}}).status == 204

    def dropped(cube):
        return sum(int(drop["packets"]) for drop in cube.get("drops", []) if drop["reason"] == "slow-path-full")

    def accounted():
        cube = state(daemon, "s")
        came = int(cube["ports"][0]["statistics"]["in-pkts"])
        return came >= sent and cube["packets"] + dropped(cube) == came

    eventually(accounted, "each packet has come to the service or is counted as lost")
    assert dropped(state(daemon, "s")) > 0
    daemon.do("del s")


def test_a_service_that_stalls_disturbs_no_other(lab, daemon, sample):
    """Packets and timers of its cube wait while it is asked; the lines of another cube come before its request has an end."""
    a = wired(lab, daemon, level=3)
    c = lab.station("c")
    daemon.do("helloworld add h action=SLOWPATH")
    daemon.do(f"h ports add p1 peer={c.port}")
    at_a, at_c = lab.tap(a), lab.tap(c)
    frame = Ether(src=c.mac, dst="ff:ff:ff:ff:ff:ff") / Raw(b"x" * 50)
    sample.freeze()
    try:
        request = threading.Thread(target=lambda: change(daemon, "s", level=5))
        request.start()
        for _ in range(3):
            at_a.send(frame)
            known = daemon.log_text().count("[h] packet arrived")
            at_c.send(frame)
            eventually(lambda: daemon.log_text().count("[h] packet arrived") > known, "the line of the other cube")
        assert request.is_alive(), "nobody waited for the service that stalls"
        request.join()
    finally:
        sample.thaw()
    sample.attached()


def test_packets_of_a_port_that_went_are_not_given_to_another(lab, daemon, sample):
    """Changes overtake packets that wait; the next port has the index of the one before."""
    a = wired(lab, daemon, level=3)
    assert daemon.data("POST", path("s", "pace"), {"sample:input": {"busy": 50}}).status == 204
    frame = Ether(src=a.mac, dst="ff:ff:ff:ff:ff:ff") / Raw(b"x" * 50)
    sent = 800  # more than are on their way to the service: the others wait in their ring
    for _ in range(sent // 100):
        lab.tap(a).send(*[frame] * 100)
    eventually(lambda: state(daemon, "s")["packets"] > 0, "the first packet")
    reply = daemon.data("PUT", path("s"), {"sample:sample": [{"name": "s", "level": 3, "ports": [{"name": "q"}]}]})
    assert reply.status == 204, reply.text
    before = state(daemon, "s")["packets"]
    assert before < sent
    assert daemon.data("POST", path("s", "pace"), {"sample:input": {"busy": 0}}).status == 204
    daemon.do(f"s ports q set peer={a.port}")
    lab.tap(a).send(frame)
    eventually(lambda: state(daemon, "s")["packets"] == before + 1, "the packet of the new port, and no other")


def test_stalled_in_the_middle_of_a_request(lab, daemon, sample):
    wired(lab, daemon, level=3, entry=[{"name": "x", "number": 7}])
    sample.freeze()
    try:
        began = time.monotonic()
        reply = change(daemon, "s", level=5)
        assert reply.status == 500 and "did not answer within" in reply.error["error-message"]
        assert time.monotonic() - began < 10
        began = time.monotonic()
        assert_detached(daemon)
        assert time.monotonic() - began < 2, "nobody waits a second time"
    finally:
        sample.thaw()
    sample.attached()  # by itself
    assert_back(daemon)


def test_stalled_while_nobody_asks(lab, daemon, sample):
    wired(lab, daemon, level=3)
    sample.freeze()
    try:
        sample.detached()
        assert_detached(daemon)
    finally:
        sample.thaw()
    sample.attached()


def test_cubes_of_a_service_that_is_gone_can_be_deleted(lab, daemon, sample):
    wired(lab, daemon)
    sample.kill()
    sample.detached()
    daemon.do("del s")
    assert daemon.data("GET", path("s")).status == 404


def test_another_one_takes_over(lab, daemon, sample):
    """Of the same model and objects: an instance elsewhere may."""
    wired(lab, daemon, level=3, entry=[{"name": "x", "number": 7}])
    sample.kill()
    sample.detached()
    copy = lab.folder / "copy/sample"
    shutil.copytree(SAMPLE, copy)
    RemoteService(lab, daemon, copy).start()
    assert_back(daemon)


# ---- what is refused -------------------------------------------------------------------------------------------------

def test_a_name_that_is_installed(lab, daemon):
    package = SERVICES / "helloworld"
    refused(daemon, RemoteService(lab, daemon, package), "service helloworld is installed in")
    assert place(daemon, "helloworld") == "in-process"


def test_a_name_that_a_cube_has(lab, daemon):
    daemon.do("simplebridge add sample")
    service = refused(daemon, RemoteService(lab, daemon), "there is a cube with the name of service sample")
    daemon.do("del sample")
    service.start()


def test_a_name_that_is_attached(lab, daemon, sample):
    create(daemon, "s", level=3)
    copy = lab.folder / "copy/sample"
    shutil.copytree(SAMPLE, copy)
    refused(daemon, RemoteService(lab, daemon, copy), "service sample is attached already")
    assert change(daemon, "s", level=4).status == 204


def test_another_model_for_cubes_that_there_are(lab, daemon, sample):
    create(daemon, "s", level=3)
    sample.stop()
    sample.detached()
    copy = lab.folder / "copy/sample"
    shutil.copytree(SAMPLE, copy)
    model = copy / "sample.yang"
    model.write_text(model.read_text().replace("leaf level { type uint32;", "leaf level { type uint16;"))
    refused(daemon, RemoteService(lab, daemon, copy), "made from another model")
    assert state(daemon, "s")["level"] == 3
    daemon.do("del s")
    RemoteService(lab, daemon, copy).start()
    create(daemon, "s", level=3)
    assert change(daemon, "s", level=70000).status == 400


def broken(lab, what):
    """A copy of the sample's package with something wrong with it, and what the daemon says of it."""
    package = lab.folder / "broken/sample"
    shutil.copytree(SAMPLE, package)
    model, tc, xdp = (package / f"sample.{suffix}" for suffix in ("yang", "tc.o", "xdp.o"))
    if what == "model":
        model.write_text("module sample { this is no YANG }")
    elif what == "no service":
        model.write_text(model.read_text().replace('pcn:service "', 'pcn:service-version "'))
    elif what == "unbound":
        model.write_text(model.read_text().replace("pcn:table hash;", "pcn:table nowhere;"))
    elif what == "object":
        tc.write_bytes(b"\x7fELF and then garbage" * 100)
    elif what == "fatal object":
        tc.write_bytes(fatal(tc.read_bytes(), OBJECT_CHECK))
    elif what == "too large":
        xdp.write_bytes(bytes(17 << 20))
    elif what == "much too large":
        xdp.write_bytes(bytes(80 << 20))
    elif what == "word":
        package = package.rename(package.parent / "topology")
        for file in list(package.iterdir()):
            file.rename(package / file.name.replace("sample", "topology"))
    return package


@pytest.mark.parametrize("what, reason", [
    ("model", "sample.yang"), ("no service", "pcn:service"), ("unbound", "no table nowhere"), ("object", "sample.tc.o"),
    ("fatal object", "sample/sample.tc.o is damaged"),
    ("too large", "16777216 are allowed"), ("much too large", "larger than max"),
    ("word", "it is a word of the command line")])
def test_what_cannot_be_used(lab, daemon, what, reason):
    daemon.do("simplebridge add br")
    service = RemoteService(lab, daemon, broken(lab, what))
    if what == "much too large":  # which gRPC itself refuses, so that the service does not know that it is for good
        service.spawn()
        eventually(lambda: reason in service.log_text(), "the refusal")
        service.stop()
    else:
        refused(daemon, service, reason)
    assert place(daemon, service.name) is None and not (daemon.state / "services/sample").exists()
    daemon.do("br fdb set aging-time=7")
    RemoteService(lab, daemon).start()
    create(daemon, "s")


def test_a_refused_model_leaves_the_one_before(lab, daemon, sample):
    sample.stop()
    sample.detached()
    refused(daemon, RemoteService(lab, daemon, broken(lab, "unbound")), "no table nowhere")
    assert (daemon.state / "services/sample/sample.yang").read_text() == (SAMPLE / "sample.yang").read_text()
    sample.start()
    create(daemon, "s")


def test_garbage_on_the_socket(lab, daemon, sample):
    create(daemon, "s", level=3)
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64,
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(256)) * 64, b""):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(services_socket(daemon)))
            client.settimeout(5)
            try:
                client.sendall(garbage)
                client.recv(1 << 16)
            except OSError:
                pass
    assert change(daemon, "s", level=4).status == 204
    assert daemon.running()


def test_the_socket_is_for_root(lab, daemon):
    path = services_socket(daemon)
    path.chmod(0o666)  # even then
    for folder in (daemon.folder, lab.folder):
        folder.chmod(0o755)
    script = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('{path}'); s.recv(1)"
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", script],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "a process of user 65534 is not let in" in daemon.log_text()


# ---- TCP -------------------------------------------------------------------------------------------------------------

def certificates(folder):
    """An authority, and certificates that it signed for the daemon and a service; and one that nobody signed."""
    def openssl(*words):
        run("openssl", *words)
    folder.mkdir()
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out",
                folder / f"{name}.crt")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("daemon", "service"):
        openssl("req", *key[:5], "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out",
                folder / f"{name}.csr")
        openssl("x509", "-req", "-days", "2", "-in", folder / f"{name}.csr", "-CA", folder / "ca.crt", "-CAkey",
                folder / "ca.key", "-CAcreateserial", "-extfile", folder / "names", "-out", folder / f"{name}.crt")
    return folder


def test_tcp_with_certificates_on_both_sides(lab):
    keys = certificates(lab.folder / "keys")
    daemon = lab.daemon("--services-listen", "127.0.0.1:9443", "--services-certificate", str(keys / "daemon.crt"),
                        "--services-key", str(keys / "daemon.key"), "--services-ca", str(keys / "ca.crt"))

    def service(who):
        options = ("--certificate", keys / f"{who}.crt", "--key", keys / f"{who}.key", "--ca", keys / "ca.crt")
        return RemoteService(lab, daemon, connect="127.0.0.1:9443", options=options)

    stranger = service("stranger").spawn()
    eventually(lambda: "not connected" in stranger.log_text(), "the stranger is not let in")
    assert place(daemon, "sample") is None
    stranger.stop()
    service("service").start()
    create(daemon, "s", level=3)
    assert change(daemon, "s", level=4).status == 204
    assert daemon.stop() == 0


def test_tcp_without_certificates_is_refused(lab):
    from daemon import POLYCUBED
    done = subprocess.run([str(POLYCUBED), "--services-listen", "127.0.0.1:9443"], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 1 and "needs --services-certificate" in done.stderr
    done = subprocess.run([str(POLYCUBE_SERVICE), "--connect", "127.0.0.1:9443", str(SAMPLE)], capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == 1 and "TCP needs --certificate" in done.stderr
