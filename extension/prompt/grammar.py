"""Small Lark languages: each is built when first used, and says what it expected where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from lark import Lark, Transformer
from lark.exceptions import UnexpectedInput


class Unreadable(Exception):
    """A value that is not what its argument takes.

    `start` and `end` count characters from the beginning of the value; `message` says what was
    expected, `fix` what was probably meant in place of them.
    """

    def __init__(
        self, message: str, start: int = 0, end: int | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.fix = fix

    def mended(self, value: str) -> str | None:
        """The whole value as it was probably meant."""
        if self.fix is None:
            return None
        return value[: self.start] + self.fix + ("" if self.end is None else value[self.end :])


class Grammar:
    """An LALR grammar, its transformer, and the words for what it takes.

    The lexer is contextual: a terminal is only looked for where the grammar allows it, so that
    small languages need no reserved words. `expected` says what a whole text is; `terminals` says
    it of single ones (`$END` is the end), for the place where a text went wrong: those that could
    stand there are listed in this order, those without words are left out.
    """

    def __init__(
        self,
        grammar: str,
        transformer: Callable[[], Transformer[Any, Any]],
        expected: str,
        start: str = "start",
        terminals: Mapping[str, str] | None = None,
    ) -> None:
        self.grammar = grammar
        self.transformer = transformer
        self.expected = expected
        self.start = start
        self.terminals = terminals or {}

    @cached_property
    def lark(self) -> Lark:
        """The parser; about 5 ms to build."""
        return Lark(
            self.grammar,
            start=self.start,
            parser="lalr",
            lexer="contextual",
            transformer=self.transformer(),
            maybe_placeholders=True,
        )

    def read(self, text: str) -> Any:
        """The transformed value. Raises Unreadable."""
        try:
            return self.lark.parse(text)
        except UnexpectedInput as error:
            at = _position(error, text)
            raise Unreadable(self._message(error, text, at), at) from None

    def _message(self, error: UnexpectedInput, text: str, at: int) -> str:
        if not text.strip():
            return f"expected {self.expected}, found nothing"
        rest = text[at : at + 20]
        where = f"found {rest!r}" if rest.strip() else "found the end"
        return f"expected {self._acceptable(error) or self.expected}, {where}"

    def _acceptable(self, error: UnexpectedInput) -> str:
        """What could stand where the error is."""
        parser = getattr(error, "interactive_parser", None)
        choices = parser.choices() if parser else ()
        return any_of([words for name, words in self.terminals.items() if name in choices])


def any_of(choices: Sequence[str]) -> str:
    """`a, b or c`."""
    *most, last = choices or [""]
    return f"{', '.join(most)} or {last}" if most else last


def _position(error: UnexpectedInput, text: str) -> int:
    """Where it stopped; lark gives the last token's place for an end that came too early."""
    at = error.pos_in_stream
    token = getattr(error, "token", None)
    if at is None or at < 0 or getattr(token, "type", "") == "$END":
        return len(text)
    return int(at)
