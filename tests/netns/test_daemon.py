# SPDX-License-Identifier: Apache-2.0
"""Life of polycubed: start, several at once, sudden death, clean end, packages that are broken."""

import http.client
import itertools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bpfobjects import existing_objects
from chains import datastore, inserted, ports_value, simplebridge, simpleforwarder, two_forwarders
from daemon import POLYCUBED, SERVICES, Daemon
from harness import Lab
from network import eventually
from packages import model, package

BPF = Path(__file__).parent / "bpf"
SEED = int(os.environ.get("POLYCUBE_TEST_SEED", "1"))


def test_ready_and_clean_end(lab):
    daemon = lab.daemon()
    print(f"ready after {daemon.ready_after * 1000:.0f} ms")
    a, b = two_forwarders(lab, daemon, "TC")
    assert daemon.count_objects()["link"] >= 2
    assert daemon.stop() == 0
    daemon.assert_nothing_left()
    assert not a.reaches(b)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_in_order(lab, hook, number):
    daemon = lab.daemon()
    two_forwarders(lab, daemon, hook)
    daemon.objects()
    daemon.process.send_signal(number)
    assert daemon.process.wait(30) == 0
    daemon.assert_nothing_left()


def test_two_daemons_in_two_namespaces(lab):
    other = Lab.open()
    try:
        first, second = lab.daemon(), other.daemon()
        a, b = two_forwarders(lab, first, "TC")
        c, d = two_forwarders(other, second, "TC")
        assert first.stop() == 0
        first.assert_nothing_left()
        c.ping(d)
        assert not a.reaches(b)
        assert second.stop() == 0
        second.assert_nothing_left()
    finally:
        other.close()


def test_two_daemons_in_one_namespace(lab, hook):
    a, b, c, d = (lab.station(name) for name in "abcd")
    first, second = lab.daemon(), lab.daemon()
    simpleforwarder(first, "same", hook, a.port, b.port)
    simplebridge(second, "same", hook, c.port, d.port)
    a.ping(b)
    c.ping(d)
    first.do("del same")
    assert first.stop() == 0
    c.ping(d)
    assert second.stop() == 0
    second.assert_nothing_left()


def test_second_daemon_with_the_same_socket_is_refused(lab):
    first = lab.daemon()
    second = Daemon(lab)
    second.socket = first.socket
    second.spawn()
    assert second.process.wait(20) == 1
    assert str(first.socket) in second.log_text()
    assert first.rest("GET", "/restconf").status == 200


def test_second_daemon_with_the_same_state_is_refused(lab):
    first = lab.daemon()
    second = Daemon(lab)
    second.state = first.state
    second.spawn()
    assert second.process.wait(20) == 1
    assert str(first.state) in second.log_text()
    assert first.rest("GET", "/restconf").status == 200


def test_socket_of_a_dead_daemon_is_replaced(lab):
    daemon = lab.daemon()
    daemon.kill()
    assert daemon.socket.exists()
    daemon.start()
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


class Writers:
    """Clients that send these requests over and over, each its own list, until the daemon is gone."""

    def __init__(self, daemon, *lists):
        self.daemon = daemon
        self.statuses = set()
        self.interrupted = 0
        self.threads = [threading.Thread(target=self._write, args=(requests,)) for requests in lists]
        for thread in self.threads:
            thread.start()

    def _write(self, requests):
        for method, path, body in itertools.cycle(requests):
            try:
                self.statuses.add(self.daemon.data(method, path, body).status)
            except ConnectionRefusedError:
                return
            except (OSError, http.client.HTTPException):
                self.interrupted += 1  # sent, and no answer
                return

    def join(self):
        for thread in self.threads:
            thread.join()


def forwarders(hook, first, second):
    """Body of a request for first - sf1 - sf2 - second."""
    rows = [{"inport": one, "action": "forward", "outport": other} for one, other in (("p1", "p2"), ("p2", "p1"))]
    cubes = ports_value("sf1", p1=first, p2="sf2:p1"), ports_value("sf2", p1="sf1:p2", p2=second)
    return datastore(simpleforwarder=[{**cube, "type": hook, "actions": rows} for cube in cubes])


