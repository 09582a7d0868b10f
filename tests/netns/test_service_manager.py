# SPDX-License-Identifier: Apache-2.0
"""What a service manager sees of polycubed: when it is ready, that it is alive, when it hangs. The tests are the manager."""

import re
import socket
import time

import pytest

from chains import two_forwarders
from daemon import BUILD, Daemon
from network import eventually
from remote import RemoteService

LIMIT = 1.0  # seconds without a sign of life


class Manager:
    """The socket at which a service manager hears of a service."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.heard = []

    def environment(self, watchdog=True):
        return {"NOTIFY_SOCKET": str(self.path), **({"WATCHDOG_USEC": str(int(LIMIT * 1e6))} if watchdog else {})}

    def listen(self):
        """All assignments so far."""
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def forget(self):
        self.listen()
        self.heard.clear()

    def hears(self, text):
        eventually(lambda: text in self.listen(), f"the daemon says {text}", timeout=30)


@pytest.fixture
def manager(lab):
    made = Manager(lab.folder)
    lab.closing(made.socket.close)
    return made


def managed(lab, manager, *options, watchdog=True, **settings):
    daemon = Daemon(lab, *options, **settings)
    daemon.environment = manager.environment(watchdog)
    return daemon


def test_it_is_ready_when_it_serves(lab, manager):
    daemon = managed(lab, manager, watchdog=False)
    daemon.spawn()
    manager.hears("READY=1")
    assert daemon.rest("GET", "/restconf").status == 200  # at once
    assert manager.heard == ["STATUS=restoring the configuration", "READY=1",
                             f"STATUS=serves the API on {daemon.socket}"]
    manager.forget()
    assert daemon.stop() == 0
    assert manager.listen() == ["STOPPING=1", "STATUS=stopping, and the data path with it"]
    daemon.assert_nothing_left()


def test_it_is_not_ready_when_it_cannot_serve(lab, manager):
    daemon = managed(lab, manager, "--listen", "203.0.113.1:9000")
    daemon.spawn()
    assert daemon.process.wait(30) == 1
    assert "READY=1" not in manager.listen()


def test_it_says_that_the_data_path_stays(lab, manager):
    daemon = managed(lab, manager, clean=False).start()
    assert daemon.stop() == 0
    assert "STATUS=stopping; the data path stays" in manager.listen()


def silent_while_it_hangs(daemon, manager, what):
    eventually(lambda: re.search(f"watchdog: {what} has not answered for", daemon.log_text()), "the log says what hangs")
    manager.forget()
    time.sleep(LIMIT)
    assert "WATCHDOG=1" not in manager.listen()


def test_a_slow_path_that_hangs_is_noticed(lab, manager):
    daemon = managed(lab, manager, services=[BUILD / "tests/packages"]).start()
    manager.hears("WATCHDOG=1")
    assert daemon.data("POST", "", {"sample:sample": [{"name": "a"}]}).status == 201
    timer = {"sample:input": {"interval": 1, "times": 1, "busy": 10000}}
    assert daemon.data("POST", "sample:sample=a/timer", timer).status == 204
    # Who holds the lock may wait for the cube, too, and is noticed first then.
    what = "the (thread of the slow path|lock of the controller)"
    silent_while_it_hangs(daemon, manager, what)
    manager.hears("WATCHDOG=1")
    assert re.search(f"watchdog: {what} answers after", daemon.log_text())
    assert daemon.stop() == 0
    daemon.assert_nothing_left()


def test_a_lock_that_hangs_is_noticed(lab, manager):
    """A request holds it, which waits for a service that stands still, for as long as the daemon waits for it."""
    daemon = managed(lab, manager, remote=True).start()
    service = RemoteService(lab, daemon).start()
    assert daemon.data("POST", "", {"sample:sample": [{"name": "a"}]}).status == 201
    manager.hears("WATCHDOG=1")
    service.freeze()
    change = lab.host.popen("curl", "-s", "--unix-socket", daemon.socket, "-X", "PATCH", "-H",
                            "Content-Type: application/yang-data+json", "-d",
                            '{"sample:sample": [{"name": "a", "level": 1}]}',
                            "http://localhost/restconf/data/sample:sample=a")
    silent_while_it_hangs(daemon, manager, "the lock of the controller")
    manager.hears("WATCHDOG=1")
    assert change.wait(30) == 0
    service.thaw()
    service.stop()
    assert daemon.stop() == 0


def test_the_journal_gets_priorities(lab):
    daemon = Daemon(lab)
    daemon.log.touch()
    file = daemon.log.stat()
    daemon.environment = {"JOURNAL_STREAM": f"{file.st_dev}:{file.st_ino}"}
    daemon.start()
    daemon.do("helloworld add hw loglevel=WARN")
    lines = daemon.log_text().splitlines()
    assert [line for line in lines if re.match(r"<6>polycubed \S+ is ready on", line)]
    assert not [line for line in lines if not re.match(r"<[2-7]>", line)]
    assert daemon.stop() == 0


def test_the_data_path_can_be_removed_without_a_daemon(lab):
    daemon = lab.daemon(clean=False)
    remove = [daemon.polycubed, "--state-dir", daemon.state, "--pin-dir", daemon.pins, "--remove-data-path"]
    a, b = two_forwarders(lab, daemon, "TC")
    with pytest.raises(AssertionError, match=rf"used by another daemon \(pid {daemon.pid}\)"):
        lab.host.run(*remove)
    assert daemon.stop() == 0
    a.ping(b)
    lab.host.run(*remove)
    assert not daemon.pins.exists()
    daemon.assert_nothing_left()
    assert not a.reaches(b)
    lab.host.run(*remove)  # nothing is left to be done
    daemon.options.append("--clean-on-exit")
    daemon.start()
    a.ping(b)  # as configured
    assert daemon.stop() == 0
    daemon.assert_nothing_left()
