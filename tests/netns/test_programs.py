# SPDX-License-Identifier: Apache-2.0
"""Cubes of several programs, through control planes in the daemon and in a process of their own. The service is programs/."""

import shutil

import pytest

from bpfobjects import fatal
from daemon import BUILD, OBJECT_CHECK
from network import eventually
from packages import model, package
from remote import RemoteService

PACKAGES = BUILD / "tests/packages"
HEAD = "#include <polycube/slave.h>\n"
HANDLER = "static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)\n"
FORWARD = HEAD + HANDLER + "{\n\treturn pcn_pkt_redirect(ctx, md, md->in_port ^ 1);\n}\n"
DROP = HEAD + HANDLER + "{\n\treturn RX_DROP;\n}\n"


@pytest.fixture(params=["in-process", "remote"])
def daemon(lab, request):
    if request.param == "remote":
        running = lab.daemon(remote=True)
        RemoteService(lab, running, package=PACKAGES / "programs").start()
    else:
        running = lab.daemon(services=[PACKAGES])
    yield running
    if running.running():
        assert running.stop() == 0
        running.assert_nothing_left()


def edit(daemon, method, where, body=None, expected=(201, 204)):
    reply = daemon.data(method, where, body)
    assert reply.status in (expected if isinstance(expected, tuple) else (expected,)), reply.text
    return reply


def act(daemon, cube, action, **leaves):
    """The output of an action, or its error."""
    reply = daemon.data("POST", f"programs:programs={cube}/{action}", {"programs:input": leaves})
    if reply.status == 200:
        return reply.json["programs:output"]
    return None if reply.status == 204 else reply.error


def state(daemon, cube):
    return daemon.data("GET", f"programs:programs={cube}").json["programs:programs"][0]


def count(daemon, table, cube="c", **program):
    return int(act(daemon, cube, "count", table=table, **program)["packets"])


@pytest.fixture
def pair(lab, daemon):
    """Two stations with a cube between them."""

    def make(hook="TC"):
        a, b = lab.station("a"), lab.station("b")
        daemon.do(f"programs add c type={hook}")
        daemon.do(f"c ports add p1 peer={a.port}")
        daemon.do(f"c ports add p2 peer={b.port}")
        a.neighbours(b)
        b.neighbours(a)
        a.ping(b)
        return a, b

    return make


def test_slaves_come_and_go(daemon, pair, hook):
    a, b = pair(hook)
    assert act(daemon, "c", "add", program="step") == {"index": 1}
    assert act(daemon, "c", "add", program="step", direction="egress") == {"index": 1}
    assert act(daemon, "c", "add", program="step", index=9) == {"index": 9}
    daemon.do("c set first=1 last=1")
    a.ping(b, count=5)
    assert count(daemon, "steps", index=1) == 10
    assert count(daemon, "steps", index=1, direction="egress") == 10
    assert count(daemon, "total") == 10 and count(daemon, "everybody", index=9) == 20
    assert act(daemon, "c", "remove", index=1) is None
    assert not a.reaches(b)
    daemon.do("c set first=9")
    a.ping(b)
    assert act(daemon, "c", "count", table="steps", index=1)["error-message"].endswith("ingress program 1 has no table steps")
    assert "has no ingress program 1" in act(daemon, "c", "remove", index=1)["error-message"]
    assert "cannot be removed" in act(daemon, "c", "remove", index=0)["error-message"]
    assert "has ingress program 9 already" in act(daemon, "c", "add", program="step", index=9)["error-message"]
    assert "has no program walk" in act(daemon, "c", "add", program="walk")["error-message"]
    assert "there is no object for" in act(daemon, "c", "add")["error-message"]
    a.ping(b)


@pytest.mark.parametrize("kind", ["TC", "XDP_DRV"])
def test_thousand_reloads_from_a_timer_lose_nothing(lab, daemon, pair, kind):
    a, b = pair(kind)
    act(daemon, "c", "add", program="step")
    daemon.do("c set first=1")
    there, back = lab.flow(a, b), lab.ping(b, a, count=100000, interval=0.002)
    assert act(daemon, "c", "churn", times=500) is None  # the slave and the master
    # Meanwhile the cube is rewired and changed as well.
    for number in range(10):
        daemon.do(f"c ports add x{number}")
        daemon.do(f"c ports del x{number}")
    eventually(lambda: state(daemon, "c").get("reloads") == 500, "500 reloads", timeout=120)
    sent, lost, duplicated = there.stop()
    assert (lost, duplicated) == (0, 0)
    back.process.send_signal(2)
    pings, lost = back.result()
    assert pings > 0 and lost == 0
    assert count(daemon, "steps", index=1) == count(daemon, "total") > sent
    assert "timer failed" not in daemon.log_text()


