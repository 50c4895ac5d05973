"""Who is asked, and a line in the terminal while the answer is long in coming."""

import sys
from threading import Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.terminal.language import _

if TYPE_CHECKING:
    import boto3

SECONDS = 2
ERASE = "\r\x1b[2K"


class Waiting:
    """The request that is under way. ``asked`` is where the last one went; empty before the first."""

    def __init__(self) -> None:
        self.asked = ""
        self._timer: Timer | None = None
        self._said = False

    def watch(self, session: "boto3.Session") -> None:
        """Follow every request of the clients that a session makes from now on."""
        session.events.register("before-send", self.begin)
        session.events.register("response-received", self.end)

    def begin(self, request: Any, event_name: str, **_more: Any) -> None:
        self.end()
        url = urlsplit(request.url)
        self.asked = f"{url.scheme}://{url.netloc}"
        if sys.stderr.isatty():  # elsewhere a line that goes again is noise
            self._timer = Timer(SECONDS, self._say, [event_name.rpartition(".")[2]])
            self._timer.daemon = True
            self._timer.start()

    def end(self, **_more: Any) -> None:
        """Take the line away: the answer is there, or none will come."""
        if self._timer:
            self._timer.cancel()
            self._timer.join()
            self._timer = None
        if self._said:
            self._said = False
            sys.stderr.write(ERASE)
            sys.stderr.flush()

    def _say(self, operation: str) -> None:
        self._said = True
        said = _("Waiting for {server} to answer {operation} ...").format(server=self.asked, operation=operation)
        sys.stderr.write(ERASE + said)
        sys.stderr.flush()


waiting = Waiting()
