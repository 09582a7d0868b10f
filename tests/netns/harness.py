# SPDX-License-Identifier: Apache-2.0
"""A small network in namespaces, and a daemon in it, for end-to-end tests.

Every test has a Lab: one namespace `host` in which the daemon runs, and stations, each joined to the host by a veth
pair. The machine's own devices are never touched. Names begin with pcnt<pid>, so that runs side by side do not meet and
what a killed run left behind can be recognised. Everything that a Lab makes is removed by close(), whatever happened.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from bpfobjects import ForeignProgram
from daemon import Daemon, remove_pins
from frames import Tap
from network import Namespace, Ping, Station, UdpFlow, end, eventually, run

PREFIX = "pcnt"
PINS = Path("/sys/fs/bpf")
HOOKS = ("TC", "XDP_SKB", "XDP_DRV")


@dataclass
class Lab:
    """The network of one test."""

    prefix: str
    folder: Path
    host: Namespace = None
    stations: dict = field(default_factory=dict)
    host_devices: set = field(default_factory=set)
    daemons: list = field(default_factory=list)
    _finalizers: list = field(default_factory=list)
    _numbers: int = 0

    @staticmethod
    def open():
        Lab._labs = getattr(Lab, "_labs", 0) + 1
        prefix = f"{PREFIX}{os.getpid()}-{Lab._labs}"
        # Not in pytest's folder: the path of a Unix socket has at most 107 bytes.
        lab = Lab(prefix, Path(tempfile.mkdtemp(prefix=f"{prefix}-")))
        try:
            lab.host = lab.namespace("host")
            lab.host_devices = set(lab.host.devices())
        except BaseException:
            lab.close()
            raise
        return lab

    def number(self):
        self._numbers += 1
        return self._numbers

    def closing(self, function):
        """Calls function at the end, last registered first."""
        self._finalizers.append(function)

    def namespace(self, label):
        namespace = Namespace(f"{self.prefix}-{label}")
        self.closing(namespace.delete)
        return namespace

    def station(self, name, mtu=1500, ipv6=False):
        """A station; its number n in the order of making gives 10.0.0.n, fd00::n and MAC 02:00:00:00:00:n."""
        number = len(self.stations) + 1
        namespace = self.namespace(name)
        station = Station(name, namespace, f"v{name}", f"10.0.0.{number}", f"fd00::{number:x}",
                          f"02:00:00:00:00:{number:02x}")
        self.stations[name] = station
        self.wire(station, mtu)
        if ipv6:
            namespace.write_sysctl("net/ipv6/conf/eth0/disable_ipv6", 0)
            namespace.run("ip", "addr", "add", f"{station.ip6}/64", "dev", "eth0", "nodad")
        return station

    def wire(self, station, mtu=1500):
        """Makes the veth pair of a station, also again after it was deleted."""
        self.host.run("ip", "link", "add", station.port, "mtu", mtu, "type", "veth", "peer", "name", "eth0", "mtu", mtu,
                      "address", station.mac, "netns", station.ns.name)
        self.host_devices.add(station.port)
        # A frame that crosses XDP loses what the kernel remembers about checksums and segments still to be done, so the
        # stations do them at once; GRO gives the receiving end the NAPI context that a native redirect needs.
        for namespace, device in ((station.ns, "eth0"), (self.host, station.port)):
            namespace.run("ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "on")
        self.host.run("ip", "link", "set", station.port, "up")
        station.ns.run("ip", "link", "set", "eth0", "up")
        station.ns.run("ip", "addr", "add", f"{station.ip}/24", "dev", "eth0")

    def unwire(self, station):
        self.host.run("ip", "link", "delete", station.port)
        self.host_devices.discard(station.port)

    def daemon(self, *options, **settings):
        return Daemon(self, *options, **settings).start()

    def tap(self, station):
        tap = Tap(station.ns)
        self.closing(tap.close)
        return tap

    def ping(self, source, target, count, interval=0.005):
        ping = Ping(source, target, count, interval)
        self.closing(ping.close)
        return ping

    def flow(self, source, target, rate=2000, ipv6=False):
        flow = UdpFlow(source, target, rate, ipv6)
        self.closing(flow.close)
        return flow

    def iperf(self, source, target, seconds=2, *options):
        """Runs iperf3 once and returns its report."""
        server = target.ns.popen("iperf3", "-s", "-1", "-B", target.ip, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        self.closing(lambda: end(server))
        eventually(lambda: "5201" in target.run("ss", "-Hltn"), "the iperf3 server listens")
        report = json.loads(source.run("iperf3", "-J", "-c", target.ip, "-t", seconds, *options, timeout=seconds + 60))
        end(server)
        return report

    def foreign(self, namespace, device, how, direction="ingress"):
        return ForeignProgram(self, namespace, device, how, direction)

    def close(self):
        while self._finalizers:
            try:
                self._finalizers.pop()()
            except Exception as error:  # the rest must go, too
                print(f"while cleaning up: {error}")
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_remains_of_dead_runs():
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        found = re.fullmatch(rf"{PREFIX}(\d+)-\d+-\w+", name)
        if found and not os.path.exists(f"/proc/{found.group(1)}"):
            run("ip", "netns", "delete", name, check=False)
    for folder in PINS.glob(f"{PREFIX}*"):
        found = re.fullmatch(rf"{PREFIX}(\d+)-\d+-\d+", folder.name)
        if found and not os.path.exists(f"/proc/{found.group(1)}"):
            remove_pins(folder)


def raise_on_sigterm():
    """SIGTERM unwinds like Ctrl-C, so that finalizers run."""

    def interrupt(_signal, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
