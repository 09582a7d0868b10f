# SPDX-License-Identifier: Apache-2.0
"""BPF objects of the kernel: whose they are, whether they are gone; and programs of somebody else."""

import ctypes
import json
import os
import random
import re
import socket
import struct
import subprocess
from pathlib import Path

from network import run

_libc = ctypes.CDLL(None, use_errno=True)


def objects_of_fdinfo(folder):
    """BPF objects of the descriptors whose fdinfo files are in a folder: {("prog", 12), ("map", 7), ("link", 3)}."""
    found = set()
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        try:
            text = Path(folder, name).read_text()
        except OSError:
            continue
        ids = dict(re.findall(r"^(prog|map|link)_id:\s*(\d+)", text, re.MULTILINE))
        if "link" in ids:
            found.add(("link", int(ids["link"])))
        elif len(ids) == 1:
            found |= {(kind, int(number)) for kind, number in ids.items()}
    return found


def fatal(image, check):
    """A damaged copy of an object, which ends who opens it with libbpf, as the program `check` (polycube-object-check) is."""
    begin = image.index(bytes((0x9f, 0xeb, 1, 0, 24)))  # of .BTF: magic number, version, flags, length of the header
    types, length = struct.unpack_from("<2I", image, begin + 8)
    words = random.Random(7)  # the same for each run
    for _ in range(1000):
        damaged = bytearray(image)
        for _ in range(words.randint(1, 4)):
            word = begin + 24 + types + words.randrange(length // 4) * 4
            struct.pack_into("<I", damaged, word, words.choice((0xffffff, words.randrange(5000))))
        if subprocess.run([check], input=damaged, capture_output=True).returncode < 0:
            return bytes(damaged)
    raise AssertionError("no damage ends libbpf")


def bpftool(*arguments):
    """What bpftool says of something pinned, as JSON."""
    return json.loads(run("bpftool", "-j", *arguments))


def _info(kind, number, info=b""):
    """What the kernel says about a program or link, whose struct begins with `info`; nothing when it has just gone."""
    descriptor = bpf_syscall(_DESCRIPTOR_OF_ID[kind], struct.pack("=I", number))
    if descriptor < 0:
        return None
    try:
        buffer = ctypes.create_string_buffer(info, 256)
        attributes = struct.pack("=IIQ", descriptor, len(buffer), ctypes.addressof(buffer))
        return buffer.raw if bpf_syscall(_BPF_OBJ_GET_INFO_BY_FD, attributes) == 0 else None
    finally:
        os.close(descriptor)


def _programs():
    """The ids of each program's maps."""
    maps = (ctypes.c_uint32 * 256)()
    found = {}
    for number in _ids("prog"):
        # struct bpf_prog_info: nr_map_ids at 52, map_ids at 56
        info = _info("prog", number, struct.pack("=52xIQ", len(maps), ctypes.addressof(maps)))
        if info:
            found[number] = set(maps[: struct.unpack_from("=I", info, 52)[0]])
    return found


def related_objects(seed):
    """All BPF objects that hang together with these: maps of programs, programs of maps, links of programs.

    Programs that are only held by a program array have no descriptor any more, but share maps with those that have one.
    """
    programs = _programs()
    links = {}
    for number in _ids("link"):
        if info := _info("link", number):  # struct bpf_link_info: prog_id at 8
            links[number] = struct.unpack_from("=I", info, 8)[0]
    prog_ids = {number for kind, number in seed if kind == "prog"}
    map_ids = {number for kind, number in seed if kind == "map"}
    link_ids = {number for kind, number in seed if kind == "link"}
    prog_ids |= {links[link] for link in link_ids if links.get(link)}
    while True:
        size = len(prog_ids) + len(map_ids)
        for program, maps in programs.items():
            if program in prog_ids or maps & map_ids:
                prog_ids.add(program)
                map_ids |= maps
        if len(prog_ids) + len(map_ids) == size:
            break
    link_ids |= {link for link, program in links.items() if program in prog_ids}
    return ({("prog", number) for number in prog_ids} | {("map", number) for number in map_ids} |
            {("link", number) for number in link_ids})


_NEXT_ID = {"prog": 11, "map": 12, "link": 31}  # BPF_*_GET_NEXT_ID
_DESCRIPTOR_OF_ID = {"prog": 13, "link": 30}  # BPF_*_GET_FD_BY_ID
_BPF_OBJ_GET_INFO_BY_FD = 15


def _ids(kind):
    """The ids of all objects of a kind.

    bpftool would open maps, also when it lists programs. A program array that is opened and closed while the kernel empties
    it, because its last user has just died, stays for ever (Linux 6.18, prog_array_map_clear(): work that is pending is
    counted twice).
    """
    attributes = ctypes.create_string_buffer(128)
    while _libc.syscall(_SYS_BPF, _NEXT_ID[kind], attributes, 128) == 0:
        [number] = struct.unpack_from("=I", attributes, 4)
        yield number
        struct.pack_into("=I", attributes, 0, number)


def existing_objects():
    """All BPF objects."""
    return {(kind, number) for kind in _NEXT_ID for number in _ids(kind)}


def unpin(objects):
    """Removes the pins of these objects, for runs that were killed."""
    for folder, _, names in os.walk("/sys/fs/bpf", topdown=False):
        for name in names:
            path = os.path.join(folder, name)
            fd = _obj_get(path)
            if fd < 0:
                continue
            try:
                text = Path(f"/proc/self/fdinfo/{fd}").read_text()
            finally:
                os.close(fd)
            ids = {(kind, int(number)) for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)", text, re.M)}
            if ids & objects:
                os.unlink(path)


_SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine, 321)


