# SPDX-License-Identifier: Apache-2.0
"""polycube-service under test: a service's control planes in a process of their own."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

from daemon import BUILD, SERVICES
from network import end, eventually

POLYCUBE_SERVICE = BUILD / "bin/polycube-service"
SAMPLE = BUILD / "tests/packages/sample"


def renamed(folder, package, name):
    """A copy of a package under another name, so that it does not meet the one that is installed."""
    target = Path(folder) / name
    target.mkdir(parents=True, mode=0o755)
    model = (SERVICES / package / f"{package}.yang").read_text()
    (target / f"{name}.yang").write_text(re.sub(rf"(?<![\w-]){package}(?![\w-])", name, model))
    for suffix in ("tc.o", "xdp.o", "so"):
        shutil.copy(SERVICES / package / f"{package}.{suffix}", target / f"{name}.{suffix}")
    return target


def services_socket(daemon):
    return daemon.folder / "services"


def place(daemon, service):
    """Where the daemon says that the control plane of a service is."""
    reply = daemon.data("GET", f"polycube:services/service={service}")
    return reply.json["polycube:service"][0].get("control-plane") if reply.status == 200 else None


def cube_place(daemon, cube):
    return daemon.data("GET", f"polycube:cubes/cube={cube}").json["polycube:cube"][0].get("control-plane")


class RemoteService:
    """polycube-service in the host namespace of a Lab."""

    def __init__(self, lab, daemon, package=SAMPLE, connect=None, options=()):
        self.lab = lab
        self.daemon = daemon
        self.package = Path(package)
        self.name = self.package.name
        self.connect = connect or f"unix:{services_socket(daemon)}"
        self.options = options
        self.log = daemon.folder / f"{self.name}.log"
        self.process = None
        lab.closing(self.close)

    def spawn(self):
        assert POLYCUBE_SERVICE.exists(), f"{POLYCUBE_SERVICE} is not built"
        with open(self.log, "ab") as log:
            self.process = self.lab.host.popen(POLYCUBE_SERVICE, "--connect", self.connect, *self.options,
                                               self.package, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self):
        self.spawn()
        self.attached()
        return self

    def attached(self):
        eventually(lambda: place(self.daemon, self.name) == "remote", f"{self.name} is attached: {self.log_text()}")

    def detached(self):
        eventually(lambda: place(self.daemon, self.name) == "detached", f"{self.name} is detached", timeout=20)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.process.wait(20)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
