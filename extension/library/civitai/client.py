"""What Civitai is asked: versions by hash, models by number. Every answer is a stranger's text.

Endpoints: https://developer.civitai.com/docs/api/public-rest
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from ...errors import Code, OnlineError
from .access import Access
from .addresses import Origin
from .pacing import FIRST_PAUSE, LONGEST_PAUSE, TRIES, Pace, seconds_of
from .reply import dictionaries, positive
from .transport import Asked, Stopped, Transport, read_all, read_json

API = "/api/v1"
Answer = TypeVar("Answer")
OF_PICTURES = 0.2  # seconds between requests to the network that hands out pictures
MOST_HASHES = 100  # in one request
MOST_MODELS = 50  # in one request: all their versions come along
LARGEST = 32 << 20  # bytes of an answer: 100 models with all versions and descriptions
LARGEST_PICTURE = 16 << 20
TIME = 60.0  # seconds for one answer
AGAIN = ("no-answer", "nonsense")  # a cut answer is no JSON
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class CivitaiClient:
    """One conversation. `stopped` is asked all the time: Stopping is raised when it is true."""

    def __init__(
        self,
        transport: Transport,
        pace: Pace | None = None,
        stopped: Stopped = lambda: False,
        seconds: float = TIME,
    ) -> None:
        self.transport = transport
        self.stopped = stopped
        self._pace = pace or Pace()
        self._elsewhere = Pace(OF_PICTURES)
        self._seconds = seconds

    @property
    def access(self) -> Access:
        """Which site is asked."""
        return self.transport.access

    def by_sha256(self, hashes: Sequence[str]) -> list[dict[str, Any]]:
        """The versions that have one of these files (up to 100 of 64 digits), in no order."""
        body = json.dumps([hash.upper() for hash in hashes[:MOST_HASHES]]).encode()
        return dictionaries(self._api("/model-versions/by-hash", body=body))

    def by_hash(self, hash: str) -> dict[str, Any] | None:
        """The first version with a file of this hash of any kind; short ones are no proof."""
        return self._found(f"/model-versions/by-hash/{hash.upper()}")

    def version(self, id: int) -> dict[str, Any] | None:
        """One version."""
        return self._found(f"/model-versions/{id:d}")

    def models(self, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Models with licence, tags, creator and all versions; those that are shown to nobody
        are missing."""
        found: dict[int, dict[str, Any]] = {}
        wanted = sorted(set(ids))
        for start in range(0, len(wanted), MOST_MODELS):
            some = ",".join(map(str, wanted[start : start + MOST_MODELS]))
            query = {"ids": some, "nsfw": "true", "limit": str(MOST_MODELS)}
            answer = self._api("/models", query=query)
            items = answer.get("items") if isinstance(answer, dict) else None
            found |= {id: one for one in dictionaries(items) if (id := positive(one.get("id")))}
        return {id: found[id] for id in wanted if id in found}

    def archived(self, path: str) -> Any:
        """An answer of the second site; None where it does not know, or there is none."""
        site = self.access.fallback
        return self._json(site, f"{site}/api{path}", None) if site else None

    def picture(self, url: str) -> bytes:
        """The bytes of an example picture, from wherever the site keeps them; OnlineError."""
        host = self.access.host
        pace = self._pace if Origin.of(url) == host else self._elsewhere

        def ask() -> bytes:
            until = time.monotonic() + self._seconds
            with self.transport.open(Asked(url), host, until, self.stopped) as answer:
                demand_success(answer, host)
                return read_all(answer, LARGEST_PICTURE)

        return self._tried(ask, pace)

    def _found(self, path: str) -> dict[str, Any] | None:
        answer = self._api(path)
        return answer if isinstance(answer, dict) else None

    def _api(
        self, path: str, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Any:
        host = self.access.host
        url = f"{host}{API}{path}" + (f"?{urlencode(query, safe=',')}" if query else "")
        return self._json(host, url, body)

    def _json(self, site: Origin, url: str, body: bytes | None) -> Any:
        """The answer; None for "not found". Tries again where that may help."""
        asked = Asked(url, body, JSON_HEADERS)
        return self._tried(lambda: self._once(site, asked), self._pace)

    def _once(self, site: Origin, asked: Asked) -> Any:
        until = time.monotonic() + self._seconds
        with self.transport.open(asked, site, until, self.stopped) as answer:
            if answer.status == 404:
                return None
            demand_success(answer, site)
            return read_json(answer, LARGEST)

    def _tried(self, ask: Callable[[], Answer], pace: Pace) -> Answer:
        pause = FIRST_PAUSE
        for left in reversed(range(TRIES)):
            pace.wait(self.stopped)
            try:
                return ask()
            except OnlineError as error:
                wait = pause if error.wait is None else error.wait
                if error.code not in AGAIN or not left or wait > LONGEST_PAUSE:
                    raise
            pace.pause(wait, self.stopped)
            pause *= 2
        raise AssertionError("the last try returns or raises")


def demand_success(answer: Any, site: Origin) -> None:
    """OnlineError for a status that is none; `no-answer` where another try may help."""
    status = answer.status
    if status == 200:
        return
    wait = seconds_of(answer.headers.get("Retry-After"))
    if status == 429 or status >= 500:
        later = f"; it asks to wait {wait:.0f} seconds" if wait else ""
        what = "is asked too often" if status == 429 else "is out of order"
        raise OnlineError("no-answer", f"{site} {what} ({status}){later}", wait)
    if status in (401, 402, 403):
        reason = f"{site} does not give this to everybody ({status}): it may need a key of yours"
        raise OnlineError("refused", reason)
    code: Code = "not-there" if status in (404, 410) else "nonsense"
    raise OnlineError(code, f"{site} answers with status {status}")