def bpf_syscall(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = _libc.syscall(_SYS_BPF, command, buffer, 128)
    return result if result >= 0 else -ctypes.get_errno()


def _obj_get(path):
    name = ctypes.create_string_buffer(str(path).encode())
    return bpf_syscall(7, struct.pack("=QII", ctypes.addressof(name), 0, 0))


class ForeignProgram:
    """A counting program of somebody else on a device: by tcx, by clsact filter, or by XDP."""

    _XDP_MODES = {"xdp_drv": "xdpdrv", "xdp_skb": "xdpgeneric"}

    def __init__(self, lab, namespace, device, how, direction="ingress"):
        self.lab, self.namespace, self.device, self.how, self.direction = lab, namespace, device, how, direction
        self.link = None
        self.pins = Path(f"/sys/fs/bpf/{lab.prefix}-{lab.number()}")
        hook = "xdp" if how.startswith("xdp") else "tc"
        self.object = self._compile(lab, hook)
        self.pins.mkdir()
        lab.closing(self.close)
        run("bpftool", "prog", "load", self.object, self.pins / "program", "type",
            "xdp" if hook == "xdp" else "classifier", "pinmaps", self.pins)
        if how == "tcx":
            self._attach_tcx()
        elif how == "clsact":
            if "clsact" not in namespace.run("tc", "qdisc", "show", "dev", device):
                namespace.run("tc", "qdisc", "add", "dev", device, "clsact")
            namespace.run("tc", "filter", "add", "dev", device, direction, "bpf", "da", "object-pinned",
                          self.pins / "program")
        else:
            namespace.run("ip", "link", "set", "dev", device, self._XDP_MODES[how], "pinned", self.pins / "program")

    @staticmethod
    def _compile(lab, hook):
        target = Path(lab.folder, f"count.{hook}.o")
        if not target.exists():
            arch = run("gcc", "-print-multiarch").strip()
            run("clang-19", "-O2", "-g", "-target", "bpf", "-mcpu=v3", f"-I/usr/include/{arch}",
                f"-DHOOK_{hook.upper()}", "-c", Path(__file__).parent / "bpf/count.bpf.c", "-o", target)
        return target

    def _attach_tcx(self):
        program = _obj_get(self.pins / "program")
        assert program >= 0, os.strerror(-program)
        try:
            index = self.namespace.call(lambda: socket.if_nametoindex(self.device))
            attach_type = 46 if self.direction == "ingress" else 47
            attributes = struct.pack("=IIII", program, index, attach_type, 0)
            self.link = self.namespace.call(lambda: bpf_syscall(28, attributes))
            assert self.link >= 0, os.strerror(-self.link)
        finally:
            os.close(program)

    def packets(self):
        [entry] = bpftool("map", "dump", "pinned", str(self.pins / "packets"))
        if "formatted" in entry:
            return entry["formatted"]["value"]
        return int.from_bytes(bytes(int(byte, 16) for byte in entry["value"]), "little")

    def close(self):
        if self.link is not None and self.link >= 0:
            os.close(self.link)
            self.link = None
        if self.how == "clsact":
            self.namespace.run("tc", "filter", "del", "dev", self.device, self.direction, check=False)
        elif self.how.startswith("xdp"):
            self.namespace.run("ip", "link", "set", "dev", self.device, self._XDP_MODES[self.how], "off", check=False)
        for name in ("program", "packets"):
            Path(self.pins, name).unlink(missing_ok=True)
        for path in self.pins.glob("*") if self.pins.exists() else ():
            path.unlink()
        if self.pins.exists():
            self.pins.rmdir()
