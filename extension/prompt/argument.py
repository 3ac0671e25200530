"""An argument of a tag as it was written, and what of a tag an edit needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..records import Span


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: `name` is None for a positional one, `value` is without quotation marks.

    `means` is the name under which it was understood (a first positional value means `te`), or
    None where nobody understood it.
    """

    name: str | None
    value: str
    span: Span
    means: str | None = None


class WrittenTag(Protocol):
    """A tag's text and where its parts are: spans count from the beginning of the prompt."""

    @property
    def source(self) -> str:
        """What the user wrote, from `<` to `>`."""

    @property
    def span(self) -> Span:
        """Where that is."""

    @property
    def name_span(self) -> Span:
        """Where the name is, with its quotation marks."""

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """All of them, in their order."""
