"""The names and the packages that a machine asks for: ``python -m lab.rehearsal.dns_and_packages``.

A name server that answers the names of AWS, and of the repository, with one address, and nothing else; and a repository
of packages in place of Ubuntu's, from which the bastion installs what it needs.

Facts: ``address``, ``repository`` (a folder).
"""

import argparse
import json
import socket
import struct
import threading
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from lab.rehearsal import service
from lab.rehearsal.switches import Switches

DOMAINS = (".amazonaws.com", ".test")
QUERY_A, NXDOMAIN = 1, 3


def dns_answer(query: bytes, address: str) -> bytes:
    """Return the name server's answer: one address for the names that we serve, no such name for all others."""
    identity, flags, _, _, _, _ = struct.unpack(">6H", query[:12])
    labels, position = [], 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode(errors="replace").lower())
        position += 1 + length
    question = query[12 : position + 5]
    kind = struct.unpack(">H", query[position + 1 : position + 3])[0]
    is_served = f".{'.'.join(labels)}".endswith(DOMAINS)
    record = b""
    if is_served and kind == QUERY_A:
        # A pointer to the question's name, type A, class IN, 5 seconds, 4 bytes.
        record = struct.pack(">3HIH", 0xC00C, QUERY_A, 1, 5, 4) + socket.inet_aton(address)
    response = 0x8480 | (flags & 0x0100) | (0 if is_served else NXDOMAIN)
    return struct.pack(">6H", identity, response, 1, bool(record), 0, 0) + question + record


def serve_names(names: socket.socket, address: str, switches: Path) -> None:
    while True:
        query, client = names.recvfrom(512)
        if Switches.read(switches).fault_now == "no names":
            continue
        try:
            names.sendto(dns_answer(query, address), client)
        except (IndexError, struct.error, OSError):
            continue  # it was no question, or the client is gone


class Package(service.Handler, SimpleHTTPRequestHandler):
    """A file of the repository."""

    protocol_version = "HTTP/1.1"

    def __init__(self, request: Any, client_address: Any, server: Any) -> None:
        SimpleHTTPRequestHandler.__init__(self, request, client_address, server, directory=repository)

    def do_GET(self) -> None:
        if self.drops_request():
            return
        if self.server.switches.fault_now == "error":
            self.reply(500)
            return
        self.server.log(method="GET", path=self.target)
        SimpleHTTPRequestHandler.do_GET(self)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A name server and a repository of packages")
    parser.add_argument("--socket", type=int, required=True, help="number of the open file that is the web server's")
    parser.add_argument("--names", type=int, required=True, help="number of the open file that is the name server's")
    parser.add_argument("--folder", type=Path, required=True, help="facts, switches and the log of requests")
    given = parser.parse_args()
    facts = json.loads((given.folder / "facts.json").read_text())
    repository = facts["repository"]
    opened = socket.socket(fileno=given.names)
    threading.Thread(
        target=serve_names, args=(opened, facts["address"], given.folder / "switches.json"), daemon=True
    ).start()
    service.ServiceServer(socket.socket(fileno=given.socket), Package, given.folder).serve()