def test_killed_in_the_middle_of_transactions(lab, hook):
    """Whatever it was doing, the kernel takes everything back, and it starts again in the same place."""
    choose = random.Random(f"{SEED} {hook}")
    a, b, c, d = (lab.station(name) for name in "abcd")
    a.neighbours(b)
    b.neighbours(a)
    daemon = lab.daemon("--transient")
    empty = daemon.configuration()[0]
    into, out = (datastore(**services) for services in inserted(hook))
    bridge = {**ports_value("br", p1=c.port, p2=d.port, p3="hw2:p1"), "type": hook}
    hello = {**ports_value("hw2", p1="br:p3"), "type": hook}
    come_and_go = [("PATCH", "", datastore(simplebridge=[bridge], helloworld=[hello])),
                   ("DELETE", "simplebridge:simplebridge=br", None), ("DELETE", "helloworld:helloworld=hw2", None)]
    interrupted = 0
    for number in range(6):
        assert daemon.data("PATCH", body=forwarders(hook, a.port, b.port)).status == 204
        a.ping(b)
        ping = lab.ping(a, b, count=1_000_000, interval=0.002)
        delay = choose.uniform(0.0, 0.3)
        writers = Writers(daemon, [("PATCH", "", into), ("PATCH", "", out)], come_and_go)
        time.sleep(delay)
        if number % 2:
            daemon.freeze()  # to know what it has in that very moment
        daemon.kill()
        # The injector's veth pair goes away with the namespace of its other end, which the process alone held.
        eventually(lambda: not daemon.ever_owned & existing_objects(),
                   f"round {number}, killed after {delay:.3f} s: no program, map or link is left")
        eventually(lambda: set(lab.host.devices()) == lab.host_devices, f"round {number}: no device is left")
        assert "prog" not in lab.host.run("ip", "link", "show"), "no XDP program is left"
        writers.join()
        ping.close()
        assert all(status < 500 for status in writers.statuses), writers.statuses
        interrupted += writers.interrupted
        assert daemon.socket.exists() and not a.reaches(b)
        daemon.start()
        assert daemon.configuration()[0] == empty, "half a transaction survived"
    assert interrupted, "no request was interrupted"
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


