"""What a prompt says: tags, their arguments, and the text that is left."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..records import Diagnostic, Progress, Row, Span, Target
from . import edits
from .argument import Argument as Argument
from .bound import Bound
from .factor import Factor
from .region import Region
from .render import substituted, tag_text
from .schedules import Schedule


@dataclass(frozen=True, slots=True)
class Tag:
    """`<lora:name:…>` in a prompt.

    `source` is what the user wrote, at `span`. `written_kind` is the kind as written (`lyco`),
    `kind` what it means. `part` says in which part of `a AND b` the tag stands.
    """

    kind: str
    name: str
    arguments: tuple[Argument, ...]
    span: Span
    source: str
    written_kind: str = "lora"
    part: int = 0
    values: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    factors: tuple[Factor, ...] = field(default=(), compare=False, repr=False)

    @property
    def name_span(self) -> Span:
        """Where the name stands, quotation marks and blanks included: between two colons."""
        start = self.span.start + len(self.written_kind) + 2
        for one in self.arguments:  # in the order they are written
            if one.span.start != start:
                return Span(start, one.span.start - 1)
            start = one.span.end + 1
        return Span(start, self.span.end - 1)

    @property
    def rank(self) -> int | None:
        """`dyn=`: how many ranks of the network are used; None for all."""
        return self.values.get("dyn")

    @property
    def hash(self) -> str | None:
        """`hash=`: the first digits of the file's hash, in lower case."""
        return self.values.get("hash")

    @property
    def region(self) -> Region | None:
        """`mask=` and `soft=`: where in the picture it acts; None for everywhere."""
        region: Region | None = self.values.get("mask")
        return None if region is None else replace(region, soft=self.values.get("soft", 0.0))

    @property
    def cap(self) -> Bound | None:
        """`cap=`, where the factors it leads to are not recorded (`capped=`, `hrcapped=`)."""
        bound: Bound | None = self.values.get("cap")
        return None if self.is_capped else bound

    @property
    def is_capped(self) -> bool:
        """Whether factors of a cap are recorded."""
        return bool(self.values.keys() & {"capped", "hrcapped"})

    @property
    def on(self) -> bool:
        """False with `on=0`."""
        return bool(self.values.get("on", True))

    @property
    def sweep(self) -> tuple[float, ...] | None:
        """`sweep=0;0.5;1`: the weights that are laid over the pictures of a job."""
        return self.values.get("sweep")

    @property
    def left_out(self) -> tuple[str, ...]:
        """`without=none;IN04;OUT03`: the blocks that pictures are drawn without; () for one."""
        blocks: tuple[str, ...] = self.values.get("without", ())
        return blocks if len(blocks) > 1 else ()

    @property
    def same_seed(self) -> bool:
        """`seed=same`: all pictures of a sweep get one seed."""
        return self.values.get("seed") == "same"

    @property
    def scheduled(self) -> bool:
        """True inside `[a:b:when]` or `[a|b]`: the text encoder follows, entry by entry."""
        return any(isinstance(factor, Schedule) for factor in self.factors)

    def in_schedule(self, progress: Progress) -> bool:
        """Whether the brackets around it have it on; True without any."""
        return all(one.on(progress) for one in self.factors if isinstance(one, Schedule))

    @property
    def varies(self) -> frozenset[str]:
        """On what besides text encoder or UNet the weight depends: see Factor."""
        return frozenset().union(*(factor.varies for factor in self.factors))

    def weight(self, target: Target, row: Row, progress: Progress) -> float:
        """The number that multiplies the network's delta: the product of the factors."""
        product = 1.0
        for factor in self.factors:
            product *= factor(target, row, progress)
            if product == 0.0:
                return 0.0
        return product

    def render(self) -> str:
        """The tag in its canonical form, which reads the same."""
        return tag_text(self.name, ((one.name, one.value) for one in self.arguments))

    def with_value(self, name: str, value: str | None) -> str:
        """This tag's text with one argument set, or without it (None); all else stays as written.

        `weight` is one number for text encoder and UNet; `te` leaves the UNet's weight alone.
        """
        return edits.with_values(self, {name: value})

    def with_name(self, name: str) -> str:
        """This tag's text for another file."""
        return edits.with_name(self, name)

    def group(self, target: Target) -> Hashable:
        """Equal for two targets of one component: this tag's weight never tells them apart."""
        return tuple(factor.group(target) for factor in self.factors if "target" in factor.varies)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was read: `text` is what is left for the text encoder."""

    source: str
    text: str
    tags: tuple[Tag, ...] = ()
    problems: tuple[Diagnostic, ...] = ()

    @property
    def loras(self) -> tuple[Tag, ...]:
        """The LoRA tags that are on."""
        return tuple(tag for tag in self.tags if tag.kind == "lora" and tag.on)

    def render(self) -> str:
        """The prompt with its tags in canonical form; it reads the same."""
        return self.replace({tag: tag.render() for tag in self.tags})

    def replace(self, texts: Mapping[Tag, str]) -> str:
        """The source with some tags written anew, and nothing else changed.

        A tag whose new text is empty goes with the blank before it, where it ends a word.
        """
        changed = [(tag, texts[tag]) for tag in self.tags if tag in texts]
        return substituted(self.source, [(self._span(tag, text), text) for tag, text in changed])

    def _span(self, tag: Tag, text: str) -> Span:
        start, end = tag.span
        alone = end == len(self.source) or self.source[end].isspace() or self.source[end] == ","
        blank = not text and alone and self.source.endswith(" ", 0, start)
        return Span(start - blank, end)
