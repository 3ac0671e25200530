"""One tag's text → what it says, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from ..records import Fix, Span
from .arguments import FEATURES, Draft, WrittenArgument, argument_names, in_order
from .diagnostics import Code, closest, did_you_mean
from .factor import Factor
from .find_tags import KINDS
from .fixes import mended, place, without
from .grammar import Unreadable
from .language import DEFAULT, Language
from .split_tag import Item, split_tag
from .tags import Argument

# Characters that a host or another extension takes out of a prompt before we see it, and why.
_TAKEN_OUT = {
    "#": "the webui's comment option removes everything from # to the end of the line",
    "{": "Dynamic Prompts reads {…} as alternatives",
    "}": "Dynamic Prompts reads {…} as alternatives",
    "%": "Dynamic Prompts rejects a prompt that contains %",
    "$$": "Dynamic Prompts uses $$ in its own syntax",
    "__": "wildcard extensions read __…__ as a wildcard",
}
_AT_MOST = "a tag takes at most three values without a name (te, unet, dyn)"


@dataclass(frozen=True, slots=True)
class Note:
    """A problem of a tag; `span` counts from the tag's `<`."""

    code: Code
    message: str
    span: Span
    severity: Literal["error", "warning"]
    reason: str = ""  # the message for those who see the tag
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a tag's text says, wherever it stands; spans count from its `<`."""

    notes: tuple[Note, ...]
    kind: str = ""
    written_kind: str = ""
    name: str = ""  # empty where the tag cannot be read: then a note tells why
    arguments: tuple[Argument, ...] = ()
    values: Mapping[str, Any] | None = None
    factors: tuple[Factor, ...] = ()


def interpret(source: str, part: int | None, language: Language = DEFAULT) -> Interpretation:
    """Reads `<kind:name:…>`; the same text in the same part of a prompt is read once."""
    return _interpret(source, part, language, len(FEATURES.owners))


@lru_cache(maxsize=256)
def _interpret(source: str, part: int | None, language: Language, _known: int) -> Interpretation:
    return _Reading(source, language).all(part)


