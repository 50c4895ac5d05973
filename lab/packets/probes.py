"""Packets that are sent from hosts of a built VPC, and where they arrive.

Each asks for an answer in the way of its protocol: TCP with a SYN, ICMP with an echo request; UDP has none of its own,
so we send it as the host that a packet arrived at. All between the two hosts is the kernel's. The number of a probe
travels with it, also where NAT changes addresses and ports: as the sequence number of TCP, or as what is carried.
"""

import select
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.packets.vpc import Vpc

SYN, RST, ACK = 0x02, 0x04, 0x10
ECHO_REPLY, ECHO = 0, 8
AT_ONCE = 24  # packets that are sent before what arrived is read: a socket keeps so many, and more
SETTLED = 0.03  # seconds without a packet: what still was on its way has arrived, or was dropped
PROTOCOLS = (socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP)
PATIENCE = 10.0  # seconds that a machine that is busy gets for what is expected


@dataclass(frozen=True)
class Probe:
    """A first packet. For ICMP it is an echo request: its port means nothing."""

    source: str
    """The name of a host."""
    sender: IPv4Address
    """An address of that host."""
    to: IPv4Address
    protocol: str
    """tcp, udp or icmp."""
    port: int
    from_port: int


@dataclass(frozen=True)
class Outcome:
    """What became of a probe."""

    arrived: str = ""
    """The host that it reached, or empty text."""
    answered: bool = False
    """Whether the answer came back to who asked, from whom they had asked."""


def send(vpc: Vpc, probes: Sequence[Probe], expected: Sequence[Outcome] = ()) -> list[Outcome]:
    """Send probes; return what became of each.

    Where more is ``expected`` than was seen, a probe is sent again until it is seen, for PATIENCE seconds at most: that
    a machine is busy must not make a difference.
    """
    with ExitStack() as stack:
        sent = _Sent(vpc, probes, stack)
        pending: Iterable[int] = range(len(probes))
        end = time.monotonic() + PATIENCE
        while pending:
            sent.send(pending)
            found = sent.outcomes()
            pending = [number for number, each in enumerate(expected) if _is_more(each, found[number])]
            if time.monotonic() > end:
                break
        return found


def _is_more(one: Outcome, other: Outcome) -> bool:
    return one.answered > other.answered or bool(one.arrived) > bool(other.arrived)


class _Sent:
    """Probes under way, and the sockets that see all that reaches a host, and send as it."""

    def __init__(self, vpc: Vpc, probes: Sequence[Probe], stack: ExitStack) -> None:
        self._probes = probes
        self._arrived: dict[int, str] = {}
        self._answered: set[int] = set()
        self._poll = select.epoll()
        stack.callback(self._poll.close)
        self._seen: dict[int, tuple[str, socket.socket]] = {}
        self._out: dict[str, socket.socket] = {}
        for name, space in vpc.hosts.items():
            space.enter()
            out = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
            self._out[name] = out
            for protocol in PROTOCOLS:
                seen = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol))
                seen.settimeout(0)
                self._seen[seen.fileno()] = name, seen
                self._poll.register(seen, select.EPOLLIN)

    def send(self, numbers: Iterable[int]) -> None:
        for count, number in enumerate(numbers, 1):
            its = self._probes[number]
            self._put(its.source, first_packet(its, number), its.to)
            if count % AT_ONCE == 0:
                self._read(0)
        self._read(SETTLED)

    def outcomes(self) -> list[Outcome]:
        return [Outcome(self._arrived.get(number, ""), number in self._answered) for number in range(len(self._probes))]

    def _put(self, host: str, packet: bytes, to: IPv4Address) -> None:
        with suppress(OSError):  # it is dropped before it leaves
            self._out[host].sendto(packet, (str(to), 0))

    def _read(self, seconds: float) -> None:
        while ready := self._poll.poll(seconds):
            for descriptor, _ in ready:
                name, seen = self._seen[descriptor]
                with suppress(BlockingIOError):
                    while True:
                        self._note(name, seen.recv(2048))

    def _note(self, host: str, packet: bytes) -> None:
        """Note a packet that reached a host: a probe, or its answer."""
        protocol, sender, receiver = packet[9], packet[12:16], packet[16:20]
        said = packet[(packet[0] & 15) * 4 :]
        if protocol == socket.IPPROTO_TCP:
            theirs, ours, sequence, acknowledged = struct.unpack("!HHII", said[:12])
            if said[13] & ACK:
                self._note_answer(host, acknowledged - 1, sender, receiver, (theirs, ours))
            elif said[13] & SYN:
                self._arrived[sequence] = host
        elif protocol == socket.IPPROTO_UDP:
            theirs, ours = struct.unpack("!HH", said[:4])
            kind, number = struct.unpack("!BI", said[8:13])
            if kind == ECHO:
                self._arrived[number] = host
                answer = _datagram(receiver, sender, ours, theirs, struct.pack("!BI", ECHO_REPLY, number))
                self._put(host, answer, IPv4Address(sender))
            else:
                self._note_answer(host, number, sender, receiver, (theirs, ours))
        elif protocol == socket.IPPROTO_ICMP and len(said) == 12:
            (number,) = struct.unpack("!I", said[8:])
            if said[0] == ECHO:
                self._arrived[number] = host
            elif said[0] == ECHO_REPLY:
                self._note_answer(host, number, sender, receiver, None)

    def _note_answer(
        self, host: str, number: int, sender: bytes, receiver: bytes, ports: tuple[int, int] | None
    ) -> None:
        if not 0 <= number < len(self._probes):
            return
        its = self._probes[number]
        asked = (its.source, its.to.packed, its.sender.packed)
        if (host, sender, receiver) == asked and ports in (None, (its.port, its.from_port)):
            self._answered.add(number)


def first_packet(its: Probe, number: int) -> bytes:
    """Return a probe as it is sent; the kernel completes the header of IP."""
    sender, to = its.sender.packed, its.to.packed
    if its.protocol == "icmp":
        said = struct.pack("!BBHHHI", ECHO, 0, 0, its.from_port, 1, number)
        said = said[:2] + _checksum(said) + said[4:]
        return _header(sender, to, socket.IPPROTO_ICMP, len(said)) + said
    if its.protocol == "udp":
        return _datagram(sender, to, its.from_port, its.port, struct.pack("!BI", ECHO, number))
    said = struct.pack("!HHIIBBHHH", its.from_port, its.port, number, 0, 5 << 4, SYN, 64240, 0, 0)
    said = said[:16] + _checksum(_pseudo(sender, to, socket.IPPROTO_TCP, len(said)) + said) + said[18:]
    return _header(sender, to, socket.IPPROTO_TCP, len(said)) + said


def _datagram(sender: bytes, to: bytes, from_port: int, port: int, data: bytes) -> bytes:
    said = struct.pack("!HHHH", from_port, port, 8 + len(data), 0) + data
    said = said[:6] + _checksum(_pseudo(sender, to, socket.IPPROTO_UDP, len(said)) + said) + said[8:]
    return _header(sender, to, socket.IPPROTO_UDP, len(said)) + said


def _header(sender: bytes, to: bytes, protocol: int, length: int) -> bytes:
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0x4000, 64, protocol, 0, sender, to)


def _pseudo(sender: bytes, to: bytes, protocol: int, length: int) -> bytes:
    return struct.pack("!4s4sBBH", sender, to, 0, protocol, length)


def _checksum(data: bytes) -> bytes:
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)
