"""What a feature of the language is: the names it claims, how it reads a value, what it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...discovery import Registry
from ..diagnostics import Code, closest
from ..factor import Factor
from ..grammar import Unreadable, any_of
from ..language import DEFAULT, Language
from ..numbers import what_was_found


@dataclass(frozen=True, slots=True)
class WrittenArgument:
    """A value in a tag: `name` as it was understood, or its position after the tag's name."""

    text: str
    name: str = ""
    position: int = 0
    language: Language = DEFAULT


@dataclass(frozen=True, slots=True)
class Remark:
    """What the user should know about an argument of a tag that works: a warning.

    `idle`: the tag means the same without the argument.
    """

    argument: str
    code: Code
    message: str
    idle: bool = False


@dataclass(slots=True)
class Draft:
    """A tag in the making: the values by name, where it stands, its factors so far.

    `part` is the part of `a AND b` the tag stands in, None in a negative prompt.
    """

    values: Mapping[str, Any]
    part: int | None = 0
    factors: list[Factor] = field(default_factory=list)


class Feature:
    """One feature of the language: a file in this folder, found by itself.

    A feature claims named arguments (`names`) and positions after the tag's name (`positions`, each
    with the name its value goes under); two claims on one are a TypeError at import. `read` turns
    the text of a value into a value, `compose` adds the feature's factor to the draft, `remarks`
    tells the user what to know.
    """

    names: ClassVar[tuple[str, ...]] = ()
    positions: ClassVar[Mapping[int, str]] = {}
    shares: ClassVar[tuple[int, ...]] = ()  # positions of others whose values it may `recognise`
    order: ClassVar[int] = 1  # features compose in this order
    is_weight: ClassVar[bool] = False  # what cannot be read of it costs the tag, whatever was meant
    always: ClassVar[bool] = False  # composes for tags without its arguments, too

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        FEATURES.add(cls, (*cls.names, *cls.positions))

    @classmethod
    def read(cls, written: WrittenArgument) -> Any:
        """The value. Raises Unreadable, with what was expected."""
        raise NotImplementedError

    @classmethod
    def words(cls, name: str, value: Any) -> str:  # noqa: ARG003
        """What an argument of this value means, for people: `until 40 %`; "" is: as written."""
        return ""

    @classmethod
    def recognise(cls, written: WrittenArgument) -> str | None:  # noqa: ARG003
        """The name for a value that other programs write at one of `shares`; None: not mine."""
        return None

    @classmethod
    def concerns(cls, values: Mapping[str, Any]) -> bool:
        """True for a tag that has one of this feature's arguments."""
        return cls.always or any(name in values for name in cls.names)

    @classmethod
    def compose(cls, draft: Draft) -> None:
        """Adds this feature's factor, or puts it around the others'."""

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:  # noqa: ARG003
        """What the user should know about the arguments of a tag that works."""
        return ()


FEATURES: Registry[type[Feature]] = Registry("argument")  # by the names and positions they claim


def argument_names() -> tuple[str, ...]:
    """Every named argument of the language."""
    return tuple(name for feature in FEATURES for name in feature.names)


def in_order() -> list[type[Feature]]:
    """All features, as they compose."""
    return sorted(FEATURES, key=lambda feature: feature.order)


def in_words(means: str, value: Any) -> str:
    """What the argument with this meaning says, for people."""
    return FEATURES.owners[means].words(means, value)


def one_of(text: str, choices: Sequence[str]) -> str:
    """`text` in lower case, if it is one of `choices`. Raises Unreadable."""
    word = text.strip().lower()
    if word not in choices:
        expected = f"expected {any_of(choices)}, {what_was_found(text)}"
        raise Unreadable(expected, fix=closest(text, choices))
    return word
