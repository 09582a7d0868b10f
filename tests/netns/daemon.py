# SPDX-License-Identifier: Apache-2.0
"""polycubed under test, and how one talks to it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bpfobjects import existing_objects, objects_of_fdinfo, related_objects, unpin
from network import eventually

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("POLYCUBE_BUILD", ROOT / "build")).resolve()
POLYCUBED = BUILD / "bin/polycubed"
POLYCUBECTL = BUILD / "bin/polycubectl"
SERVICES = BUILD / "lib/polycube/services"
OBJECT_CHECK = BUILD / "libexec/polycube/polycube-object-check"


def remove_pins(folder):
    """Of a daemon that is no more."""
    for here, _, files in os.walk(folder, topdown=False):
        for file in files:
            os.unlink(os.path.join(here, file))
        os.rmdir(here)


@dataclass
class Reply:
    status: int
    headers: dict
    text: str

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def etag(self):
        return self.headers.get("etag")

    @property
    def error(self):
        """The first error of an ietf-restconf:errors body."""
        return self.json["ietf-restconf:errors"]["error"][0]

    @property
    def tag(self):
        return self.error["error-tag"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """polycubed in the host namespace of a Lab."""

    def __init__(self, lab, *options, clean=True, services=(), remote=False, prefix=BUILD, state=None, within=()):
        self.lab = lab
        self.polycubed = prefix / "bin/polycubed"
        self.polycubectl = prefix / "bin/polycubectl"
        self.folder = Path(tempfile.mkdtemp(prefix="d", dir=lab.folder))
        self.socket = self.folder / "s"
        self.state = state or self.folder / "state"
        self.log = self.folder / "log"
        self.pins = Path("/sys/fs/bpf") / f"{lab.prefix}-{lab.number()}"
        lab.closing(lambda: remove_pins(self.pins))
        self.options = ["--pin-dir", str(self.pins), *options, *(["--clean-on-exit"] if clean else []),
                        *(word for folder in services for word in ("--services-dir", str(folder)))]
        if remote:
            self.options += ["--services-socket", str(self.folder / "services")]
        self.environment = {}
        self.within = list(within)  # a command that executes what follows it
        self.process = None
        self.ready_after = None
        self.ever_owned = set()
        lab.closing(self.close)
        lab.daemons.append(self)

    @property
    def pid(self):
        return self.process.pid

    def spawn(self):
        assert self.polycubed.exists(), f"{self.polycubed} is not built"
        with open(self.log, "ab") as log:
            self.process = self.lab.host.popen(*self.within, self.polycubed, "--socket", self.socket, "--state-dir", self.state,
                                               *self.options, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                               env={**os.environ, **self.environment})

    def start(self):
        begin = time.monotonic()
        self.spawn()
        eventually(self._answers, "the daemon answers", timeout=20, interval=0.01)
        self.ready_after = time.monotonic() - begin
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"polycubed ended with status {self.process.returncode}:\n{self.log_text()}")
        try:
            return self.rest("GET", "/restconf").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def rest(self, method, path, body=None, headers=None, timeout=30):
        """One request; `body` may be text, bytes or anything that JSON knows."""
        connection = UnixConnection(self.socket, timeout)
        try:
            if body is not None and not isinstance(body, (str, bytes)):
                body = json.dumps(body)
            if isinstance(body, str):
                body = body.encode()
            sent = {"Accept": "application/yang-data+json", **(headers or {})}
            if body:
                sent.setdefault("Content-Type", "application/yang-data+json")
            connection.request(method, path, body, sent)
            reply = connection.getresponse()
            text = reply.read().decode(errors="replace")
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, text)
        finally:
            connection.close()

    def data(self, method, path="", body=None, headers=None):
        return self.rest(method, f"/restconf/data/{path}".rstrip("/") if path else "/restconf/data", body, headers)

    def configuration(self):
        """The whole configuration and its entity tag: equal before and after a refused request."""
        reply = self.rest("GET", "/restconf/data?content=config")
        assert reply.status == 200, reply.text
        return reply.json, reply.etag

    def ctl(self, *words, stdin=None, environment=None):
        """polycubectl with these words: (exit code, standard output). `stdin` is text or a descriptor."""
        assert self.polycubectl.exists(), f"{self.polycubectl} is not built"
        variables = {**os.environ, "HOME": str(self.folder), "POLYCUBECTL_URL": f"http+unix://{self.socket}",
                     "POLYCUBECTL_LOG": "", **(environment or {})}
        if isinstance(stdin, str):
            given = {"input": stdin}
        else:
            given = {"stdin": subprocess.DEVNULL if stdin is None else stdin}
        done = subprocess.run([str(self.polycubectl), *map(str, words)], capture_output=True, text=True, timeout=60,
                              env=variables, **given)
        self.last_stderr = done.stderr
        return done.returncode, done.stdout

    def do(self, line, stdin=None):
        """A command line that must succeed; returns its output. Words are split at blanks."""
        code, output = self.ctl(*(line.split() if isinstance(line, str) else line), stdin=stdin)
        assert code == 0, f"polycubectl {line}: exit code {code}\n{output}"
        return output

    def port_status(self, cube, port):
        return self.do(f"{cube} ports {port} status show").strip()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def objects(self):
        """BPF objects of the daemon, those included that live by program arrays or pins only."""
        found = related_objects(objects_of_fdinfo(f"/proc/{self.pid}/fdinfo"))
        self.ever_owned |= found
        return found

    def count_objects(self):
        found = self.objects()
        return {kind: sum(1 for entry in found if entry[0] == kind) for kind in ("prog", "map", "link")}

    def freeze(self):
        """Stops all its threads where they are, so that objects() misses nothing. kill() ends that."""
        self.process.send_signal(signal.SIGSTOP)
        eventually(lambda: all(stat.read_text().rpartition(")")[2].split()[0] == "T"
                               for stat in Path(f"/proc/{self.pid}/task").glob("*/stat")), "the daemon stands still")

    def kill(self):
        """kill -9: nothing is cleaned up."""
        self.objects()
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=30):
        """SIGTERM; returns the exit status."""
        if self.running():
            self.objects()
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"polycubed did not end within {timeout} s after SIGTERM") from None
        return self.process.returncode

    def assert_nothing_left(self):
        """After a clean stop: no program, map or link, no pin, no device, no socket."""
        eventually(lambda: not (existing_objects() & self.ever_owned), "all BPF objects are gone", interval=0.2)
        # The kernel takes namespaces apart after the process that held them has ended.
        eventually(lambda: set(self.lab.host.devices()) <= self.lab.host_devices, "the daemon's own devices are gone")
        assert not self.socket.exists(), "the socket is left behind"

    def close(self):
        try:
            if self.running():
                try:
                    self.stop()
                except AssertionError:
                    pass
        finally:
            unpin(self.ever_owned)
