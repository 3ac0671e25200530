"""One tag that the scan has found → a Tag, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..words import Problem, Span
from .arguments import Draft, Feature, Written
from .items import Item, Items, split
from .nearest import nearest
from .reader import Unreadable
from .scan import KINDS, Found
from .tags import Argument, Tag


class Reading:
    """Reads one tag; what there is to say about it goes to `problems`."""

    def __init__(self, prompt: str, found: Found, problems: list[Problem]) -> None:
        self.span = found.span
        self.start = found.span.start
        self.source = prompt[found.span.start : found.span.end]
        self.problems = problems
        self.given: dict[str, Argument] = {}
        self.values: dict[str, Any] = {}

    def tag(self, part: int | None = 0) -> Tag | None:
        """The tag, or None where it cannot be read: then a problem tells why."""
        try:
            items = split(self.source)
        except Unreadable as error:
            self._fail(error.message, error.start, error.end or error.start + 1)
            return None
        name, rest = _named(items.items)
        if not name or not name.value.strip():
            first = items.items[0]
            self._fail("expected the name of a LoRA", first.start, max(first.end, first.start + 1))
            return None
        arguments = self._arguments(rest)
        if arguments is None:
            return None
        self._warn_of_characters(name)
        return self._build(items, _name_of(name), arguments, part)

    def _build(
        self, items: Items, name: str, arguments: Sequence[Argument], part: int | None
    ) -> Tag:
        draft = compose(self.values, part)
        self._remark(draft)
        return Tag(
            kind=KINDS[items.kind.lower()],
            name=name,
            arguments=tuple(arguments),
            span=self.span,
            source=self.source,
            written_kind=items.kind,
            part=part or 0,
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
            span = Span(self.start + item.start, self.start + item.end)
            arguments.append(Argument(item.key, item.value, span, means))
            if means is None:
                continue
            try:
                read = Feature.by_name[means].read(Written(item.value, means, position))
            except Unreadable as error:
                self._unreadable(item, means, error)
                sound = False
                continue
            if item.key is not None and means in named:
                self._warn(f"{means}= stands twice: the last one counts", span)
            (self.values if item.key is None else named)[means] = read
            if item.key is not None or means not in named:
                self.given[means] = arguments[-1]
        self.values.update(named)
        return arguments if sound else None

    def _means(self, item: Item, position: int) -> str | None:
        span = Span(self.start + item.start, self.start + item.end)
        if item.key is not None:
            if item.key in Feature.by_name:
                return item.key
            close = nearest(item.key, Feature.by_name)
            hint = f"; did you mean {close}=?" if close else ""
            self._warn(f"no argument is named {item.key!r}, it has no effect{hint}", span)
            return None
        for feature in Feature.bares:
            if (claimed := feature.bare(Written(item.value, "", position))) is not None:
                return claimed
        if position not in Feature.by_position:
            self._warn(f"there is no argument number {position}, it has no effect", span)
        return Feature.by_position.get(position)

    def _unreadable(self, item: Item, means: str, error: Unreadable) -> None:
        end = item.end if error.end is None else item.value_start + error.end
        start = min(item.value_start + error.start, item.end)
        self._fail(f"{means}: {error.message}", start, max(end, start + 1))

    def _fail(self, message: str, start: int, end: int) -> None:
        span = Span(self.start + start, self.start + end)
        shown = self.source if len(self.source) <= 60 else self.source[:59] + "…"
        text = f"column {span.start + 1}: {message}; {shown} is left out"
        self.problems.append(Problem(text, span))

    def _warn(self, message: str, span: Span) -> None:
        self.problems.append(Problem(f"column {span.start + 1}: {message}", span, "warning"))

    def _warn_of_characters(self, name: Item) -> None:
        for signs, eater in _EATEN.items():
            if signs in name.value:
                at = self.start + name.start + name.written.find(signs)
                self._warn(
                    f"{signs!r} in a name: {eater}; rename the file, or use hash= instead",
                    Span(at, at + len(signs)),
                )

    def _remark(self, draft: Draft) -> None:
        for feature in Feature.features:
            for name, remark in feature.remarks(draft) if feature.concerns(draft.values) else ():
                self._warn(remark, self.given[name].span)


# What the webui's comment option and the dynamic-prompts extension take out of a prompt.
_EATEN = {
    "#": "the webui's comment option cuts the prompt from # to the end of the line",
    "{": "dynamic prompts takes {…} for alternatives",
    "}": "dynamic prompts takes {…} for alternatives",
    "%": "dynamic prompts refuses a prompt with %",
    "$$": "dynamic prompts takes $$ for its own",
    "__": "wildcard extensions take __…__ for a wildcard",
}


def compose(values: Mapping[str, Any], part: int | None) -> Draft:
    """The factors that these values make."""
    draft = Draft(values, part)
    for feature in Feature.features:
        if feature.concerns(values):
            feature.compose(draft)
    return draft


def _named(items: Sequence[Item]) -> tuple[Item | None, list[Item]]:
    """The item that is the name, and the others: A1111 lets `te=…` stand before the name, too."""
    for index, item in enumerate(items):
        if item.key not in Feature.by_name:
            return item, [*items[:index], *items[index + 1 :]]
    return None, list(items)


def _name_of(item: Item) -> str:
    """The name; an `=` in it is part of it."""
    if item.key is not None:
        return item.written.strip()
    return item.value if item.quoted else item.value.strip()
