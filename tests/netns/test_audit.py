# SPDX-License-Identifier: Apache-2.0
"""The audit log: every request for a change, carried out or refused."""

import json
import signal

from network import eventually

HELLO = "helloworld:helloworld"


def records(daemon):
    return [json.loads(line) for line in (daemon.state / "audit.log").read_text().splitlines()]


def test_changes_and_refusals_are_recorded(lab):
    daemon = lab.daemon()
    daemon.do("helloworld add hw1")
    assert daemon.data("PATCH", f"{HELLO}=nobody", {HELLO: [{"name": "nobody", "loglevel": "OFF"}]}).status == 409
    daemon.do("hw1 show")
    assert daemon.rest("POST", "/restconf/operations/polycube:rollback",
                       {"polycube:input": {"count": 1, "comment": "back"}}).status == 200
    made, refused, back = records(daemon)
    assert (made["user"], made["status"]) == ("root", 201) and made["from"].startswith("pid ")
    assert "hw1" in made["body"]
    assert (refused["method"], refused["target"], refused["status"]) == ("PATCH", f"/restconf/data/{HELLO}=nobody", 409)
    assert "nobody" in refused["refused"]
    assert back["target"] == "/restconf/operations/polycube:rollback" and '"back"' in back["body"]
    assert (daemon.state / "audit.log").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_stops_nothing(lab):
    daemon = lab.daemon("--audit-log", "/dev/full")
    for number in range(3):
        daemon.do(f"helloworld add hw{number}")
    eventually(lambda: "cannot write the audit log" in daemon.log_text(), "it is said")
    assert daemon.log_text().count("cannot write the audit log") == 1


def test_what_the_transport_refuses_is_recorded_as_well(lab):
    daemon = lab.daemon()
    large = json.dumps({HELLO: [{"name": "x" * (17 << 20)}]})
    assert daemon.rest("POST", "/restconf/data", large).status == 413
    assert daemon.rest("GET", "/restconf/data/" + "x" * 20000).status == 414
    record, = records(daemon)
    assert (record["method"], record["target"], record["status"]) == ("POST", "/restconf/data", 413)
    assert "at most" in record["refused"]


def test_a_file_that_is_moved_is_left_alone_after_sighup(lab):
    daemon = lab.daemon()
    daemon.do("helloworld add hw1")
    log = daemon.state / "audit.log"
    moved = log.rename(log.with_suffix(".moved"))
    daemon.process.send_signal(signal.SIGHUP)
    eventually(log.exists, "there is a new one")
    daemon.do("helloworld add hw2")
    assert "hw2" in log.read_text() and "hw2" not in moved.read_text()
    moved.unlink()


def test_it_goes_on_after_a_restart(lab):
    daemon = lab.daemon(clean=False)
    daemon.do("helloworld add hw1")
    daemon.stop()
    daemon.start()
    daemon.do("del hw1")
    assert [record["method"] for record in records(daemon)] == ["POST", "DELETE"]
    daemon.options.append("--clean-on-exit")
    daemon.stop()
    daemon.start()
    assert daemon.stop() == 0
    assert not daemon.state.exists(), "with --clean-on-exit it goes, too"
