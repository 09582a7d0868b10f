# SPDX-License-Identifier: Apache-2.0
"""The stream of events: what is told, in order; clients that are slow, hang, go, or are too many."""

import json
import signal
import socket
import subprocess
import threading
from contextlib import closing

import pytest

from chains import helloworld
from daemon import UnixConnection
from network import eventually

STREAM = "/restconf/streams/NETCONF"


class Follower:
    """A client of the stream; what comes is collected by a thread of its own."""

    def __init__(self, lab, daemon):
        self.connection = UnixConnection(daemon.socket, timeout=60)
        self.connection.connect()
        self.socket = self.connection.sock  # http.client forgets it: the reply ends with the connection
        lab.closing(self.close)
        self.connection.request("GET", STREAM, headers={"Accept": "text/event-stream"})
        self.reply = self.connection.getresponse()
        assert self.reply.status == 200, self.reply.read()
        assert self.reply.getheader("Content-Type") == "text/event-stream"
        assert self.reply.fp.readline() == b": events from now on\n"
        self.notifications = []
        self.comments = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for line in self.reply.fp:
                if line.startswith(b"data: "):
                    self.notifications.append(json.loads(line[6:])["ietf-restconf:notification"])
                elif line.startswith(b":"):
                    self.comments.append(line[2:].decode().strip())
        except OSError:
            pass
        self.ended.set()

    def of(self, name):
        return [entry[f"polycube:{name}"] for entry in self.notifications if f"polycube:{name}" in entry]

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the daemon has ended it
        self.ended.wait(20)
        self.connection.close()


def test_changes_of_the_configuration(lab, daemon):
    daemon.do("helloworld add before")
    follower = Follower(lab, daemon)
    daemon.do("helloworld add h")
    daemon.do("h ports add p1")
    daemon.ctl("helloworld", "add", "h")  # refused
    daemon.do(["rollback", "-comment=not yet"])
    eventually(lambda: len(follower.of("configuration-change")) == 3, "three changes")
    first, second, third = follower.of("configuration-change")
    history = json.loads(daemon.do("history show -json"))["commit"]
    for told, known in zip((first, second, third), history[-3:]):
        assert int(told["revision"]) == known["number"]
        assert (told["changes"], told["author"]) == (known["changes"], "root")
    assert third["comment"] == "not yet" and "comment" not in first
    assert follower.notifications[0]["eventTime"].endswith("Z")


def test_ports(lab, daemon, hook):
    a, b = lab.station("a"), lab.station("b")
    follower = Follower(lab, daemon)
    helloworld(daemon, "h", hook, a.port, b.port)
    up = {"cube": "h", "port": "p1", "status": "UP", "peer": a.port}
    eventually(lambda: up in follower.of("port-state-change"), "p1 is UP")
    lab.host.run("ip", "link", "set", a.port, "down")
    eventually(lambda: any(told["status"] == "DOWN" and told.get("reason") == f"{a.port} is down"
                           for told in follower.of("port-state-change")), "p1 is DOWN")
    lab.host.run("ip", "link", "set", a.port, "up")
    eventually(lambda: follower.of("port-state-change").count(up) == 2, "p1 is UP again")
    daemon.do("h ports del p1")
    gone = {"cube": "h", "port": "p1", "status": "removed"}
    eventually(lambda: follower.of("port-state-change")[-1] == gone, "p1 is gone")


def test_transparent_cubes(lab, daemon):
    a, b = lab.station("a"), lab.station("b")
    helloworld(daemon, "h", "TC", a.port, b.port)
    daemon.do("transparenthelloworld add t")
    follower = Follower(lab, daemon)
    daemon.do("attach t h:p1")
    eventually(lambda: follower.of("configuration-change"), "the chain is told")
    assert "t" in follower.of("configuration-change")[0]["changes"]


def test_faults(lab, daemon):
    daemon.do("simplebridge add b1")
    daemon.do("b1 ports add p1")
    follower = Follower(lab, daemon)
    entries = [{"address": f"02:00:00:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}", "port": "p1"}
               for i in range(65536)]
    assert daemon.data("PATCH", "simplebridge:simplebridge=b1/fdb",
                       {"simplebridge:fdb": {"entry": entries}}).status == 204
    # Nobody asks for the status: the daemon looks by itself.
    eventually(lambda: follower.of("fault"), "it is full", timeout=60)
    assert follower.of("fault") == [{"kind": "table-full", "subject": "b1:fdb", "state": "raised",
                                     "message": "it has no room"}]


def test_clients_that_hang(lab, daemon):
    """They keep nobody up, and do not keep the daemon from stopping."""
    hanging = []
    for _ in range(4):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        lab.closing(client.close)
        client.connect(str(daemon.socket))
        client.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        hanging.append(client)
    follower = Follower(lab, daemon)
    daemon.do("helloworld add h")
    for number in range(300):
        level = "DEBUG" if number % 2 else "INFO"
        assert daemon.data("PATCH", "helloworld:helloworld=h",
                           {"helloworld:helloworld": [{"name": "h", "loglevel": level}]}).status == 204
    eventually(lambda: len(follower.of("configuration-change")) >= 300, "the other one has them all")
    daemon.stop(timeout=10)
    assert follower.ended.wait(20)
    assert follower.comments[-1:] in ([], ["the daemon stops"])


def test_too_many(lab, daemon):
    followers = [Follower(lab, daemon) for _ in range(32)]
    refused = daemon.rest("GET", STREAM, headers={"Accept": "text/event-stream"})
    assert refused.status == 503 and "32 clients follow" in refused.text
    daemon.do("helloworld add h")
    eventually(lambda: all(follower.of("configuration-change") for follower in followers), "all are told")
    followers[0].close()

    def one_more():
        with closing(UnixConnection(daemon.socket)) as connection:
            connection.request("GET", STREAM)
            return connection.getresponse().status == 200
    eventually(one_more, "there is room again")


@pytest.mark.parametrize("flags", [[], ["-json"]], ids=["text", "json"])
def test_polycubectl_follows(lab, daemon, flags):
    out = lab.folder / "events"
    with open(out, "wb") as file:
        process = lab.host.popen(daemon.polycubectl, "events", "show", *flags, stdout=file, stderr=subprocess.DEVNULL,
                                 stdin=subprocess.DEVNULL,
                                 env={"HOME": str(daemon.folder), "PATH": "/usr/bin:/usr/sbin",
                                      "POLYCUBECTL_URL": f"http+unix://{daemon.socket}"})
    made = 0

    def told():
        nonlocal made
        made += 1
        daemon.do(f"helloworld add h{made}")
        return "create helloworld" in out.read_text()
    eventually(told, "polycubectl prints what happens")
    if flags:
        assert "polycube:configuration-change" in json.loads(out.read_text().splitlines()[0])["ietf-restconf:notification"]
    else:
        assert " configuration-change revision=" in out.read_text()
    daemon.stop()
    assert process.wait(20) == 1
    assert "The daemon has ended the stream" in out.read_text()


def test_a_client_that_interrupts(lab, daemon):
    process = lab.host.popen(daemon.polycubectl, "events", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             stdin=subprocess.DEVNULL, env={"HOME": str(daemon.folder),
                                                            "POLYCUBECTL_URL": f"http+unix://{daemon.socket}"})
    threads = daemon.rest("GET", "/metrics").text
    assert "polycube_api_connections" in threads
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