class _Reading:
    def __init__(self, source: str, language: Language) -> None:
        self.source = source
        self.language = language
        self.notes: list[Note] = []
        self.given: dict[str, Argument] = {}
        self.values: dict[str, Any] = {}

    def all(self, part: int | None) -> Interpretation:
        """Everything, or the notes alone where the tag cannot be read."""
        try:
            items = split_tag(self.source)
        except Unreadable as error:
            self._note("unreadable-tag", error.message, error.start, error.end or error.start + 1)
            return Interpretation(tuple(self.notes))
        name, rest = _named(items.items)
        if not name or not name.value.strip():
            first = items.items[0]
            self._note("no-name", "expected the name of a LoRA", first.start, first.end)
            return Interpretation(tuple(self.notes))
        arguments = self._arguments(rest)
        if arguments is None:
            return Interpretation(tuple(self.notes))
        self._warn_of_name(name)
        draft = compose(self.values, part)
        self._remark(draft)
        return Interpretation(
            notes=tuple(self.notes),
            kind=KINDS[items.kind.lower()],
            written_kind=items.kind,
            name=_name_of(name),
            arguments=tuple(arguments),
            values=self.values,
            factors=tuple(draft.factors),
        )

    def _arguments(self, items: Sequence[Item]) -> list[Argument] | None:
        """All arguments, their values read; None if one cannot be read."""
        arguments: list[Argument] = []
        named: dict[str, Any] = {}
        position = 0
        sound = True
        for item in items:
            position += item.key is None
            means = self._means(item, position)
            argument = Argument(item.key, item.value, Span(item.start, item.end), means)
            arguments.append(argument)
            if means is None:
                continue
            try:
                read = self._read(item, WrittenArgument(item.value, means, position, self.language))
            except Unreadable as error:
                self._unreadable(item, means, error)
                sound = False
                continue
            if item.key is not None and means in named:
                self._warn(
                    "repeated-argument",
                    f"{means}= is given more than once: the last value is used",
                    argument.span,
                    without(self.given[means].span),
                )
            (self.values if item.key is None else named)[means] = read
            if item.key is not None or means not in named:
                self.given[means] = argument
        self.values.update(named)
        return arguments if sound else None

    def _read(self, item: Item, written: WrittenArgument) -> Any:
        """The value, or what was plainly meant by it, with a warning. Raises Unreadable.

        A weight is never guessed: a LoRA of another strength is another picture.
        """
        feature = FEATURES.owners[written.name]
        try:
            return feature.read(written)
        except Unreadable as error:
            meant = error.mended(item.value)
            if meant is None or feature.is_weight:
                raise
            value = feature.read(replace(written, text=meant))
            self._guessed(item, written.name, error, meant)
            return value

    def _guessed(self, item: Item, means: str, error: Unreadable, meant: str) -> None:
        message = f"{means}: {error.message}; read as {meant.strip()}"
        span = place(item, error)
        self._warn("unreadable-value", message, span, mended(item, error))

    def _means(self, item: Item, position: int) -> str | None:
        """Under which name the item is understood; None, and a warning, under none."""
        span = Span(item.start, item.end)
        if item.key is not None:
            if item.key in FEATURES.owners:
                return item.key
            known = [f"{name}=" for name in argument_names()]
            message = f"{item.key!r} is not an argument and is ignored"
            message += did_you_mean(item.key, known)
            close = closest(item.key, known)
            fix = Fix(Span(item.start, item.value_start), close) if close else without(span)
            self._warn("unknown-argument", message, span, fix)
            return None
        written = WrittenArgument(item.value, "", position, self.language)
        for feature in FEATURES:
            if position in feature.shares and (name := feature.recognise(written)) is not None:
                return name
        owner = FEATURES.owners.get(position)
        if owner is None:
            self._warn("surplus-value", f"{_AT_MOST}; this one is ignored", span, without(span))
            return None
        return owner.positions[position]

    def _unreadable(self, item: Item, means: str, error: Unreadable) -> None:
        start, end = place(item, error)
        reason = error.message if item.key is None else f"{means}: {error.message}"
        fix = mended(item, error)
        self._note("unreadable-value", f"{means}: {error.message}", start, end, reason, fix)

    def _note(
        self,
        code: Code,
        message: str,
        start: int,
        end: int,
        reason: str = "",
        fix: Fix | None = None,
    ) -> None:
        shown = self.source if len(self.source) <= 60 else self.source[:59] + "…"
        span = Span(start, max(end, start + 1))
        told = f"{message}; {shown} is ignored"
        self.notes.append(Note(code, told, span, "error", reason or message, fix))

    def _warn(self, code: Code, message: str, span: Span, fix: Fix | None = None) -> None:
        self.notes.append(Note(code, message, span, "warning", message, fix))

    def _warn_of_name(self, name: Item) -> None:
        if not name.quoted and name.value.lstrip().startswith('"'):
            at = name.start + name.written.find('"')
            message = "this quotation mark is never closed, so it is read as part of the name"
            self._warn("unclosed-quote", message, Span(at, at + 1))
        for signs, reason in _TAKEN_OUT.items():
            if signs not in name.value:
                continue
            at = name.start + name.written.find(signs)
            message = f"{signs!r} in a name: {reason}; rename the file or use hash= instead"
            self._warn("reserved-characters", message, Span(at, at + len(signs)))

    def _remark(self, draft: Draft) -> None:
        for feature in in_order():
            for remark in feature.remarks(draft) if feature.concerns(draft.values) else ():
                span = self.given[remark.argument].span
                fix = without(span) if remark.idle else None
                self._warn(remark.code, remark.message, span, fix)


def compose(values: Mapping[str, Any], part: int | None) -> Draft:
    """The factors that these values make."""
    draft = Draft(values, part)
    for feature in in_order():
        if feature.concerns(values):
            feature.compose(draft)
    return draft


def _named(items: Sequence[Item]) -> tuple[Item | None, list[Item]]:
    """The item that is the name, and the others: A1111 lets `te=…` stand before the name, too."""
    for index, item in enumerate(items):
        if item.key not in FEATURES.owners:
            return item, [*items[:index], *items[index + 1 :]]
    return None, list(items)


def _name_of(item: Item) -> str:
    """The name; an `=` in it is part of it."""
    if item.key is not None:
        return item.written.strip()
    return item.value if item.quoted else item.value.strip()
