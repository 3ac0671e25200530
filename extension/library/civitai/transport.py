"""One request over http or https, and nothing that an answer could make of it.

Python's own http.client: the packages that webuis bring (requests, httpx) resolve a name once more
after it was checked, send a .netrc's password along, and read for as long as a site likes to send.
Connections through a proxy are not made.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

from ... import __version__
from ...errors import OnlineError
from .access import Access
from .addresses import Origin, Resolve, addresses, split

PATIENCE = 20.0  # seconds without a byte
REDIRECTS = 5
AGENT = f"LiveLoRA/{__version__}"
GLANCE = 0.5  # seconds between looks at whether to stop
Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: GET, or POST where there is a body, which then goes to the chosen site only."""

    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Stopping(Exception):
    """The user stopped it."""


class Transport:
    """Sends requests as `access` allows. Threads may share it; every request has its connection.

    Args:
        patience: seconds without a byte after which a site is given up.
        resolve, connect, context: of `socket` and `ssl`, for tests.
    """

    def __init__(
        self,
        access: Access,
        *,
        patience: float = PATIENCE,
        resolve: Resolve = socket.getaddrinfo,
        connect: Callable[..., socket.socket] = socket.create_connection,
        context: Any = None,
    ) -> None:
        self.access = access
        self._patience = patience
        self._resolve = resolve
        self._connect = connect
        self._given_context = context

    @contextmanager
    def open(
        self, asked: Asked, chosen: Origin, until: float, stopped: Stopped = lambda: False
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, redirects followed; its body is read until `until` (monotonic), no longer.

        The key goes to the configured host with the first request, and nowhere else. OnlineError;
        Stopping once `stopped()`.
        """
        self.access.demand()
        connection, answer = self._followed(asked, chosen, until, stopped)
        try:
            yield answer
        finally:
            answer.close()
            connection.close()

    def _followed(
        self, asked: Asked, chosen: Origin, until: float, stopped: Stopped
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """The first answer that is no redirect, and its connection."""
        url, with_key = asked.url, True
        for _ in range(REDIRECTS + 1):
            connection = self._send(Asked(url, asked.body, asked.headers), chosen, with_key, until)
            try:
                answer = _answer(connection, self._patience, until, stopped)
                if answer.status not in (301, 302, 303, 307, 308):
                    return connection, answer
                url, with_key = _next(url, answer, asked, chosen), False
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise no_answer(url, error) from error
            except BaseException:
                connection.close()
                raise
            connection.close()
        raise OnlineError("nonsense", f"{chosen} sends in circles")

    def _send(
        self, asked: Asked, chosen: Origin, with_key: bool, until: float
    ) -> http.client.HTTPConnection:
        parts, origin = split(asked.url), Origin.of(asked.url)
        places = addresses(origin, chosen, self._resolve)
        connection = http.client.HTTPConnection(origin.host, origin.port)
        # What the Host header leaves out.
        connection.default_port = 443 if origin.scheme == "https" else 80
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity", **asked.headers}
        if with_key and self.access.key and _may_have_key(origin, self.access.host):
            headers["Authorization"] = f"Bearer {self.access.key}"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.sock = self._socket(origin, places, until)
            connection.request("POST" if asked.body else "GET", path, asked.body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise no_answer(asked.url, error) from error
        return connection

    def _socket(self, origin: Origin, places: Sequence[Any], until: float) -> socket.socket:
        """Connected to the first of the checked addresses that answers."""
        problem: OSError = TimeoutError("no time is left")
        for place in places:
            try:
                left = min(self._patience, max(until - time.monotonic(), 0.01))
                plain = self._connect(place[:2], left)
                plain.settimeout(left)
                if origin.scheme == "http":
                    return plain
                return self._context.wrap_socket(  # type: ignore[no-any-return]
                    plain, server_hostname=origin.host
                )
            except OSError as error:
                problem = error
        raise problem

    @cached_property
    def _context(self) -> Any:
        """Certificates are checked: by certifi's list where it is installed, as webuis have it."""
        if self._given_context is not None:
            return self._given_context
        try:
            import certifi
        except ImportError:
            return ssl.create_default_context()
        return ssl.create_default_context(cafile=certifi.where())


class _Timed(io.RawIOBase):
    """A socket as a file whose reading ends in time, whatever is sent and however slowly."""

    def __init__(self, sock: socket.socket, patience: float, until: float, stopped: Stopped):
        self._sock = sock
        self._held = sock.makefile("rb", buffering=0)  # the connection closes before the answer
        self._patience = patience
        self._until = until
        self._stopped = stopped

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(self)

    def close(self) -> None:
        self._held.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        patient = time.monotonic() + self._patience
        while True:
            if self._stopped():
                raise Stopping
            left = min(patient, self._until) - time.monotonic()
            if left <= 0:
                raise TimeoutError("it sends too slowly")
            self._sock.settimeout(min(left, GLANCE))
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError:
                continue


def _may_have_key(origin: Origin, host: Origin) -> bool:
    """The configured host, and never in clear text over a network."""
    local = origin.host in ("127.0.0.1", "localhost", "::1")
    return origin == host and (origin.scheme == "https" or local)


def _answer(
    connection: http.client.HTTPConnection, patience: float, until: float, stopped: Stopped
) -> http.client.HTTPResponse:
    timed: Any = _Timed(connection.sock, patience, until, stopped)
    connection.response_class = lambda sock, **options: http.client.HTTPResponse(  # type: ignore
        timed, **options
    )
    return connection.getresponse()


def _next(url: str, answer: http.client.HTTPResponse, asked: Asked, chosen: Origin) -> str:
    """Where a redirect leads; what is posted goes to the chosen site only."""
    target = urljoin(url, answer.headers.get("Location", ""))
    if asked.body is not None and (answer.status < 307 or Origin.of(target) != chosen):
        raise OnlineError("address", f"{chosen} sends elsewhere with what it was told")
    return target


def no_answer(url: str, error: Exception) -> OnlineError:
    """Why a site did not answer; never with the address's query, which may hold secrets."""
    host = split(url).hostname
    if isinstance(error, ssl.SSLCertVerificationError):
        return OnlineError(
            "address", f"{host} cannot prove that it is {host}: {error.verify_message}"
        )
    why = (error.strerror or error) if isinstance(error, OSError) else type(error).__name__
    return OnlineError("no-answer", f"{host} does not answer: {why}")


def read_all(answer: http.client.HTTPResponse, most: int) -> bytes:
    """The whole body; OnlineError where it is longer than `most` bytes or ends too soon."""
    try:
        content = answer.read(most + 1)
    except (OSError, http.client.HTTPException) as error:
        raise OnlineError("no-answer", f"the answer broke off: {error}") from error
    if len(content) > most:
        raise OnlineError("nonsense", f"the answer is longer than {most:,} bytes")
    if answer.length:  # read(n) does not tell an end that comes too soon
        raise OnlineError("no-answer", f"the answer broke off: {answer.length:,} bytes are missing")
    return content


def read_json(answer: http.client.HTTPResponse, most: int) -> Any:
    """The body as JSON; OnlineError."""
    try:
        return json.loads(read_all(answer, most))
    except (ValueError, RecursionError) as error:
        raise OnlineError("nonsense", "the answer is not the data that was asked for") from error
