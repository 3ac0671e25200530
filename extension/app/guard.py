"""Who may ask the app: pages of its own address, and nobody from elsewhere.

A browser lets any site send requests to 127.0.0.1, so the address alone protects nothing. This
stands before every route, gradio's own included (whose CORS answers grant every port of this
machine). Fetch metadata: W3C, https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing needs a description of the routes, a recording, or another site's files through this
# machine. What is uploaded has a limit, and is gone after an hour (server.py, page.py).
CLOSED = re.compile(
    r"(/gradio_api)?/(process_recording|proxy=|docs|redoc|openapi\.json)|/upload", re.IGNORECASE
)
HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI middleware: 400 for another host's name, 403 for another site's request.

    Args:
        names: the host names under which the page may be reached, without a port.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app = app
        self.names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            await refused(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(host) not in self.names:
            return PlainTextResponse("this address is not known by that name", 400)
        if not _is_ours(scope, headers, host):
            return PlainTextResponse("requests of other sites are refused", 403)
        if CLOSED.match(scope["path"]):
            return PlainTextResponse("there is nothing here", 404)
        return None


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host


def _is_ours(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether our own page, or the user, asks. Programs send neither header, and may ask."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin not in {f"http://{host}", f"https://{host}"}:
        return False
    return site in (None, "same-origin", "none") or _is_link(scope, headers)


def _is_link(scope: Scope, headers: Headers) -> bool:
    """A link on another page that leads here, in a tab of its own."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"] == "/"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _with_headers(send: Send) -> Send:
    """Adds to every answer that it may not be framed, guessed at, or named to other sites."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped
