"""Whose turn it is: one model draws for one request at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event
from typing import Protocol

from .request import GenerationRequest, RequestError


class TakenBack(RequestError):
    """Nobody wants it any more, before its turn has come."""


class Turns(Protocol):
    """What a drawing has to wait for before it may begin.

    `together` is how many of a page's drawings may wait here, None for any; further ones wait in
    the page's own line.
    """

    together: int | None

    def __call__(
        self, user: str, request: GenerationRequest, stop: Event
    ) -> AbstractContextManager[None]:
        """Inside, it is this settled request's turn; `stop` gives it up.

        Raises TakenBack, or RequestError where the turn does not come.
        """


class InOrder:
    """Who comes first draws first: the page's own line sees to it."""

    together: int | None = 1

    @contextmanager
    def __call__(self, user: str, request: GenerationRequest, stop: Event) -> Iterator[None]:
        yield