def test_an_object_of_any_file(daemon, pair):
    a, b = pair()
    assert act(daemon, "c", "add", object=str(PACKAGES / "programs/step")) == {"index": 1}
    daemon.do("c set first=1")
    a.ping(b)
    assert "is no slave" in act(daemon, "c", "add", object=str(PACKAGES / "programs/programs"))["error-message"]
    assert "is a slave" in act(daemon, "c", "reload", object=str(PACKAGES / "programs/step"))["error-message"]
    assert act(daemon, "c", "reload", object=str(PACKAGES / "programs/programs")) is None
    refused = act(daemon, "c", "reload", object=str(PACKAGES / "sample/sample"))
    assert refused["error-tag"] == "operation-not-supported" and "polycube/controller.h" in refused["error-message"]
    a.ping(b)


def test_an_object_that_would_end_the_daemon(lab, daemon, pair):
    a, b = pair()
    assert act(daemon, "c", "add", program="step") == {"index": 1}
    daemon.do("c set first=1")
    for suffix in ("tc.o", "xdp.o"):
        image = (PACKAGES / f"programs/step.{suffix}").read_bytes()
        (lab.folder / f"step.{suffix}").write_bytes(fatal(image, OBJECT_CHECK))
    for action in ("add", "reload"):
        refused = act(daemon, "c", action, index=2 if action == "add" else 1, object=str(lab.folder / "step"))
        assert refused["error-tag"] == "invalid-value" and "program.tc.o is damaged" in refused["error-message"]
    a.ping(b)
    assert daemon.running() and act(daemon, "c", "add", program="step") == {"index": 2}


def test_slaves_that_nobody_can_add(lab):
    folder = lab.folder / "packages/programs"
    shutil.copytree(PACKAGES / "programs", folder)
    (folder / "programs.so").unlink()
    daemon = lab.daemon(services=[folder.parent])
    code, output = daemon.ctl("programs", "add", "c")
    assert code != 0 and "its program step is a slave, which only a control plane can add" in output, output
    for suffix in ("tc.o", "xdp.o"):
        (folder / f"step.{suffix}").unlink()
    assert daemon.stop() == 0
    again = lab.daemon(services=[folder.parent])
    again.do("programs add c")
    again.do("del c")


@pytest.mark.parametrize("scope", ["PCN_SHARED", 'PCN_SHARED_IN("rows")', "PCN_PUBLIC"])
def test_a_table_that_the_model_is_bound_to_is_the_cubes_own(lab, scope):
    folder = lab.folder / "packages"
    folder.mkdir()
    source = lab.folder / "bound.bpf.c"
    source.write_text("#include <polycube/cube.h>\nstruct row {\n\t__u32 value;\n};\n"
                      f"PCN_HASH(rows, __u32, struct row, 8) {scope};\n" + HANDLER + "{\n\t__u32 key = 1;\n\n"
                      "\treturn bpf_map_lookup_elem(&rows, &key) ? RX_OK : RX_DROP;\n}\n")
    nodes = "list row { pcn:table rows; key id; leaf id { type uint32; } leaf value { type uint32; } }"
    package(folder, "bound", model("bound", nodes), source)
    daemon = lab.daemon(services=[folder])
    code, output = daemon.ctl("bound", "add", "x")
    if scope == "PCN_SHARED":
        assert code == 0, output
        daemon.do("x row add 1 value=5")
        assert daemon.do("x row 1 value show").strip() == "5"
    else:
        assert code != 0 and "table rows, which is shared with other cubes" in output
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


# ---- with transactions -----------------------------------------------------------------------------------------------

def slaves(daemon, cube):
    """Indexes of the cube's slaves, among the first few."""
    return [index for index in range(1, 6) if "packets" in act(daemon, cube, "count", table="steps", index=index)]


def cube(name, *indexes, **leaves):
    return {"name": name, "slave": [{"index": index, "program": "step"} for index in indexes], **leaves}


def test_commit_changes_programs(daemon):
    edit(daemon, "POST", "", {"programs:programs": [cube("c", 1, 3)]})
    assert slaves(daemon, "c") == [1, 3]
    daemon.do("c slave add 2 program=step")
    daemon.do("c slave 1 set program=step")
    daemon.do("c slave del 3")
    assert slaves(daemon, "c") == [1, 2]
    daemon.do("c slave del 1")
    assert slaves(daemon, "c") == [2]


def test_what_a_commit_that_fails_did_is_taken_back(daemon):
    edit(daemon, "POST", "", {"programs:programs": [cube("c", 1, 3)]})
    before = daemon.configuration()
    reply = edit(daemon, "PUT", "programs:programs=c", {"programs:programs": [cube("c", 2, failing="no")]}, 409)
    assert reply.error["error-message"] == "no"
    assert daemon.configuration() == before and slaves(daemon, "c") == [1, 3]
    # A program that does not exist, after one that does.
    reply = edit(daemon, "PATCH", "", {"programs:programs": [
        {"name": "c", "slave": [{"index": 2, "program": "step"}, {"index": 4, "program": "walk"}]}]}, 409)
    assert "has no program walk" in reply.error["error-message"]
    assert daemon.configuration() == before and slaves(daemon, "c") == [1, 3]


