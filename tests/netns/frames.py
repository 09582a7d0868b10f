# SPDX-License-Identifier: Apache-2.0
"""Whole frames, sent and received as they are on the wire."""

import select
import socket
import struct
import time


class Tap:
    """Sends and receives whole frames on a device of a namespace."""

    _AUXDATA = struct.Struct("=IIIHHHH")

    EVERYTHING = 3  # ETH_P_ALL

    def __init__(self, namespace, device="eth0", protocol=EVERYTHING):
        """With a protocol, an EtherType, it receives what the stack does: on TC, everything else is seen before TC."""
        self.socket = namespace.call(lambda: self._open(device, protocol))

    @staticmethod
    def _open(device, protocol):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
        tap.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: VLAN tags that the kernel took out of the frame
        tap.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
        tap.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
        tap.bind((device, protocol))
        return tap

    def send(self, *frames):
        for frame in frames:
            self.socket.send(bytes(frame))

    def receive(self, timeout):
        """The next frame as it was on the wire, or None."""
        if not select.select([self.socket], [], [], max(timeout, 0))[0]:
            return None
        data, ancillary, _, _ = self.socket.recvmsg(1 << 16, 256)
        for level, kind, content in ancillary:
            if level == 263 and kind == 8:
                status, _, _, _, _, tci, tpid = self._AUXDATA.unpack_from(content)
                if status & 0x10:
                    data = data[:12] + struct.pack("!HH", tpid if status & 0x40 else 0x8100, tci) + data[12:]
        return data

    def expect(self, frame, timeout=3.0):
        """Waits for exactly this frame; others are let pass."""
        wanted = bytes(frame)
        end = time.monotonic() + timeout
        others = []
        while (left := end - time.monotonic()) > 0:
            data = self.receive(left)
            if data == wanted:
                return
            if data is not None:
                others.append(data.hex())
        raise AssertionError(f"frame {wanted.hex()} did not arrive; others did: {others[:5]}")

    def count(self, frame, within):
        """How often this frame arrives during `within` seconds."""
        wanted = bytes(frame)
        end = time.monotonic() + within
        seen = 0
        while (left := end - time.monotonic()) > 0:
            seen += self.receive(left) == wanted
        return seen

    def close(self):
        self.socket.close()
