# SPDX-License-Identifier: Apache-2.0
"""Namespaces, stations and the traffic between them.

Commands enter a namespace by nsenter, not by `ip netns exec`: the latter hides /sys/fs/bpf.
"""

import ctypes
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def run(*command, check=True, **options):
    """Runs a command to its end and returns its standard output; a failure shows what the command said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def eventually(condition, what, timeout=10.0, interval=0.02):
    """Waits until condition() is true and returns its value; only a broken run reaches the limit."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}; last value: {value!r}")
        time.sleep(interval)


class Namespace:
    """A network namespace of this run."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")
        self.write_sysctl("net/ipv6/conf/all/disable_ipv6", 1)
        self.write_sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        # No duplicate address detection: from behind a tentative link-local address nobody is asked for on the wire.
        self.write_sysctl("net/ipv6/conf/default/accept_dad", 0)

    def command(self, *command):
        return ["nsenter", f"--net={self.path}", *map(str, command)]

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def popen(self, *command, **options):
        """A session of its own keeps a Ctrl-C at the terminal from reaching it before the test has cleaned up."""
        return subprocess.Popen(self.command(*command), start_new_session=True, **options)

    def write_sysctl(self, name, value):
        self.call(lambda: Path("/proc/sys", name).write_text(str(value)))

    def call(self, function):
        """Calls function in a thread that is in this namespace; sockets that it opens stay in it."""
        result = {}

        def body():
            try:
                fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if _libc.setns(fd, _CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), f"setns {self.name}")
                finally:
                    os.close(fd)
                result["value"] = function()
            except BaseException as error:  # handed to the caller below
                result["error"] = error

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in result:
            raise result["error"]
        return result["value"]

    def devices(self):
        return {link["ifname"]: link for link in json.loads(self.run("ip", "-j", "link"))}

    def delete(self):
        run("ip", "netns", "delete", self.name, check=False)


@dataclass
class Station:
    """A namespace with one device `eth0`, whose other end is the device `port` of the host."""

    name: str
    ns: Namespace
    port: str
    ip: str
    ip6: str
    mac: str

    def run(self, *command, **options):
        return self.ns.run(*command, **options)

    def ping(self, other, count=5, interval=0.02, size=56, check=True):
        """Lost replies out of `count`."""
        address = getattr(other, "ip", other)
        text = self.run("ping", "-q", "-n", "-c", count, "-i", interval, "-W", 1, "-s", size, address, check=False)
        lost = ping_losses(text)
        if check:
            assert lost == 0, f"{self.name} -> {getattr(other, 'name', other)} lost {lost} of {count}:\n{text}"
        return lost

    def reaches(self, other):
        return self.ping(other, count=1, check=False) == 0

    def neighbours(self, *others):
        """Knows the others' MAC addresses for good: what is lost then is not an ARP request."""
        for other in others:
            self.run("ip", "neigh", "replace", other.ip, "lladdr", other.mac, "nud", "permanent", "dev", "eth0")


def ping_losses(text):
    found = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    assert found, f"ping said nothing of use:\n{text}"
    assert "DUP!" not in text and "duplicates" not in text, f"ping received duplicates:\n{text}"
    return int(found.group(1)) - int(found.group(2))


class Ping:
    """A fast ping in the background; result() waits for its end and returns (sent, lost)."""

    def __init__(self, station, other, count, interval=0.005):
        self.process = station.ns.popen("ping", "-q", "-n", "-c", count, "-i", interval, "-W", 1, other.ip,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def running(self):
        return self.process.poll() is None

    def result(self):
        text, _ = self.process.communicate()
        return int(re.search(r"(\d+) packets transmitted", text).group(1)), ping_losses(text)

    def close(self):
        if self.running():
            self.process.kill()
        self.process.wait()


class UdpFlow:
    """Numbered datagrams from one station to another; stop() returns (sent, lost, duplicated)."""

    PORT = 40000

    def __init__(self, source, sink, rate=2000, ipv6=False):
        self.family = socket.AF_INET6 if ipv6 else socket.AF_INET
        address = sink.ip6 if ipv6 else sink.ip
        self.receiver = sink.ns.call(lambda: self._socket())
        self.receiver.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: nothing is lost in the socket
        self.receiver.bind((address, self.PORT))
        self.receiver.settimeout(0.1)
        self.sender = source.ns.call(lambda: self._socket())
        self.sender.connect((address, self.PORT))
        self.interval = 1.0 / rate
        self.sent = 0
        self.seen = set()
        self.duplicated = 0
        self._arrived = 0  # all before
        self.sending = True
        self.receiving = True
        self.threads = [threading.Thread(target=self._receive), threading.Thread(target=self._send)]
        for thread in self.threads:
            thread.start()
        eventually(lambda: self.seen, "the first datagram arrives")

    def _socket(self):
        return socket.socket(self.family, socket.SOCK_DGRAM)

    def _send(self):
        due = time.monotonic()
        while self.sending:
            try:
                self.sender.send(struct.pack("!I", self.sent) + bytes(60))
            except ConnectionRefusedError:
                continue  # an ICMP error of an earlier datagram; this one was not sent
            self.sent += 1
            due += self.interval
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            else:
                due = time.monotonic()

    def _receive(self):
        while self.receiving:
            try:
                data = self.receiver.recv(2048)
            except socket.timeout:
                continue
            number = struct.unpack_from("!I", data)[0]
            self.duplicated += number in self.seen
            self.seen.add(number)

    def lost(self):
        """How many of those that were sent by now do not arrive."""
        sent = self.sent
        end = time.monotonic() + 2
        while (missing := sum(1 for number in range(self._arrived, sent) if number not in self.seen)) and \
                time.monotonic() < end:
            time.sleep(0.005)
        if not missing:
            self._arrived = sent
        return missing

    def stop(self):
        if self.sending:
            self.sending = False
            self.threads[1].join()
            end = time.monotonic() + 2
            while len(self.seen) < self.sent and time.monotonic() < end:
                time.sleep(0.02)
            self.receiving = False
            self.threads[0].join()
            self.receiver.close()
            self.sender.close()
        return self.sent, self.sent - len(self.seen), self.duplicated

    close = stop


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