def test_what_others_do_while_a_commit_fails_stays(daemon):
    edit(daemon, "POST", "", {"programs:programs": [cube("c", 1, 3)]})
    edit(daemon, "PATCH", "", {"programs:programs": [cube("c", 2, aside=4, failing="no")]}, 409)
    assert slaves(daemon, "c") == [1, 3, 4]


def test_a_commit_that_is_taken_back_takes_its_programs_with_it(daemon):
    edit(daemon, "POST", "", {"programs:programs": [cube("a", 1), cube("z")]})
    before = daemon.configuration()
    edit(daemon, "PATCH", "", {"programs:programs": [
        cube("a", 1, 2), cube("m", 1), cube("z", 5, failing="no")]}, 409)
    assert daemon.configuration() == before
    assert slaves(daemon, "a") == [1] and slaves(daemon, "z") == []
    assert "cannot take back" not in daemon.log_text()


def test_a_service_that_comes_back_begins_anew_while_packets_flow(lab):
    daemon = lab.daemon(remote=True)
    service = RemoteService(lab, daemon, package=PACKAGES / "programs").start()
    a, b = lab.station("a"), lab.station("b")
    ports = [{"name": "p1", "peer": a.port}, {"name": "p2", "peer": b.port}]
    edit(daemon, "POST", "", {"programs:programs": [cube("c", 1, 3, first=1, ports=ports)]})
    a.neighbours(b)
    b.neighbours(a)
    assert act(daemon, "c", "add", program="step") == {"index": 2}
    assert act(daemon, "c", "reload", source="#include <polycube/cube.h>\n#include <polycube/egress.h>\n"
               "#include <polycube/programs.h>\nstruct settings { __u32 first; __u32 last; };\n"
               "PCN_ARRAY(settings, struct settings, 1);\n" + HANDLER + "{\n\tcall_ingress_program(ctx, 1);\n"
               "\treturn RX_DROP;\n}\n" + HANDLER.replace("_rx", "_tx") + "{\n\treturn RX_OK;\n}\n") is None
    flow = lab.flow(a, b)
    before = count(daemon, "steps", index=1)
    service.kill()
    service.detached()
    service.start()
    known = flow.sent
    eventually(lambda: flow.sent > known + 10, "datagrams after it came back")
    assert flow.stop()[1:] == (0, 0)  # lost, duplicated
    assert slaves(daemon, "c") == [1, 3]  # those of the configuration, with what is in their tables
    assert count(daemon, "steps", index=1) > before
    assert count(daemon, "own") >= 0  # the package's master
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


# ---- C source --------------------------------------------------------------------------------------------------------

def test_reload_from_source(daemon, pair, hook):
    a, b = pair(hook)
    assert act(daemon, "c", "add", source=FORWARD) == {"index": 1}
    daemon.do("c set first=1")
    a.ping(b)
    assert act(daemon, "c", "reload", index=1, source=DROP) is None
    assert not a.reaches(b)
    assert act(daemon, "c", "reload", index=1, source=FORWARD) is None
    a.ping(b)


def test_source_that_is_wrong_changes_nothing(daemon, pair):
    a, b = pair()
    act(daemon, "c", "add", source=FORWARD)
    daemon.do("c set first=1")

    def refused(source):
        error = act(daemon, "c", "reload", index=1, source=source)
        a.ping(b, count=1)
        return error

    error = refused(HEAD + HANDLER + "{\n\treturn nothing;\n}\n")
    assert error["error-tag"] == "invalid-value"
    assert "source:4:9: error: use of undeclared identifier 'nothing'" in error["error-message"]
    assert "1 error generated" in error["error-info"]["polycube:detail"]
    error = refused('#include "/etc/shadow"\n')
    assert "'/etc/shadow' file not found" in error["error-message"] and "root:" not in str(error)
    # What compiles, but the kernel refuses.
    error = refused(HEAD + HANDLER + "{\n\treturn *(char *)(long)ctx->data;\n}\n")
    assert "invalid access to packet" in error["error-message"] and "ctx->data_end" in error["error-message"]
    assert "polycube:verifier-log" in error["error-info"]
    assert "is no slave" in refused("#include <polycube/cube.h>\n" + HANDLER + "{\n\treturn RX_DROP;\n}\n")["error-message"]
    # A ring that the control plane would not read.
    for scope in ("", " PCN_SHARED", " PCN_PUBLIC"):
        error = refused(HEAD + f"PCN_RING(events, 4096){scope};\n" + HANDLER
                        + "{\n\tbpf_ringbuf_output(&events, ctx, 4, 0);\n\treturn RX_DROP;\n}\n")
        assert error["error-tag"] == "operation-not-supported" and "ring buffers events (4096 bytes); the control plane reads those of" in error["error-message"], error
