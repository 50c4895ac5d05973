"""The page, served on 127.0.0.1 to whoever has its token: what is asked, by whom, and what is answered."""

import asyncio
import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from urllib.parse import parse_qsl

from botocore.exceptions import BotoCoreError, ClientError
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.page.pieces import Pages, assets
from lab.page.seen import Seen, see
from lab.template.deployed import explain
from lab.template.reader import STACK
from lab.terminal.language import LANGUAGES, N_, Language, _, speaking, spoken
from lab.terminal.problem import ProblemError

LONGEST_BODY = 10_000
# Scripts, styles and pictures are files of ours: nothing within a page runs, and nobody else is asked.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers say of a form that it comes from nowhere
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Asked:
    """A request: the language and the name in its address, its fields, and whether a whole page is to come."""

    language: Language
    name: str
    fields: Mapping[str, str]
    whole: bool


def application(port: int, token: str, look: Callable[[], Seen]) -> ASGIApp:
    """Return the page for a port of 127.0.0.1."""
    service = _Service(Pages(look, token=token), token)
    routes = [
        Route("/", service.start),
        Route("/static/{name}", service.file),
        Route("/{language}/", service.start),
        Route("/{language}/run", service.answering(service.run, N_("What came")), methods=["POST"]),
        Route("/{language}/claims/{name}", service.answering(service.claims, N_("Claims"))),
        Route("/{language}/exercises/{name}", service.answering(service.exercises, N_("Exercises"))),
        Route("/{language}/{name}.html", service.answering(service.page)),
    ]
    return Guard(Starlette(routes=routes), port, token)


class _Service:
    """What answers each kind of request."""

    def __init__(self, pages: Pages, token: str) -> None:
        self._pages = pages
        self._token = token
        self._at_work = Lock()  # AWS is asked for one page at a time

    def start(self, request: Request) -> Response:
        return RedirectResponse(f"/{request.path_params.get('language', spoken())}/index.html", 303)

    def file(self, request: Request) -> Response:
        found = assets().get(request.path_params["name"])
        return FileResponse(found) if found else PlainTextResponse("Not found", 404)

    def page(self, asked: Asked) -> str:
        match asked.name:
            case "index":
                return self._pages.index()
            case "reach":
                return self._pages.reach(asked.fields)
            case "bill":
                return self._pages.bill(asked.fields)
            case "class":
                return self._pages.classroom()
            case "words":
                return self._pages.words()
        return self._pages.chapter(asked.name)

    def run(self, asked: Asked) -> str:
        return self._pages.run(asked.fields.get("command", ""))

    def claims(self, asked: Asked) -> str:
        return self._pages.marks(asked.name)

    def exercises(self, asked: Asked) -> str:
        return self._pages.exercises(asked.name)

    def answering(self, answer: Callable[[Asked], str], title: str = "") -> Callable[[Request], Awaitable[Response]]:
        """Return what answers a request: with a page; or, where there is a title, with a piece of one for htmx.

        A browser without htmx gets the piece as a page with this title.
        """

        async def handle(request: Request) -> Response:
            language = request.path_params["language"]
            if language not in LANGUAGES:
                return PlainTextResponse("Not found", 404)
            fields = dict(request.query_params)
            if request.method == "POST":
                fields = dict(parse_qsl((await request.body()).decode(errors="replace")))
                if not hmac.compare_digest(fields.get("token", "").encode(), self._token.encode()):
                    return PlainTextResponse("Refused: the token of the page is missing", 403)
            whole = "HX-Request" not in request.headers or not title
            asked = Asked(language, request.path_params.get("name", ""), fields, whole)
            return await run_in_threadpool(self._said, answer, title, asked)

        return handle

    def _said(self, answer: Callable[[Asked], str], title: str, asked: Asked) -> Response:
        with speaking(asked.language), self._at_work:
            try:
                html = answer(asked)
            except (ProblemError, ClientError, BotoCoreError) as error:
                html = self._pages.notice(explain(error))
                if asked.whole:
                    return HTMLResponse(self._pages.alone(_("That did not work"), html), 404)
                return HTMLResponse(html)
            return HTMLResponse(self._pages.alone(_(title), html) if title and asked.whole else html)


class Guard:
    """Lets in who has the token, came by the address that was printed, and for a change from the page itself.

    A page elsewhere can make a browser send requests here: it has neither our cookie (SameSite) nor our Origin. A name
    that somebody points at 127.0.0.1 is no Host of ours.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self._token = token
        self._cookie = f"lab-page-{port}"  # cookies are for all ports of a host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the server's start and end
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (self._instead(Request(scope)) or self._app)(scope, receive, with_headers)

    def _instead(self, request: Request) -> Response | None:
        """Return an answer where a request goes no further: a refusal, or the way in for who brings the token."""
        if refusal := self._refused(request.method, request.headers):
            return PlainTextResponse(f"Refused: {refusal}", 403)
        if request.url.path == "/" and self._is_token(request.query_params.get("token", "")):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return answer
        if not self._is_token(request.cookies.get(self._cookie, "")):
            return PlainTextResponse("Open the address that `python -m lab page` printed: it has a token in it.", 403)
        return None

    def _refused(self, method: str, headers: Headers) -> str:
        """Return why a request is refused, whoever sent it; empty when it is not."""
        if headers.get("host") not in self._hosts:
            return "this page has another name"
        if method not in ("GET", "HEAD", "POST"):
            return "the page takes GET and POST alone"
        if method != "POST":
            return ""
        if headers.get("origin") not in [f"http://{host}" for host in self._hosts]:
            return "this comes from another page"
        length = headers.get("content-length", "")
        return "" if length.isdecimal() and int(length) <= LONGEST_BODY else "this is too long"

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def run(
    ready: Callable[[str], None], until: Callable[[], Awaitable[object]] | None = None, *, stack: str = STACK
) -> None:
    """Serve the page about a stack on a free port of 127.0.0.1, until Ctrl-C or ``until``.

    ``ready`` gets the address to open.
    """
    token = secrets.token_urlsafe(24)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    config.loglevel = "WARNING"
    config.graceful_timeout = 1  # seconds that Ctrl-C leaves to open connections
    ready(f"http://127.0.0.1:{port}/?token={token}")
    app = application(port, token, lambda: see(stack))
    asyncio.run(serve(app, config, shutdown_trigger=until))  # type: ignore[arg-type]  # hypercorn spells out ASGI
