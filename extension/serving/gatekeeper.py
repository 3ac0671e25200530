"""Who may ask the server, how much they may send, and whose a request is.

A browser lets any site send requests to this machine: where nobody has to log in, other origins
are refused, and so is every name of the server but its own (DNS rebinding).
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIB = 1 << 20
OPEN = frozenset({"/live-lora/v1/health"})  # says only that the server is there
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})

# Told (route, status, seconds, user) after each request.
RequestCallback = Callable[[str, int, float, str], None]


@dataclass(frozen=True, slots=True)
class AccessRules:
    """`logins` are passwords by name, `tokens` names by token; without any, nobody logs in.

    `names` are the host names under which the server is reached; None for any. `origins` are other
    sites whose pages may ask. `body` is the most bytes of a request.
    """

    logins: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    origins: frozenset[str] = frozenset()
    names: frozenset[str] | None = LOCAL_NAMES
    body: int = 64 * MIB

    @property
    def closed(self) -> bool:
        """Whether one has to log in."""
        return bool(self.logins or self.tokens)

    def user_of(self, headers: Headers, address: str) -> str | None:
        """Whose a request is; None where one has to log in and has not."""
        if not self.closed:
            return address
        kind, _, text = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return next((n for t, n in self.tokens.items() if _same(t, text.strip())), None)
        if kind.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = self.logins.get(name, "")
        return name if _same(known, password) and name in self.logins else None


class Gatekeeper:
    """ASGI middleware: 400, 401, 403 and 413; `scope["state"]["user"]` is whose a request is."""

    def __init__(
        self, app: ASGIApp, rules: AccessRules, told: RequestCallback = lambda *facts: None
    ) -> None:
        self.app = app
        self.rules = rules
        self.told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin, status = time.monotonic(), 500
        headers = Headers(scope=scope)
        client = scope.get("client")
        user = self.rules.user_of(headers, client[0] if client else "local")

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *self._more(headers)]}
            await send(message)

        try:
            refused = self._refusal(scope, headers, user)
            if refused is None:
                scope.setdefault("state", {})["user"] = user or ""
                await self.app(scope, _limited(receive, self.rules.body), sending)
            else:
                await refused(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.told(route, status, time.monotonic() - begin, user or "")

    def _refusal(self, scope: Scope, headers: Headers, user: str | None) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.rules.names is not None and _without_port(host) not in self.rules.names:
            return _refused(400, "this server is not known by that name")
        own = {f"http://{host}", f"https://{host}"}
        if origin is not None and origin not in own | self.rules.origins:
            return _refused(403, f"requests of {origin} are refused: see --cors-allow-origins")
        if scope["method"] == "OPTIONS" and origin is not None:
            return JSONResponse({})  # what a browser asks first, for an origin that may ask
        if user is None and scope["path"] not in OPEN:
            return _refused(401, "log in", {"WWW-Authenticate": 'Basic realm="live-lora"'})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.rules.body:
            return _refused(413, f"send at most {self.rules.body // MIB} MiB")
        return None

    def _more(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        more = [(b"x-content-type-options", b"nosniff")]
        origin = headers.get("origin")
        if origin is not None and origin in self.rules.origins:
            more += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-allow-headers", b"authorization, content-type"),
                (b"access-control-allow-methods", b"GET, POST, DELETE"),
                (b"vary", b"Origin"),
            ]
        return more


def _limited(receive: Receive, most: int) -> Receive:
    """Also for bodies that do not say how long they are."""
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, f"send at most {most // MIB} MiB")
        return message

    return receiving


def _refused(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdecimal() and name else host


def _same(one: str, other: str) -> bool:
    return bool(one) and secrets.compare_digest(one.encode(), other.encode())
