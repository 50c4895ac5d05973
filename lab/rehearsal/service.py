"""What the services of a rehearsal have in common: a given socket, a log of requests, faults by switch."""

import argparse
import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.rehearsal.switches import Switches

POLL_SECONDS = 0.05
BACKLOG = 128


class ServiceServer(ThreadingHTTPServer):
    """An HTTP server on a socket that somebody else opened."""

    daemon_threads = True

    def __init__(
        self,
        listener: socket.socket,
        handler: type["Handler"],
        folder: Path,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(("", 0), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.socket.listen(BACKLOG)
        self.server_name, self.server_port = listener.getsockname()
        self.folder = folder
        self.tls = tls
        self._lock = threading.Lock()
        self._log = (folder / "requests.jsonl").open("a", buffering=1)

    @property
    def switches(self) -> Switches:
        return Switches.read(self.folder / "switches.json")

    def service_actions(self) -> None:
        """Between two connections: stay away for as long as a fault says so."""
        fault = self.switches.fault_now
        if fault == "refuse":
            self.socket.shutdown(socket.SHUT_RD)  # Linux stops listening, and keeps a port that was asked for
        elif fault == "drop":
            self.socket.listen(0)  # a full queue: the kernel drops what knocks
        else:
            return
        while self.switches.fault_now == fault:
            time.sleep(POLL_SECONDS)
        self.socket.listen(BACKLOG)

    def log(self, **facts: Any) -> None:
        with self._lock:
            self._log.write(json.dumps({"time": round(time.time(), 3), **facts}) + "\n")

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.tls:  # the handshake itself belongs into the connection's own thread
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def server_close(self) -> None:
        super().server_close()
        self._log.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless it is only that the other side went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def serve(self) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            self.serve_forever(POLL_SECONDS)


class Handler(BaseHTTPRequestHandler):
    """A request; ``target`` is the path and query exactly as they were sent."""

    server: ServiceServer
    disable_nagle_algorithm = True
    timeout = 300

    @property
    def target(self) -> str:
        return self.requestline.split()[1]  # self.path has lost all but one of its leading slashes

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that it has
        """Say nothing: each service logs in its own way."""

    def drops_request(self) -> bool:
        """Behave as the switches say on a connection that was open before; return whether nothing is to be answered."""
        switches = self.server.switches
        time.sleep(switches.delay)
        while self.server.switches.fault_now == "drop":
            time.sleep(POLL_SECONDS)
        if self.server.switches.fault_now == "refuse":
            self.close_connection = True
            return True
        return False

    def reply(self, status: int, body: bytes = b"", *, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def arguments(description: str) -> tuple[socket.socket, Path, dict[str, Any]]:
    """Read a service's command line: its socket, its folder and the facts that it needs (``facts.json`` in there)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--socket", type=int, required=True, help="number of the open file that is the socket")
    parser.add_argument("--folder", type=Path, required=True, help="facts, switches and the log of requests")
    given = parser.parse_args()
    facts: dict[str, Any] = json.loads((given.folder / "facts.json").read_text())
    return socket.socket(fileno=given.socket), given.folder, facts