def test_options(lab):
    for words in (["--help"], ["--version"]):
        done = subprocess.run([str(POLYCUBED), *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and done.stdout
    places = ["--transient", "--socket", str(lab.folder / "x"), "--state-dir", str(lab.folder / "y")]
    for words in (["--nonsense"], ["--log-level", "loud"], ["--config", "/nowhere/at/all"],
                  ["--listen", "0.0.0.0:9000"], ["--listen", "127.0.0.1:99999"], ["extra"]):
        done = subprocess.run([str(POLYCUBED), *places, *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 1, f"{words}: {done.returncode} {done.stderr}"
        assert words[-1] in done.stdout + done.stderr, words


def fails_to_start(lab, *options):
    """A daemon that cannot start, and what it says."""
    daemon = Daemon(lab, *options)
    daemon.spawn()
    assert daemon.process.wait(20) == 1, daemon.log_text()
    return daemon, daemon.log_text()


def test_folders_of_services_must_exist(lab):
    _, text = fails_to_start(lab, "--services-dir", str(lab.folder / "none"))
    assert f"{lab.folder}/none: there is no such folder" in text
    file = lab.folder / "polycubed.conf"
    file.write_text(f"services-dir: {lab.folder}/none\n")
    _, text = fails_to_start(lab, "--config", str(file))
    assert f"{lab.folder}/none: there is no such folder" in text


def test_the_folder_of_the_socket_comes_and_goes(lab):
    daemon = Daemon(lab)
    daemon.socket = lab.folder / "run" / "s"
    daemon.start()
    assert daemon.stop() == 0
    assert not (lab.folder / "run").exists()


def test_a_slip_in_the_path_of_the_socket_leaves_nothing(lab):
    daemon = Daemon(lab)
    daemon.socket = lab.folder / "slip" / "run" / "s"
    daemon.spawn()
    assert daemon.process.wait(20) == 1
    assert f"{lab.folder}/slip/run" in daemon.log_text()
    assert not (lab.folder / "slip").exists()
    assert not daemon.state.exists(), "--clean-on-exit is in effect"


def test_a_start_that_fails_leaves_nothing(lab):
    daemon = Daemon(lab)
    daemon.socket.write_text("no socket")
    daemon.spawn()
    assert daemon.process.wait(20) == 1
    assert not daemon.state.exists()
    daemon, _ = fails_to_start(lab, "--state-dir", str(lab.folder / "slip" / "state"))
    assert not (lab.folder / "slip").exists()


def test_the_limit_of_open_files_is_raised(lab):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        daemon = Daemon(lab)
        daemon.spawn()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    eventually(daemon._answers, "the daemon answers", timeout=20)
    assert resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    for number in range(40):
        daemon.do(f"helloworld add hw{number}")
    assert daemon.descriptors() > 64
    assert daemon.stop() == 0


def test_configuration_file(lab):
    file = lab.folder / "polycubed.conf"
    elsewhere = lab.folder / "elsewhere"
    file.write_text(f"# a comment\n\nlog-level: err\nstate-dir: {elsewhere}\n")
    quiet = lab.daemon("--config", str(file))
    assert "is ready" not in quiet.log_text(), "the file's log level is in effect"
    assert not elsewhere.exists(), "the command line wins over the file"
    assert quiet.stop() == 0
    loud = lab.daemon("--config", str(file), "--log-level", "info")
    assert "is ready" in loud.log_text()
    assert loud.stop() == 0


@pytest.mark.parametrize("line", ["nonsense: 1", "log-level", "log-level: loud", "clean-on-exit: perhaps"])
def test_bad_configuration_file(lab, line):
    file = lab.folder / "polycubed.conf"
    file.write_text(f"# first\n{line}\n")
    done = subprocess.run([str(POLYCUBED), "--config", str(file)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"{file}:2" in done.stderr


def test_socket_is_for_its_owner_and_the_group(lab):
    assert lab.daemon("--group", "no-such-group").socket.stat().st_mode & 0o777 == 0o600
    socket = lab.daemon("--group", "daemon").socket
    assert socket.stat().st_mode & 0o777 == 0o660 and socket.group() == "daemon" and socket.owner() == "root"


# ---- packages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def packages(lab):
    folder = lab.folder / "packages"
    folder.mkdir()
    return folder


def test_broken_models_are_named_and_leave_others_alone(lab, packages):
    package(packages, "halfmodel", model("halfmodel")[:150])
    package(packages, "noservice", "module noservice { namespace 'urn:n'; prefix n; leaf a { type string; } }")
    package(packages, "wrongtable", model("wrongtable").replace("uses pcn:standard-cube;",
                                                                  "uses pcn:standard-cube; pcn:table x;"))
    (packages / "empty").mkdir()
    daemon = lab.daemon(services=(packages,))
    services = daemon.rest("GET", "/restconf/data/polycube:services").text
    for name in ("halfmodel", "noservice"):
        assert name in services, services
        for words in ((name, "add", "x1"), (name, "show"), (name, "add", "?")):
            code, output = daemon.ctl(*words)
            assert code == 2 and f"service {name} cannot be used, its package is broken: {packages}" in output, output
        code, output = daemon.ctl("cubes", "add", stdin=f"- {{service-name: {name}, name: x1}}")
        assert code == 2 and "its package is broken" in output
        reply = daemon.data("POST", body={f"{name}:{name}": [{"name": "x1"}]})
        assert reply.status == 400 and "its package is broken" in reply.text
    daemon.do("helloworld add hw1")
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


@pytest.mark.parametrize("cube_hook", ["TC", "XDP_DRV"])
def test_verifier_log_reaches_the_user(lab, packages, cube_hook):
    package(packages, "refused", model("refused"), BPF / "refused.bpf.c")
    daemon = lab.daemon(services=(packages,))
    daemon.do("helloworld add hw1")
    before, objects = daemon.configuration(), daemon.count_objects()
    reply = daemon.data("POST", body={"refused:refused": [{"name": "r1", "type": cube_hook}]})
    assert reply.status == 500 and reply.tag == "operation-failed", reply.text
    assert "invalid access to packet" in str(reply.error["error-info"]), "the log says why"
    code, output = daemon.ctl("refused", "add", "r1", f"type={cube_hook}")
    assert code == 2 and "invalid access to packet" in output
    assert daemon.configuration() == before
    eventually(lambda: daemon.count_objects() == objects, f"as many objects as before: {objects}")
    both = daemon.data("POST", body={"helloworld:helloworld": [{"name": "hw2"}],
                                     "refused:refused": [{"name": "r1", "type": cube_hook}]})
    assert both.status == 500
    assert daemon.configuration() == before
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


def test_missing_and_damaged_objects_are_errors(lab, packages):
    package(packages, "noobject", model("noobject"))
    package(packages, "damaged", model("damaged"))
    (packages / "damaged/damaged.tc.o").write_bytes(b"\x7fELF" + b"\0" * 200)
    package(packages, "foreign", model("foreign"))
    shutil.copy(SERVICES / "helloworld/helloworld.yang", packages / "foreign/foreign.tc.o")
    shutil.copytree(SERVICES / "simplebridge", packages / "simplebridge")  # hides the good one
    shutil.copy(SERVICES / "simplebridge/simplebridge.xdp.o", packages / "simplebridge/simplebridge.tc.o")
    daemon = lab.daemon(services=(packages,))
    before = daemon.configuration()
    shown = {service["name"]: service for service in json.loads(daemon.do("services show -json"))}
    for service in ("noobject", "damaged", "foreign", "simplebridge"):
        assert f"{service}.tc.o" in shown[service]["error"], shown
        code, output = daemon.ctl(service, "add", "x1")
        assert code == 2 and f"{service}.tc.o" in output, output
    assert daemon.configuration() == before
    daemon.do("helloworld add hw1")


def test_a_ring_buffer_between_cubes_is_refused(lab, packages):
    source = packages.parent / "ring.bpf.c"
    source.write_text("#include <polycube/cube.h>\nPCN_RING(events, 4096) PCN_PUBLIC;\nstatic __always_inline int handle_rx("
                      "struct CTXTYPE *ctx, struct pkt_metadata *md)\n"
                      "{ bpf_ringbuf_output(&events, \"x\", 1, 0); return RX_DROP; }\n")
    package(packages, "shouting", model("shouting"), source)
    daemon = lab.daemon(services=(packages,))
    code, output = daemon.ctl("shouting", "add", "s")
    assert code == 2 and "ring buffer events cannot be shared between cubes" in output, output


def test_out_of_tree_package_works(lab, packages):
    source = packages.parent / "pass.bpf.c"
    source.write_text("#include <polycube/cube.h>\nstatic __always_inline int handle_rx(struct CTXTYPE *ctx, "
                      "struct pkt_metadata *md) { return pcn_pkt_redirect(ctx, md, md->in_port ? 0 : 1); }\n")
    package(packages, "crossing", model("crossing"), source)
    daemon = lab.daemon(services=(packages,))
    a, b = lab.station("a"), lab.station("b")
    daemon.do("crossing add c1")
    daemon.do(f"c1 ports add p1 peer={a.port}")
    daemon.do(f"c1 ports add p2 peer={b.port}")
    a.ping(b)
    assert daemon.stop() == 0
    daemon.assert_nothing_left()
    eventually(lambda: not existing_objects() & daemon.ever_owned, "nothing is left")
